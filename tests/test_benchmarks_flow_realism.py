"""Drawn and recorded flow: what a classifier that tells them apart has to go by."""

import dataclasses

import numpy as np
import pytest

from benchmarks import flow_features, flow_realism, flow_sheet

PERSONS = np.repeat([f"db/{number}" for number in range(24)], 4)


def random_flow(seed, count=48):
    return np.random.default_rng(seed).normal(size=(count, 28, 28, 3)).astype(np.float32)


def test_images_are_what_public_flow_is_stored_as():
    images = flow_features.images(random_flow(0, 3) * [1, 50, 0.01] + [0, 9, 0])
    assert images.shape == (3, 28, 28, 3)
    np.testing.assert_allclose(images * 255, np.round(images * 255), atol=1e-4)
    assert (images.min((1, 2)) == 0).all()
    assert (images.max((1, 2)) == 1).all()


def test_clips_of_one_kind_are_not_told_apart_and_those_of_two_are(monkeypatch):
    monkeypatch.setattr(flow_realism, "_RESAMPLES", 60)
    first, second = (flow_features.images(random_flow(seed)) for seed in (0, 1))
    area, accuracy = flow_realism.told_apart(
        first, second, PERSONS, "logistic regression, 7 × 7 grid"
    )
    assert area.low < 0.5 < area.high
    assert accuracy.low < 0.5 < accuracy.high
    brighter = second.copy()
    brighter[:, :8, :8] += 0.5
    area, accuracy = flow_realism.told_apart(
        first, brighter, PERSONS, "logistic regression, 7 × 7 grid"
    )
    assert area.low > 0.95
    assert accuracy.low > 0.9


def test_statistics_do_not_change_with_the_mirrored_face():
    flow = flow_features.images(random_flow(0, 4))
    mirrored = flow[:, :, ::-1].copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    found, again = flow_features.statistics(flow), flow_features.statistics(mirrored)
    np.testing.assert_allclose(found, again, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", list(flow_features.FEATURES))
def test_there_is_a_row_of_features_for_each_image(name):
    features = flow_features.FEATURES[name](flow_features.images(random_flow(0, 3)))
    assert features.shape[0] == 3
    assert np.isfinite(features).all()


def test_the_sheet_shows_every_class():
    clips = flow_realism.classed(flow_realism.drawn("realism=public", 8))
    picture = flow_sheet.sheet(clips)
    assert picture.dtype == np.uint8
    blocks = np.split(picture, 3)
    assert all(block.std() > 20 for block in blocks)
    assert not np.array_equal(blocks[0], blocks[1])


def test_each_kind_is_tested_by_what_has_learnt_from_the_other():
    clips = {
        "recorded": flow_realism.drawn("class_shares=0.4,0.3,0.3", 8),
        "drawn": flow_realism.drawn("realism=public;seed=2", 8),
    }
    clips["recorded"] = [
        dataclasses.replace(clip, labels=dataclasses.replace(clip.labels, database="lab"))
        for clip in clips["recorded"]
    ]
    found = flow_realism._each_from_the_other(clips, "logistic", seeds=1, epochs=1).table
    assert set(found["fold"]) == {"recorded", "drawn"}
    assert set(found["database"][found["fold"] == "recorded"]) == {"lab"}
    assert len(found) == sum(map(len, clips.values()))
