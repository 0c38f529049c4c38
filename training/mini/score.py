"""Prompts with what they ask for, and whether a picture shows it: GenEval's six tags (arXiv 2310.11513) for our world."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .captions import UNSAID, Mention, write
from .world import COLOUR_NAMES, KINDS, RELATIONS, TAGS, Scene, allowed, place, relations


@dataclass(frozen=True)
class Request:
    """One prompt. Colours and position may be None; `unseen` marks kind-colour pairs never trained together."""

    tag: str
    prompt: str
    kinds: tuple[str, ...]
    count: int
    colours: tuple[str | None, ...]
    position: str | None
    unseen: bool


def request(tag: str, rng: random.Random, unseen: bool = False) -> Request:
    """A random prompt of one tag; unseen ones exist where colours are asked for."""
    kinds = rng.sample(range(len(KINDS)), 1 if tag in ("single_object", "counting", "colors") else 2)
    coloured = tag in ("colors", "color_attr")
    colours = [UNSAID] * len(kinds)
    if coloured:
        palette = range(len(COLOUR_NAMES))
        colours = [rng.choice([c for c in palette if allowed(k, c) != unseen]) for k in kinds]
        while len(set(colours)) < len(colours):
            colours[0] = rng.choice([c for c in palette if allowed(kinds[0], c)])
    count = rng.randint(2, 4) if tag == "counting" else 1
    relation = rng.randrange(len(RELATIONS)) if tag == "position" else UNSAID
    mentions = tuple(Mention(k, c, count, UNSAID) for k, c in zip(kinds, colours))
    words = write(mentions, relation, UNSAID, rng).text
    return Request(tag, words, tuple(KINDS[k] for k in kinds), count, tuple(COLOUR_NAMES[c] if coloured else None for c in colours),
                   RELATIONS[relation] if tag == "position" else None, unseen)


def requests(per_tag: int = 80, seed: int = 2024) -> list[Request]:
    """The evaluation's prompts: `per_tag` different ones a tag, and as many unseen ones for the two tags with colours."""
    result: list[Request] = []
    for tag, unseen in [(t, False) for t in TAGS] + [("colors", True), ("color_attr", True)]:
        rng, chosen = random.Random(f"{seed} {tag} {unseen}"), {}
        for _ in range(100 * per_tag):
            if len(chosen) == per_tag:
                break
            one = request(tag, rng, unseen)
            chosen.setdefault(one.prompt, one)
        result += chosen.values()
    return result


def shows(found: Sequence, wanted: Request) -> bool:
    """Whether the things found (or a scene's own things), the most certain first, are what was asked for."""
    firsts = []
    for kind, colour in zip(wanted.kinds, wanted.colours):
        alike = [t for t in found if KINDS[t.kind] == kind]
        if wanted.tag == "counting" and len(alike) != wanted.count or not alike:
            return False
        right = [t for t in alike if colour is None or COLOUR_NAMES[t.colour] == colour]
        if not right:
            return False
        firsts.append(right[0])
    return wanted.position is None or wanted.position in relations(firsts[0], firsts[1])


def scene_for(wanted: Request, seed: int) -> Scene:
    """A random scene that shows what was asked for: the oracle."""
    rng = random.Random(seed)
    kinds = [KINDS.index(k) for k in wanted.kinds for _ in range(wanted.count)]
    named = [COLOUR_NAMES.index(c) if c else None for c in wanted.colours for _ in range(wanted.count)]
    while True:
        colours = [rng.choice([i for i in range(len(COLOUR_NAMES)) if allowed(k, i)]) if c is None else c for k, c in zip(kinds, named)]
        background = rng.randrange(8)
        if things := place(rng, kinds, colours, background, wanted.position):
            return Scene(seed, background, things)


def changed(wanted: Request, rng: random.Random) -> Request:
    """The same request with one attribute changed: a kind, the count, a colour or the relation, as its tag asks for."""
    other = lambda options, *avoid: rng.choice([o for o in options if o not in avoid])
    values = asdict(wanted)
    if wanted.tag == "counting":
        values["count"] = other((2, 3, 4), wanted.count)
    elif wanted.tag == "position":
        values["position"] = dict(zip(RELATIONS, ("right of", "left of", "below", "above")))[wanted.position]
    elif wanted.colours[0]:
        values["colours"] = (other(COLOUR_NAMES, *wanted.colours), *wanted.colours[1:])
    else:
        values["kinds"] = (other(KINDS, *wanted.kinds), *wanted.kinds[1:])
    return Request(**values)


def write_prompts(path: Path) -> None:
    path.write_text("".join(json.dumps(asdict(r)) + "\n" for r in requests()))
