import dataclasses

import numpy as np
import pytest

from ethnicmer_jax.base.schema import (
    EMOTIONS,
    ETHNICITIES,
    ActionUnit,
    ClipLabels,
    ClipRecord,
    UserError,
)
from ethnicmer_jax.data import dataset


def record(subject="s1", clip="c1", **changes):
    seed = sum(map(ord, subject + clip))
    flow = np.random.default_rng(seed).normal(size=(4, 4, 3)).astype(np.float32)
    labels = ClipLabels(
        database="lab",
        subject=subject,
        clip=clip,
        emotion="positive",
        raw_emotion="happiness",
        action_units=(ActionUnit(12, "L", "B"), ActionUnit(6)),
        ethnicity="Indian",
        ethnicity_source="human",
        ethnicity_agreement=0.75,
        age_decade=2,
        gender="female",
        fps=200.0,
        onset=3,
        apex=9,
        offset=20,
        extra={"note": "ümlaut"},
    )
    known = ClipRecord(
        labels,
        flow=flow,
        flow_unit="percent_of_width",
        onset_image=np.full((6, 6, 3), seed % 256, np.uint8),
        apex_image=np.full((6, 6, 3), (seed + 1) % 256, np.uint8),
    )
    return dataclasses.replace(known, **changes)


def test_clips_are_sorted_whatever_the_order_of_the_records():
    data = dataset.from_records([record("s2", "c1"), record("s1", "c2"), record("s1", "c1")])
    assert data.key.tolist() == ["lab/s1/c1", "lab/s1/c2", "lab/s2/c1"]
    assert data.person.tolist() == ["lab/s1", "lab/s1", "lab/s2"]
    assert np.array_equal(data.flow[2], record("s2", "c1").flow)


def test_order_is_by_database_then_subject_then_clip_not_by_joined_text():
    # "s/c" sorts "s-1" before "s" because "-" < "/": the parts have to be compared.
    data = dataset.from_records([record("s-1"), record("s")])
    assert data.subject.tolist() == ["s", "s-1"]


def test_labels_become_indices():
    data = dataset.from_records([record()])
    assert EMOTIONS[data.emotion[0]] == "positive"
    assert ETHNICITIES[data.ethnicity[0]] == "Indian"
    assert data.emotion.dtype == data.ethnicity.dtype == data.frames.dtype == np.int32
    assert data.frames.tolist() == [[3, 9, 20]]


@pytest.mark.parametrize("which", [[True, False, True], [0, 2], np.array([0, 2])])
def test_select_takes_masks_and_indices(which):
    data = dataset.from_records([record(clip=f"c{i}") for i in range(3)])
    part = data.select(which)
    assert part.clip.tolist() == ["c0", "c2"]
    assert len(part) == len(part.action_units) == len(part.extra) == len(part.onset_image) == 2


def test_select_of_nothing_is_empty():
    data = dataset.from_records([record()])
    assert len(data.select([])) == 0
    assert len(data.select([False])) == 0


def test_one_clip_without_frames_leaves_no_images():
    bare = record("s2", onset_image=None, apex_image=None)
    data = dataset.from_records([record(), bare])
    assert data.onset_image is None
    assert data.apex_image is None
    assert data.select([0]).onset_image is None


def test_a_clip_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="lab/s1/c1 occurs twice"):
        dataset.from_records([record(), record()])


def test_clips_of_different_size_are_refused():
    with pytest.raises(ValueError, match="differ in the shape of flow"):
        dataset.from_records([record(), record("s2", flow=np.zeros((5, 5, 3), np.float32))])


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        dataset.from_records([])


def test_loading_a_folder_without_a_database_says_so(tmp_path):
    with pytest.raises(UserError, match="holds no complete database"):
        dataset.load(tmp_path)
