from __future__ import annotations

import math
import shutil
import time

import nested_folders
import pytest

from data_builders.sources.base import FrameSequence
from data_builders.sources.databases.dfme import DATABASE
from ethnicmer_jax.base.schema import UserError

TRAIN, TEST_A = "training_full_with_AU.xlsx", "test_A_full_with_AU.xlsx"


def row(subject="sub0003", clip="sub0003_01", onset=0, apex=4, offset=9, **others):
    return {
        **{"Subject": subject, "Filename": clip, "OnsetFrame": onset, "ApexFrame": apex},
        **{"OffsetFrame": offset, "Emotion": "Contempt", "AU": "4+L14", **others},
    }


def frames(folder, count=10):
    nested_folders.write_frames(folder, range(count), "{:05d}.png")


def write(raw):
    """The challenge's release: two splits, in folders within folders of their own name."""
    release = raw / "full_release_annotation/full_release_annotation"
    nested_folders.write_sheet(release / TRAIN, [row(), row(clip="sub0003_02")])
    nested_folders.write_sheet(release / TEST_A, [row("sub0671", "sub0671_01")])
    for folder, clip in (
        ("train_data", "sub0003_01"),
        ("train_data", "sub0003_02"),
        ("test_data_A", "sub0671_01"),
    ):
        frames(raw / folder / folder / clip)
    return raw


def test_every_split_is_read_and_said(tmp_path):
    listing = DATABASE.list_clips(write(tmp_path))
    assert listing.problems == ()
    train = {"split": "train", "split_a": "train", "split_b": "train"}
    assert [(task.key, task.labels.extra) for task in listing.tasks] == [
        ("dfme/sub0671/sub0671_01", {"split": "test", "split_a": "test"}),
        ("dfme/sub0003/sub0003_01", train),
        ("dfme/sub0003/sub0003_02", train),
    ]
    motion = listing.tasks[1].motion
    assert motion.onset == tmp_path / "train_data/train_data/sub0003_01/00000.png"
    assert motion.apex.name == "00004.png"
    assert listing.tasks[0].labels.emotion == "contempt"
    assert math.isnan(listing.tasks[0].labels.fps)


def test_the_whole_database_in_parts_says_its_rate_and_raw_frames_win(tmp_path):
    parts = ("USTC_MEv4_partA_sub0001_sub0015", "USTC_MEv4_partD_sub0301_sub0671_500fps")
    rows = [row(fps=200), row("sub0671", "sub0671_01", fps=500), row(clip="sub0003_02", fps="x")]
    nested_folders.write_sheet(tmp_path / "DFME_data_coding.xlsx", rows)
    for part, clip in zip(
        (*parts, parts[0]), ("sub0003_01", "sub0671_01", "sub0003_02"), strict=True
    ):
        for kind in ("micro", "micro_static_aligned_croped"):
            frames(tmp_path / part / kind / "contempt" / clip)
    listing = DATABASE.list_clips(tmp_path)
    assert [task.labels.fps for task in listing.tasks][:2] == [200.0, 500.0]
    assert all(task.motion.onset.parts[-4] == "micro" for task in listing.tasks)
    [problem] = listing.problems
    assert not problem.fatal
    assert "kept without" in problem.what


def test_sheets_of_other_databases_beside_are_not_taken_for_its_own(tmp_path):
    part_a = {name.replace("Frame", ""): cell for name, cell in row(clip="a").items()}
    nested_folders.write_sheet(write(tmp_path) / "part_A_ME_label.xlsx", [part_a])
    listing = DATABASE.list_clips(tmp_path)
    assert len(listing.tasks) == 3
    assert listing.problems == ()


def test_two_sheets_of_one_clip_are_refused(tmp_path):
    nested_folders.write_sheet(write(tmp_path) / "all.xlsx", [row()])
    with pytest.raises(UserError, match=r"all\.xlsx and training_full_with_AU\.xlsx both code sub"):
        DATABASE.list_clips(tmp_path)


def test_a_copy_of_a_sheet_adds_nothing_and_one_that_differs_is_refused(tmp_path):
    whole = DATABASE.list_clips(write(tmp_path))
    [sheet] = tmp_path.rglob(TRAIN)
    copy = tmp_path / "backup" / TRAIN
    copy.parent.mkdir()
    shutil.copy(sheet, copy)
    assert len(DATABASE.list_clips(tmp_path).tasks) == len(whole.tasks)
    nested_folders.write_sheet(copy, [row(apex=5)])
    with pytest.raises(UserError, match=rf"backup/{TRAIN} and .*/{TRAIN} both code sub0003_01"):
        DATABASE.list_clips(tmp_path)


def test_a_clip_in_two_places_is_not_guessed_between(tmp_path):
    frames(write(tmp_path) / "copy/sub0003_01")
    [problem] = DATABASE.list_clips(tmp_path).problems
    assert problem.where == "dfme/sub0003/sub0003_01"
    assert problem.what.startswith("more than one folder holds its frames")


def test_a_missing_folder_and_an_unusable_apex_are_reported(tmp_path):
    nested_folders.write_sheet(tmp_path / TRAIN, [row(apex=12), row(clip="sub0003_02")])
    frames(tmp_path / "train_data/sub0003_01")
    listing = DATABASE.list_clips(tmp_path)
    assert isinstance(listing.tasks[0].motion, FrameSequence)
    assert [problem.fatal for problem in listing.problems] == [False, True]
    assert "sub0003_02 is missing" in listing.problems[1].what


def test_many_clips_are_listed_fast(tmp_path):
    clips = [(f"sub{i % 671 + 1:04d}", f"sub{i % 671 + 1:04d}_01") for i in range(671)]
    nested_folders.write_sheet(tmp_path / TRAIN, [row(*clip, fps=200) for clip in clips])
    for _, clip in clips:
        frames(tmp_path / "train_data/train_data" / clip, 5)
    start = time.process_time()
    assert len(DATABASE.list_clips(tmp_path).tasks) == len(clips)
    assert time.process_time() - start < 5
