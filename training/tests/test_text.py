"""The tokenizer is CLIP's kind, and the encoder's labels fit its reader."""

import random

import pytest
import torch
from transformers import CLIPTokenizer

from mini import text_encoder, tokenizer
from mini.captions import describe
from mini.world import sample_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(tokenizer.train(captions=2000), path)
    return path


def test_tokenizer_is_what_transformers_loads(folder) -> None:
    ours, theirs = tokenizer.load(folder), CLIPTokenizer.from_pretrained(folder)
    assert ours.get_vocab_size() <= 1500
    for text in ("A red House under a yellow moon", "", "Ünknown  wörds, 42 €!", "a " * 50):
        ids = ours.encode(text).ids
        assert len(ids) == 32
        assert ids == theirs(text, padding="max_length", max_length=32, truncation=True).input_ids


def test_captions_leave_the_last_four_positions_to_padding(folder) -> None:
    words, rng = tokenizer.load(folder), random.Random(0)
    longest = max(sum(words.encode(describe(sample_scene(i), rng).text).attention_mask) for i in range(2000))
    assert longest <= tokenizer.LENGTH - 4


def test_reader(folder) -> None:
    encoder, reader = text_encoder.create(tokenizer.load(folder)), text_encoder.Reader()
    caption = describe(sample_scene(3), random.Random(0))
    target = torch.tensor([text_encoder.labels(caption)])
    assert all(int(t) < size for t, size in zip(target[0], reader.sizes))
    loss, exact = reader.loss(encoder(torch.tensor([tokenizer.load(folder).encode(caption.text).ids])).last_hidden_state, target)
    assert loss.isfinite() and 0 <= exact <= 1
    assert all(name.startswith("text_model.") for name in text_encoder.state_dict(encoder))
