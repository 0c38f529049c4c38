"""CLIP's byte-level BPE with a vocabulary of our own: python -m mini.tokenizer FOLDER"""

import json
import random
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .captions import describe
from .world import sample_scene

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 32
PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
EXTRA = """hello world please draw paint show me some many the a an of in on at to by from and with without under over behind between
is are has very happy sad tiny huge beautiful cute pretty simple flat colourful colorful bright sky hill hills grass water wave
waves mountains trees houses clouds stars flowers boats cars hearts balloons umbrellas birds cats suns moons black grey gray
brown gold silver dog horse person man woman child robot castle ship train plane""".split()


def _pipeline(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(size: int = 1500, captions: int = 20_000) -> Tokenizer:
    """Merges from captions, put behind CLIP's 512 byte symbols and before its two special tokens."""
    rng = random.Random(0)
    texts = [describe(sample_scene(i), rng).text for i in range(captions)] + EXTRA * 50
    learner = _pipeline(Tokenizer(models.BPE(end_of_word_suffix="</w>")))
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, min_frequency=20, end_of_word_suffix="</w>", show_progress=False))
    merges = [tuple(m) for m in json.loads(learner.to_str())["model"]["merges"]]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = symbols + [s + "</w>" for s in symbols]
    tokens += [t for t in dict.fromkeys(a + b for a, b in merges) if t not in set(tokens)]
    tokens += [START, END]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    assert len(vocabulary) <= size, len(vocabulary)
    tokenizer = _pipeline(Tokenizer(models.BPE(vocabulary, merges, unk_token=END, continuing_subword_prefix="", end_of_word_suffix="</w>")))
    tokenizer.add_special_tokens([START, END])
    ends = [(name, vocabulary[name]) for name in (END, START)]
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=False, add_prefix_space=False)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """The five files of a CLIP tokenizer folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads(tokenizer.to_str())["model"]
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, indent=1))
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]))
    token = lambda text, normalized=False: {"content": text, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}
    special = {"bos_token": token(START, True), "eos_token": token(END, True), "pad_token": END, "unk_token": token(END)}
    config = {"add_prefix_space": False, "bos_token": START, "do_lower_case": True, "eos_token": END, "errors": "replace",
              "model_max_length": LENGTH, "pad_token": END, "tokenizer_class": "CLIPTokenizer", "unk_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))


def load(folder: Path | str) -> Tokenizer:
    """A tokenizer that truncates and pads to 32 with the end token."""
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH, pad_id=tokenizer.token_to_id(END), pad_token=END)
    return tokenizer


if __name__ == "__main__":
    save(train(), Path(sys.argv[1]))
