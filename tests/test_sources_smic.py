from __future__ import annotations

import fictitious
import pytest
from PIL import Image

from data_builders.sources import registry
from data_builders.sources.base import FrameSequence
from ethnicmer_jax.base.schema import UserError


def write(folder, numbers, name="reg_image{:06d}.bmp"):
    folder.mkdir(parents=True)
    for number in numbers:
        Image.fromarray(fictitious.frame(number)).save(folder / name.format(number))


@pytest.fixture
def raw(tmp_path):
    """HS and VIS of two people, with what else lies in the release."""
    top = tmp_path / "SMIC_all_cropped"
    write(top / "HS/s1/micro/negative/s1_ne_01", range(140, 150))
    write(top / "HS/s1/micro/surprise/s1_sur_02", range(7, 12))
    write(top / "HS/s11/micro/positive/s11_po_01", range(5))
    write(top / "HS/s1/non_micro/s1_non_01", range(3))
    write(top / "VIS/s11/micro/positive/s11_po_01", range(2, 6))
    return tmp_path


def listed(raw, name="smic"):
    return registry.list_clips(registry.Request(name, str(raw)))


def test_clips_have_the_class_of_their_folder_and_no_apex(raw):
    listing = listed(raw)
    assert listing.problems == ()
    found = {task.key: task.labels for task in listing.tasks}
    assert {key: labels.emotion for key, labels in found.items()} == {
        "smic/s1/s1_ne_01": "negative",
        "smic/s1/s1_sur_02": "surprise",
        "smic/s11/s11_po_01": "positive",
    }
    negative = found["smic/s1/s1_ne_01"]
    assert (negative.onset, negative.apex, negative.offset, negative.fps) == (140, -1, 149, 100.0)
    assert found["smic/s11/s11_po_01"].onset == 0  # frames may be numbered from 0
    assert all(isinstance(task.motion, FrameSequence) for task in listing.tasks)


def test_parts_are_told_apart(raw):
    (task,) = listed(raw, "smic_vis").tasks
    assert (task.key, task.labels.fps) == ("smic_vis/s11/s11_po_01", 25.0)
    with pytest.raises(UserError, match=r"no frames of SMIC-NIR .*SMIC_all_cropped/NIR/s11"):
        listed(raw, "smic_nir")


def test_cropped_frames_win_over_whole_ones_beside_them(raw):
    write(raw / "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01", range(3), "image{}.bmp")
    assert len(listed(raw).tasks) == 3


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("s1/micro/positive/s1_ne_09", "lies in the folder positive, but its code says negative"),
        ("s1/micro/joyless/s1_ne_09", "folder 'joyless' is unknown"),
        ("S01/micro/negative/s1_ne_01", "is a second folder of it"),
    ],
)
def test_a_doubtful_class_or_folder_is_reported(raw, folder, problem):
    write(raw / "SMIC_all_cropped/HS" / folder, range(3))
    found = [each for each in listed(raw).problems if each.fatal]
    assert len(found) == 1
    assert problem in found[0].what


def test_missing_and_single_frames_are_reported(raw):
    write(raw / "SMIC_all_cropped/HS/s2/micro/ne/s2_ne_01", [3, 4, 7])
    write(raw / "SMIC_all_cropped/HS/s2/micro/ne/s2_ne_02", [3])
    gaps, single = listed(raw).problems
    assert (gaps.where, gaps.fatal) == ("smic/s2/s2_ne_01", False)
    assert gaps.what == "frames are missing: 5, 6"
    assert (single.where, single.fatal) == ("smic/s2/s2_ne_02", True)
    assert "among two frames or more" in single.what


def test_an_empty_folder_is_named(raw):
    for frame in (raw / "SMIC_all_cropped/HS/s11/micro/positive/s11_po_01").iterdir():
        frame.unlink()
    [problem] = listed(raw).problems
    assert problem.where == "smic/s11/s11_po_01"
    assert problem.what.startswith("no frames in /")
    assert problem.what.endswith("s11_po_01")
