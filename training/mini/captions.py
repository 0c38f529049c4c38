"""Captions in natural English, with what they say as labels. Details may be left out, but nothing false is said."""

import random
from dataclasses import dataclass

from .world import BACKGROUNDS, COLOUR_NAMES, KINDS, RELATIONS, Scene, relations

SYNONYMS = {
    "house": ("house", "house", "cottage"), "boat": ("boat", "boat", "sailboat"), "car": ("car", "car", "automobile"),
    "moon": ("moon", "moon", "crescent moon"), "flower": ("flower", "flower", "blossom"), "cat": ("cat", "cat", "kitty"),
    "mountain": ("mountain", "mountain", "peak"), "umbrella": ("umbrella", "umbrella", "parasol"),
}
PLURALS = {"fish": "fish", "kitty": "kitties"}
PLACES = {
    "day": ("on a sunny day", "in the daytime", "by day", "on green hills"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "in the dark", "at midnight"),
    "sea": ("at sea", "by the sea", "on the water", "in front of the ocean"),
    "snow": ("in the snow", "in winter", "on a snowy day"),
}
PHRASES = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath", "underneath"),
}
OPENINGS = ("a picture of", "an illustration of", "a drawing of", "a photo of")
NUMBERS = (("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"))
SIZES = (("small", "little"), ("big", "large"))
JOINS = ("and", "and", "with", "next to", "beside")
UNSAID = -1


@dataclass(frozen=True)
class Mention:
    """A group of equal things as the caption names it; colour and size may be unsaid."""

    kind: int
    colour: int
    count: int
    size: int


@dataclass(frozen=True)
class Caption:
    text: str
    mentions: tuple[Mention, ...]
    relation: int  # of the first mention to the second, index into RELATIONS
    background: int


def _article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def plural(noun: str) -> str:
    return PLURALS.get(noun, noun + "s")


def noun_phrase(mention: Mention, rng: random.Random) -> str:
    noun = rng.choice(SYNONYMS.get(KINDS[mention.kind], (KINDS[mention.kind],)))
    noun = noun if mention.count == 1 else plural(noun)
    size = [rng.choice(SIZES[mention.size])] if mention.size != UNSAID else []
    colour = [COLOUR_NAMES[mention.colour]] if mention.colour != UNSAID else []
    after = bool(colour) and rng.random() < 0.06
    words = " ".join(size + ([] if after else colour) + [noun])
    tail = f" in {colour[0]}" if after else ""
    if mention.count == 1:
        return (_article(words) if rng.random() < 0.92 else words) + tail
    return f"{NUMBERS[mention.count - 1][rng.random() < 0.15]} {words}{tail}"


def place_phrase(background: int, rng: random.Random) -> str:
    name = BACKGROUNDS[background]
    return rng.choice(PLACES.get(name, (f"on a {name} background", f"on a plain {name} background", f"on {name}")))


def write(mentions: tuple[Mention, ...], relation: int, background: int, rng: random.Random) -> Caption:
    """Words for what is to be said."""
    phrases = [noun_phrase(m, rng) for m in mentions]
    if relation != UNSAID:
        text = f"{phrases[0]} {rng.choice(PHRASES[RELATIONS[relation]])} {phrases[1]}"
    elif len(phrases) == 3:
        text = f"{phrases[0]}, {phrases[1]} and {phrases[2]}"
    else:
        text = f" {rng.choice(JOINS)} ".join(phrases)
    if rng.random() < 0.25:
        text = f"{rng.choice(OPENINGS)} {text}"
    if background != UNSAID:
        place = place_phrase(background, rng)
        text = f"{place}, {text}" if rng.random() < 0.2 else f"{text} {place}"
    return Caption(text, mentions, relation, background)


def describe(scene: Scene, rng: random.Random) -> Caption:
    """A true caption of the scene that names every thing."""
    groups: dict[int, list] = {}
    for thing in scene.things:
        groups.setdefault(thing.kind, []).append(thing)
    order = list(groups.values())
    rng.shuffle(order)
    colourful = rng.random() < 0.85
    mentions = []
    for things in order:
        colours = {t.colour for t in things}
        colour = things[0].colour if len(colours) == 1 and colourful and rng.random() < 0.95 else UNSAID
        longest, size = max(things[0].width, things[0].height), UNSAID
        if len(scene.things) == 1 and rng.random() < 0.3:
            size = 1 if longest > 70 else 0 if longest < 56 else UNSAID
        mentions.append(Mention(things[0].kind, colour, len(things), size))
    relation = UNSAID
    if len(order) == 2 and len(scene.things) == 2:
        holding = sorted(relations(order[0][0], order[1][0]))
        if holding and rng.random() < 0.7:
            relation = RELATIONS.index(rng.choice(holding))
    background = scene.background if rng.random() < 0.5 else UNSAID
    return write(tuple(mentions), relation, background, rng)
