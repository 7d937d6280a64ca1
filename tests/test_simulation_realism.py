"""Options that make drawn flow resemble recorded flow: each does what it says and no more."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from data_builders.pixels import flow
from data_builders.simulation import estimate, motion, scenario
from data_builders.simulation.anatomy import FRAME_SIZE, Anatomy, Pose
from data_builders.simulation.motion import Movement
from data_builders.simulation.nuisance import Blink, Nuisance
from data_builders.simulation.options import SimulatedOptions, from_mapping, parse_cohorts
from data_builders.simulation.realism import REALISM
from data_builders.simulation.skin import PLAIN, Skin
from data_builders.sources import simulated
from ethnicmer_jax.base import settings
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import ActionUnit, UserError

CROP = CropGeometry.of_margin()
FEW = parse_cohorts("sim:Asian:3,sim:White:3")
MIDDLE = Pose((FRAME_SIZE - 1) / 2, 190.0, 78.0)
AXIS = np.arange(FRAME_SIZE, dtype=float)
EYES = (0.28, 0.15)


def plan(**options):
    return list(simulated.specs(SimulatedOptions(cohorts=FEW, **options)))


def drawn(**options):
    records = simulated.draw_motion_fields(SimulatedOptions(cohorts=FEW, **options))
    return np.stack([record.flow for record in records])


def field(movements, skin=PLAIN):
    return motion.field(Anatomy(), MIDDLE, movements, AXIS, AXIS, skin)


def mirrored(uv):
    return uv[:, ::-1] * (-1, 1)


@pytest.mark.parametrize("number", [1, 6, 12, 17])
def test_a_mirrored_asymmetric_clip_is_the_mirror_image(number):
    unit = ActionUnit(number)
    skin = Skin(diffuse=0.4, coupling=0.5, spread=0.8, lids=(2.0, -1.0))
    left = field([Movement(unit, 3.0, balance=0.7)], skin)
    right = field([Movement(unit, 3.0, balance=-0.7)], dataclasses.replace(skin, lids=(-1.0, 2.0)))
    np.testing.assert_allclose(mirrored(left), right, atol=1e-4)
    assert np.abs(mirrored(left) - left).max() > 0.3


def test_the_side_that_moves_more_has_the_amplitude():
    even, uneven = (
        np.abs(field([Movement(ActionUnit(12), 3.0, balance=balance)])) for balance in (0.0, 1.5)
    )
    half = FRAME_SIZE // 2
    assert uneven[:, half:].max() == pytest.approx(even[:, half:].max(), rel=0.02)
    assert uneven[:, :half].max() == pytest.approx(np.exp(-1.5) * even[:, :half].max(), rel=0.1)


@pytest.mark.parametrize(
    ("skin", "row", "column"),
    # Where a smile is followed: the jaw's edge; where it spreads: beside the cheek.
    [(Skin(coupling=0.5), 190 + 112, 200 + 35), (Skin(diffuse=0.5), 190 + 88, 200 + 75)],
)
def test_skin_moves_beyond_the_pull(skin, row, column):
    movements = [Movement(ActionUnit(12), 3.0)]
    plain, more = field(movements), field(movements, skin)
    assert np.linalg.norm(more[row, column]) > 1.3 * np.linalg.norm(plain[row, column])


def test_lids_move_the_eyes_only():
    moved = field([], Skin(lids=(2.0, 2.0)))
    assert moved[..., 1].max() == pytest.approx(0.02 * MIDDLE.unit, rel=0.05)
    rows, columns = np.nonzero(np.abs(moved).max(axis=-1) > 0.1 * moved.max())
    assert np.abs((rows - MIDDLE.y) / MIDDLE.unit).max() < 0.3
    beside = np.abs(np.abs(columns - MIDDLE.x) / MIDDLE.unit - 0.5)
    assert beside.max() < 0.4


@pytest.mark.parametrize("option", ["weak", "asymmetry", "irregular", "lids", "coupling"])
def test_an_option_changes_nothing_else_of_a_clip(option):
    without, with_it = plan(), plan(**{option: 0.4})
    changed = 0
    for before, after in zip(without, with_it, strict=True):
        changed += before != after
        restored = dataclasses.replace(after, movements=before.movements, skin=before.skin)
        assert restored == before
    assert changed > 0.3 * len(without)


def test_weak_displays_are_as_many_as_asked():
    options = {"clips_per_subject": 40.0, "clips_spread": 0.0}
    strengths = np.array(
        [
            after.movements[0].amplitude / before.movements[0].amplitude
            for before, after in zip(plan(**options), plan(weak=0.5, **options), strict=True)
        ]
    )
    # Some 240 clips: a standard error of .03.
    assert (strengths < 1).mean() == pytest.approx(0.5, abs=0.12)
    assert strengths[strengths < 1].min() >= 0.1
    assert strengths[strengths < 1].max() <= 0.6


def test_sides_differ_by_the_asymmetry_that_is_asked_for():
    specs = plan(asymmetry=0.8, clips_per_subject=40.0)
    balances = [moved.balance for spec in specs for moved in spec.movements]
    assert np.std(balances) == pytest.approx(0.8, rel=0.15)


def test_a_blink_moves_only_the_eyes():
    spec = plan()[0]
    seconds = (spec.apex - spec.onset) / spec.fps
    closing = Nuisance(blinks=(Blink(0.5 * seconds, seconds, 1.0),))
    opening = Nuisance(blinks=(Blink(-0.4 * seconds, 0.9 * seconds, 1.0),))
    x, y = estimate.places(28, CROP)
    eyes = ((np.abs(x) - 0.5) / EYES[0]) ** 2 + (y / EYES[1]) ** 2 <= 1
    for nuisance, sign in ((closing, 1), (opening, -1)):
        blinking = dataclasses.replace(spec, nuisance=nuisance)
        moved = estimate.lid_motion(blinking, 28, CROP, np.random.default_rng(0))
        assert (moved[..., 0] == 0).all()
        assert (moved[~eyes] == 0).all()
        assert (sign * moved[..., 1]).max() > 0.3
        assert (sign * moved[..., 1]).min() >= 0
    still = estimate.lid_motion(spec, 28, CROP, np.random.default_rng(0))
    assert (still == 0).all()


def test_blinks_are_seen_in_motion_fields():
    difference = np.abs(drawn(blinks=3.0) - drawn())[..., 1].mean(axis=0)
    x, y = estimate.places(28, CROP)
    eyes = ((np.abs(x) - 0.5) / EYES[0]) ** 2 + (y / EYES[1]) ** 2 <= 1
    assert difference[eyes].mean() > 20 * difference[~eyes].mean()


@pytest.mark.parametrize("length", [1.0, 2.0, 3.5])
def test_noise_has_the_stated_correlation_length(length):
    rng = np.random.default_rng(0)
    noise = np.stack([estimate.smooth_error(rng, 56, length) for _ in range(60)])
    assert noise.std() == pytest.approx(1, rel=0.15)
    for lag in (1, 2, 4):
        # White noise under a Gaussian filter of deviation s correlates by exp(-lag² / 4s²).
        found = (noise[:, :, lag:] * noise[:, :, :-lag]).mean() / (noise**2).mean()
        assert found == pytest.approx(np.exp(-(lag**2) / (4 * length**2)), abs=0.05)


def test_the_level_of_noise_differs_over_places():
    noise = [estimate.smooth_error(np.random.default_rng(seed), 56, 1.0, 0.8) for seed in range(40)]
    levels = np.log([[np.abs(part).mean() for part in np.split(each, 4)] for each in noise])
    assert levels.std(axis=1).mean() > 0.2
    np.testing.assert_array_equal(
        estimate.smooth_error(np.random.default_rng(3), 56, 1.0, 0.0),
        estimate.smooth_error(np.random.default_rng(3), 56, 1.0),
    )


def test_what_is_left_of_the_head_is_smooth_and_has_no_share_of_the_background():
    spec = plan()[0]
    left = np.stack(
        [estimate.head_left(np.random.default_rng(seed), spec, 56, CROP) for seed in range(100)]
    )
    head = estimate.on_head(spec, 56, CROP)[..., 0] == 1
    assert 0.7 < left[:, head].std() < 1.5
    assert left[:, ~head].std() < 0.8 * left[:, head].std()
    inside = head[1:-1, 1:-1] & head[:-2, 1:-1] & head[2:, 1:-1]
    bent = left[:, 2:, 1:-1] - 2 * left[:, 1:-1, 1:-1] + left[:, :-2, 1:-1]
    assert np.abs(bent[:, inside]).max() < 0.02


def test_regularised_flow_has_flat_parts_and_keeps_an_edge():
    rng = np.random.default_rng(0)
    step = np.zeros((56, 56, 2), np.float32)
    step[:, 28:] = 1.0
    found = estimate.regularised(step + 0.1 * rng.normal(size=step.shape).astype(np.float32), 0.3)
    assert found.dtype == np.float32
    variation = np.abs(np.diff(found, axis=1)).sum(axis=1).mean()
    assert variation < 1.5
    assert found[:, 30:].mean() - found[:, :26].mean() == pytest.approx(1, abs=0.15)
    assert (found[:, 28] - found[:, 27]).mean() > 0.7
    assert found.mean() == pytest.approx(step.mean(), abs=0.02)


def test_regularising_solves_what_it_says(monkeypatch):
    monkeypatch.setattr(estimate, "_ROUNDS", 300)
    spike = np.zeros((21, 21, 1), np.float32)
    spike[7:14, 7:14] = 1.0
    found = estimate.regularised(spike, 0.2)

    def cost(w):
        right, down = np.diff(w, axis=1, append=w[:, -1:]), np.diff(w, axis=0, append=w[-1:])
        return 0.2 * np.sqrt(right**2 + down**2).sum() + 0.5 * ((w - spike) ** 2).sum()

    rng = np.random.default_rng(0)
    others = [spike, 0.9 * spike, *(found + 0.05 * rng.normal(size=spike.shape) for _ in range(5))]
    assert all(cost(found) < cost(other) for other in others)


def test_images_of_few_bits_are_what_public_flow_is():
    records = simulated.draw_motion_fields(SimulatedOptions(cohorts=FEW, flow_bits=8))
    for record in records:
        assert record.flow_unit == "normalised"
        np.testing.assert_allclose(record.flow * 255, np.round(record.flow * 255), atol=1e-3)
        assert (record.flow.min((0, 1)) == 0).all()
        assert (record.flow.max((0, 1)) == 1).all()


def test_a_set_switches_options_on_and_given_ones_win():
    assert tuple(REALISM) == settings.SIMULATED["realism"].of
    assert from_mapping({"realism": "none"}) == from_mapping({}) == SimulatedOptions()
    tuned = from_mapping({"realism": "public"})
    assert {name: getattr(tuned, name) for name in REALISM["public"]} == REALISM["public"]
    assert from_mapping({"realism": "public", "lids": 9.0}).lids == 9.0
    with pytest.raises(UserError, match="realism"):
        from_mapping({"realism": "photographic"})


def test_realistic_clips_have_the_labels_and_people_of_plain_ones():
    few = {"cohorts": "sim:Asian:2,sim:White:2"}
    plain, tuned = (
        simulated.draw_motion_fields(from_mapping({**few, "realism": name}))
        for name in ("none", "public")
    )
    # Options of which Action Units show may differ: emotions, which come before them, do not.
    for before, after in zip(plain, tuned, strict=True):
        assert before.labels.key == after.labels.key
        assert before.labels.ethnicity == after.labels.ethnicity
        assert after.flow.shape == (28, 28, 3)
        assert np.isfinite(after.flow).all()


def test_frames_show_what_the_skin_does():
    spec = plan(lids=3.0, asymmetry=0.8, diffuse=0.3)[0]
    before, after = (simulated.DrawnClip(spec, 0.0).frame(n) for n in (spec.onset, spec.apex))
    crop = np.s_[110:330, 90:310]
    found = flow.compute(before[crop], after[crop], "dis")
    from data_builders.simulation import film

    true = film.displacement(spec, spec.apex)[crop]
    far = np.linalg.norm(true, axis=-1) > 0.5 * np.linalg.norm(true, axis=-1).max()
    assert np.corrcoef(found[far].ravel(), true[far].ravel())[0, 1] > 0.9


def test_subjects_keep_their_clips():
    options = SimulatedOptions(cohorts=FEW)
    tuned = from_mapping({"cohorts": FEW, "realism": "public", "subject_spread": 0.25})
    assert [s.code for s in scenario.draw_subjects(options)] == [
        s.code for s in scenario.draw_subjects(tuned)
    ]


def test_fields_in_a_listing_are_those_that_are_drawn_together():
    options = from_mapping({"cohorts": FEW, "realism": "public", "drawn": "fields"})
    together = simulated.draw_motion_fields(options)
    for task, record in zip(simulated.list_clips(options).tasks, together, strict=True):
        apart, unit = task.motion.flow(28, "similarity")
        np.testing.assert_array_equal(apart, record.flow)
        assert unit == record.flow_unit


def test_a_laboratory_may_have_a_realism_of_its_own():
    cohorts = "one:Asian:2,two:White:2"
    own = from_mapping({"cohorts": cohorts, "laboratories": "two:realism=public,lids=9"})
    clips = simulated.draw_motion_fields(own)
    tuned = from_mapping({"cohorts": cohorts, "realism": "public", "lids": 9.0})
    plain = simulated.draw_motion_fields(from_mapping({"cohorts": cohorts}))
    for clip, without, with_it in zip(
        clips, plain, simulated.draw_motion_fields(tuned), strict=True
    ):
        like = without if clip.labels.database == "one" else with_it
        np.testing.assert_array_equal(clip.flow, like.flow)
