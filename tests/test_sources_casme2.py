from __future__ import annotations

import collections
import dataclasses
import math
import shutil

import fictitious
import numpy as np
import pytest
from fictitious import Clip
from PIL import Image

from data_builders.sources import coded_clips, coding_sheet
from data_builders.sources.base import Listing
from data_builders.sources.databases import casme2
from ethnicmer_jax.base.schema import ETHNICITIES, UserError


def problems_of(listing: Listing, where: str) -> list[str]:
    return [problem.what for problem in listing.problems if problem.where == where]


def with_row(**changes) -> tuple[Clip, ...]:
    """The fictitious clips with one row's cells changed: casme2/sub01/EP19_05f."""
    first, second, *rest = fictitious.CASME2
    return (first, dataclasses.replace(second, **changes), *rest)


def list_with(tmp_path, **changes) -> Listing:
    """Lists the fictitious folder whose sheet says something else than its frames."""
    raw = fictitious.write_casme2(tmp_path)
    rows = [dataclasses.astuple(clip) for clip in with_row(**changes)]
    fictitious.write_sheet(raw / "CASME2-coding-20190701.xlsx", fictitious.CASME2_COLUMNS, rows)
    return casme2.DATABASE.list_clips(raw)


CHANGED = "casme2/sub01/EP19_05f"


def test_a_sound_folder_lists_every_clip(tmp_path):
    listing = casme2.DATABASE.list_clips(fictitious.write_casme2(tmp_path))
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == [
        "casme2/sub01/EP02_01f",
        "casme2/sub01/EP19_05f",
        "casme2/sub02/EP01_11f",
        "casme2/sub26/EP18_51",
    ]
    task = listing.tasks[1]
    assert (task.labels.emotion, task.labels.raw_emotion) == ("disgust", "disgust")
    assert [str(unit) for unit in task.labels.action_units] == ["4", "L10"]
    assert (task.labels.onset, task.labels.apex, task.labels.offset, task.labels.fps) == (
        5,
        8,
        11,
        200.0,
    )
    assert (task.labels.ethnicity, task.labels.gender, task.labels.age_decade) == (
        "Unknown",
        "unknown",
        -1,
    )
    assert math.isnan(task.labels.ethnicity_agreement)


def test_the_frames_are_those_with_exactly_these_numbers(tmp_path):
    # reg_img5.jpg is onset; reg_img46.jpg of the first clip ends in 6, not 46, as text would say.
    raw = fictitious.write_casme2(tmp_path)
    motions = [task.motion for task in casme2.DATABASE.list_clips(raw).tasks]
    assert [motion.onset.name for motion in motions] == [
        "reg_img46.jpg",
        "reg_img5.jpg",
        "reg_img96.jpg",
        "reg_img21.jpg",
    ]
    onset, apex = motions[1].read()
    assert onset.shape == apex.shape == (12, 10, 3)
    assert not np.array_equal(onset, apex)


def test_clips_coded_as_others_are_clips(tmp_path):
    tasks = casme2.DATABASE.list_clips(fictitious.write_casme2(tmp_path)).tasks
    assert [task.labels.emotion for task in tasks].count("others") == 1


def test_the_sheet_and_the_frames_may_lie_a_folder_further_down(tmp_path):
    fictitious.write_casme2(tmp_path / "CASME2")
    assert len(casme2.DATABASE.list_clips(tmp_path).tasks) == 4


def test_subjects_may_be_coded_as_text(tmp_path):
    assert list_with(tmp_path, subject="sub01").tasks[1].labels.subject == "sub01"


@pytest.mark.parametrize("apex", ["/", "\\", None, -1, 4, 5, 12, 500, "late", 7.5])
def test_an_unusable_apex_becomes_the_middle_frame_and_is_reported(tmp_path, apex):
    listing = list_with(tmp_path, apex=apex)
    task = listing.tasks[1]
    assert task.labels.apex == 8  # the middle of onset 5 and offset 11
    assert task.motion.apex.name == "reg_img8.jpg"
    assert task.labels.extra["apex_fallback"] == "middle"
    [what] = problems_of(listing, CHANGED)
    assert "used the middle frame, 8" in what
    assert not any(problem.fatal for problem in listing.problems)


def test_the_middle_of_the_shortest_clip_is_not_its_onset(tmp_path):
    assert list_with(tmp_path, apex="/", onset=5, offset=6).tasks[1].labels.apex == 6


@pytest.mark.parametrize(
    "changes",
    [{"onset": None}, {"onset": "start"}, {"offset": None}, {"onset": 11, "offset": 5}],
)
def test_onset_and_offset_must_be_numbers_in_order(tmp_path, changes):
    listing = list_with(tmp_path, **changes)
    assert len(listing.tasks) == 3
    [what] = problems_of(listing, CHANGED)
    assert "are not two frame numbers in order" in what


def test_a_garbage_cell_of_action_units_is_reported_and_the_clip_kept(tmp_path):
    listing = list_with(tmp_path, units="smile")
    assert listing.tasks[1].labels.action_units == ()
    assert listing.tasks[1].labels.extra["action_units_unread"] == "smile"
    [what] = problems_of(listing, CHANGED)
    assert "'smile' is not a cell of Action Units" in what
    assert not listing.problems[0].fatal


def test_an_unknown_emotion_is_reported_and_not_taken_for_others(tmp_path):
    listing = list_with(tmp_path, emotion="hapiness")
    assert len(listing.tasks) == 3
    assert "'hapiness' is unknown" in problems_of(listing, CHANGED)[0]


@pytest.mark.parametrize("code", ["../../secret", "006_1_2", None, "EP02/01"])
def test_a_clip_code_that_is_none_is_reported_by_row(tmp_path, code):
    listing = list_with(tmp_path, filename=code)
    assert len(listing.tasks) == 3
    [problem] = listing.problems
    assert problem.where == "CASME2-coding-20190701.xlsx row 3"
    assert "is not a clip's code such as EP02_01f" in problem.what


def test_a_clip_coded_twice_counts_once(tmp_path):
    listing = list_with(tmp_path, filename="EP02_01f")
    assert len(listing.tasks) == 3
    [what] = problems_of(listing, "casme2/sub01/EP02_01f")
    assert "coded twice" in what
    assert "row 2" in what
    assert "row 3" in what


@pytest.mark.parametrize(("name", "frame"), [("onset", 5), ("apex", 8)])
def test_a_missing_frame_is_reported_and_no_other_taken_for_it(tmp_path, name, frame):
    raw = fictitious.write_casme2(tmp_path)
    (raw / f"Cropped/sub01/EP19_05f/reg_img{frame}.jpg").unlink()
    # A number that only ends in the missing one must not stand in for it.
    shutil.copy(
        raw / "Cropped/sub01/EP19_05f/reg_img6.jpg",
        raw / f"Cropped/sub01/EP19_05f/reg_img1{frame}.jpg",
    )
    listing = casme2.DATABASE.list_clips(raw)
    assert len(listing.tasks) == 3
    [what] = problems_of(listing, CHANGED)
    assert what.startswith(f"{name}: no frame {frame} in")


def test_two_files_with_one_number_are_ambiguous(tmp_path):
    folder = fictitious.write_casme2(tmp_path) / "Cropped/sub01/EP19_05f"
    shutil.copy(folder / "reg_img5.jpg", folder / "reg_img005.jpg")
    [what] = problems_of(casme2.DATABASE.list_clips(tmp_path), CHANGED)
    assert "more than one image is frame 5: reg_img005.jpg, reg_img5.jpg" in what


def test_hidden_files_beside_the_frames_are_ignored(tmp_path):
    folder = fictitious.write_casme2(tmp_path) / "Cropped/sub01/EP19_05f"
    (folder / "._reg_img5.jpg").write_bytes(b"macOS leaves these")
    assert casme2.DATABASE.list_clips(tmp_path).problems == ()


def test_a_missing_clip_folder_is_reported(tmp_path):
    shutil.rmtree(fictitious.write_casme2(tmp_path) / "Cropped/sub01/EP19_05f")
    [what] = problems_of(casme2.DATABASE.list_clips(tmp_path), CHANGED)
    assert what == "its folder Cropped/sub01/EP19_05f is missing"


@pytest.mark.parametrize("linked", ["EP19_05f", "EP19_05f/reg_img5.jpg"])
def test_a_link_out_of_the_database_is_reported(tmp_path, linked):
    path = fictitious.write_casme2(tmp_path / "raw") / "Cropped/sub01" / linked
    path.rename(tmp_path / "elsewhere.jpg")
    path.symlink_to(tmp_path / "elsewhere.jpg")
    listing = casme2.DATABASE.list_clips(tmp_path / "raw")
    assert len(listing.tasks) == 3
    assert "leads out of" in problems_of(listing, CHANGED)[0]


def test_a_clip_folder_that_the_sheet_does_not_code_is_noted(tmp_path):
    (fictitious.write_casme2(tmp_path) / "Cropped/sub02/EP99_01").mkdir()
    notes = casme2.DATABASE.list_clips(tmp_path).notes
    assert any("not in the coding sheet: sub02/EP99_01" in note for note in notes)


def test_no_subjects_no_sheet_and_no_folder_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        casme2.DATABASE.list_clips(tmp_path / "gone")
    with pytest.raises(UserError, match=r"no coding sheet \(\.xlsx\) of CASME II"):
        casme2.DATABASE.list_clips(tmp_path)
    shutil.rmtree(fictitious.write_casme2(tmp_path) / "Cropped")
    with pytest.raises(
        UserError, match=r"no frames of CASME II .*Cropped/sub01/EP02_01f/reg_img46"
    ):
        casme2.DATABASE.list_clips(tmp_path)


def test_folders_may_differ_from_the_sheet_in_case_and_leading_zeros(tmp_path):
    fictitious.write_casme2(tmp_path)
    (tmp_path / "Cropped").rename(tmp_path / "cropped_frames")
    (tmp_path / "cropped_frames/sub01").rename(tmp_path / "cropped_frames/Sub1")
    (tmp_path / "cropped_frames/Sub1/EP02_01f").rename(tmp_path / "cropped_frames/Sub1/ep02_1f")
    listing = casme2.DATABASE.list_clips(tmp_path)
    assert listing.problems == ()
    assert len(listing.tasks) == 4


@pytest.mark.parametrize("suffix", [".JPG", ".png", ".bmp", ".Jpeg"])
def test_frames_may_be_images_of_any_kind(tmp_path, suffix):
    for path in list(fictitious.write_casme2(tmp_path).rglob("*.jpg")):
        Image.open(path).save(path.with_suffix(suffix))
        path.unlink()
    listing = casme2.DATABASE.list_clips(tmp_path)
    assert listing.problems == ()
    assert listing.tasks[1].motion.onset.name == f"reg_img5{suffix}"


def test_two_folders_that_are_one_clip_are_not_guessed_between(tmp_path):
    fictitious.write_casme2(tmp_path)
    shutil.copytree(tmp_path / "Cropped/sub01/EP19_05f", tmp_path / "Cropped/sub01/EP19_5f")
    [what] = problems_of(casme2.DATABASE.list_clips(tmp_path), CHANGED)
    assert what.startswith("more than one folder holds its frames: Cropped/sub01/EP19_05f")


def test_two_folders_of_frames_are_not_guessed_between(tmp_path):
    fictitious.write_casme2(tmp_path)
    shutil.copytree(tmp_path / "Cropped", tmp_path / "old" / "Cropped")
    with pytest.raises(UserError, match="several folders hold frames of CASME II"):
        casme2.DATABASE.list_clips(tmp_path)


def test_the_cropped_frames_win_over_the_raw_ones(tmp_path):
    fictitious.write_casme2(tmp_path)
    shutil.copytree(tmp_path / "Cropped", tmp_path / "CASME2_RAW_selected")
    tasks = casme2.DATABASE.list_clips(tmp_path).tasks
    assert {task.motion.onset.relative_to(tmp_path).parts[0] for task in tasks} == {"Cropped"}


def test_the_real_sheet_has_the_published_counts(annotations):
    rows = coding_sheet.read_rows(annotations / "CASME2MetaEmotionConcised.xlsx")
    coding = coded_clips.read_coding(rows, casme2.DATABASE)
    assert len(rows) == len(coding.codes) == 256
    assert len({subject for subject, _ in coding.codes}) == 26
    emotions = collections.Counter(clip.emotion for clip in coding.clips)
    assert emotions == {
        **{"others": 99, "disgust": 64, "happiness": 32, "repression": 27, "surprise": 25},
        **{"sadness": 7, "fear": 2},
    }
    assert {clip.ethnicity for clip in coding.clips} == {ETHNICITIES[2]}
    assert len({clip.subject for clip in coding.clips}) == 26


def test_the_real_sheet_has_no_fatal_problem_and_its_slash_becomes_the_middle(annotations):
    rows = coding_sheet.read_rows(annotations / "CASME2MetaEmotionConcised.xlsx")
    coding = coded_clips.read_coding(rows, casme2.DATABASE)
    assert not any(problem.fatal for problem in coding.problems)
    [slash] = [clip for clip in coding.clips if clip.extra.get("apex_coded") == "/"]
    assert (slash.subject, slash.clip) == ("sub04", "EP12_01f")
    assert (slash.onset, slash.apex, slash.offset) == (261, 291, 321)
