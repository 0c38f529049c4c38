"""The renderer, captions, scores and detector's targets keep their promises."""

import random

import torch

from mini import detector, score
from mini.captions import UNSAID, describe
from mini.render import render
from mini.world import COLOUR_NAMES, HELD_OUT, KINDS, MIN_SIZE, RELATIONS, SIZE, TAGS, relations, sample_scene


def test_scenes_keep_the_rules() -> None:
    counts = set()
    for seed in range(2000):
        scene = sample_scene(seed)
        counts.add(len(scene.things))
        assert not any((KINDS[t.kind], COLOUR_NAMES[t.colour]) in HELD_OUT for t in scene.things)
        for t in scene.things:
            assert max(t.width, t.height) >= MIN_SIZE - 0.01
            assert t.width / 2 <= t.x <= SIZE - t.width / 2 and t.height / 2 <= t.y <= SIZE - t.height / 2
    assert counts == {1, 2, 3, 4}
    assert len(HELD_OUT) == len(KINDS) and all(sum(c == name for _, c in HELD_OUT) == 2 for name in COLOUR_NAMES)


def test_render_is_deterministic_and_independent_of_the_batch() -> None:
    scenes = [sample_scene(seed) for seed in range(12)]
    together, alone = render(scenes), render(scenes[5:6])
    assert torch.equal(together, render(scenes))
    assert torch.allclose(together[5], alone[0], atol=1e-6)
    assert together.min() >= 0 and together.max() <= 1


def test_captions_say_nothing_false() -> None:
    rng = random.Random(0)
    for seed in range(1000):
        scene = sample_scene(seed)
        caption = describe(scene, rng)
        assert sum(m.count for m in caption.mentions) == len(scene.things)
        for m in caption.mentions:
            same = [t for t in scene.things if t.kind == m.kind]
            assert len(same) == m.count and (m.colour == UNSAID or {t.colour for t in same} == {m.colour})
        if caption.relation != UNSAID:
            a, b = (next(t for t in scene.things if t.kind == m.kind) for m in caption.mentions)
            assert RELATIONS[caption.relation] in relations(a, b)
        assert caption.background in (UNSAID, scene.background)


def test_oracle_scenes_show_what_was_asked_for() -> None:
    rng = random.Random(0)
    for i, wanted in enumerate(score.requests(per_tag=6)):
        assert wanted.tag in TAGS
        assert score.shows(score.scene_for(wanted, i).things, wanted)
        assert not score.shows(score.scene_for(score.changed(wanted, rng), i).things, wanted)
        if wanted.unseen:
            assert any((k, c) in HELD_OUT for k, c in zip(wanted.kinds, wanted.colours))


def test_folded_detector_is_the_same_net() -> None:
    torch.manual_seed(0)
    net = detector.Detector()
    pictures = torch.rand(4, 3, 128, 128)
    net(pictures)
    net.eval()
    assert torch.allclose(detector.from_folded(net.folded())(pictures), net(pictures), atol=1e-4)


def test_detector_reads_its_own_targets() -> None:
    scenes = [sample_scene(seed) for seed in range(8)]
    heat, rows = detector.targets(scenes)
    out = torch.zeros(8, detector.OUTPUTS, detector.GRID, detector.GRID)
    out[:, : len(KINDS)] = torch.logit(heat.clamp(1e-4, 1 - 1e-4))
    n, y, x = rows[:, :3].long().unbind(1)
    out[n, len(KINDS) + rows[:, 4].long(), y, x] = 9
    out[n, -4:, y, x] = rows[:, 5:]
    for scene, found in zip(scenes, detector.detect(lambda _: out, torch.zeros(8, 3, 8, 8), 0.9)):
        assert sorted((t.kind, t.colour, round(t.x, 2), round(t.width, 2)) for t in found) == sorted(
            (t.kind, t.colour, round(t.x, 2), round(t.width, 2)) for t in scene.things
        )
