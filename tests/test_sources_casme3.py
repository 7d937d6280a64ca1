from __future__ import annotations

import shutil

import nested_folders
import pytest

from data_builders.sources.base import FramePair, FrameSequence
from data_builders.sources.databases.casme3 import DATABASE
from ethnicmer_jax.base.schema import UserError

SHEET = "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
FILMS = "data/part_A_split/part_A"
FIRST, LATER = "casme3/spNO.1/a_355", "casme3/spNO.1/a_400"


def row(
    filename="a", onset=355, apex=360, offset=370, subject="spNO.1", emotion="happy", units="4"
):
    return {
        **{"Subject": subject, "Filename": filename, "Onset": onset, "Apex": apex},
        **{"Offset": offset, "AU": units, "Objective class": "I", "emotion": emotion},
    }


ROWS = (
    row(),
    row(onset=400, apex=410, offset=420, emotion="Others", units="4，L2"),
    row("B", 1, 3, 9, subject="spNO.12", emotion="sad", units=None),
)


def write(raw, rows=ROWS, sheet=SHEET):
    nested_folders.write_sheet(raw / sheet, rows)
    for subject, film, numbers in (
        ("spNO.1", "a", range(350, 430)),
        ("spNo.12", "b", range(1, 12)),
    ):
        for kind, name in (("color", "{}.jpg"), ("depth", "{}.png")):
            nested_folders.write_frames(raw / FILMS / subject / film / kind, numbers, name)
    return raw


def cut(raw, rows=ROWS):
    """The release cut to clips, beside what is there."""
    for each in rows:
        name = f"{each['Subject'].replace('NO', 'No')}_{each['Filename'].lower()}_{each['Onset']}"
        frames = range(each["Onset"], each["Offset"] + 1)
        nested_folders.write_frames(raw / "Part_A_ME_clip/frame" / name, frames)
        nested_folders.write_frames(raw / "Part_A_ME_clip/depth" / name, frames, "{}.png")
    return raw


def test_a_film_holds_several_clips_told_apart_by_their_onset(tmp_path):
    listing = DATABASE.list_clips(write(tmp_path))
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == [FIRST, LATER, "casme3/spNO.12/b_1"]
    assert [task.labels.emotion for task in listing.tasks] == ["happiness", "others", "sadness"]
    assert [str(unit) for unit in listing.tasks[1].labels.action_units] == ["4", "L2"]
    later = listing.tasks[1]
    color = tmp_path / FILMS / "spNO.1/a/color"
    assert later.motion == FramePair(color / "400.jpg", color / "410.jpg")
    assert (later.labels.fps, later.labels.offset) == (30.0, 420)


def test_the_release_cut_to_clips_is_read_and_wins_over_whole_films(tmp_path):
    nested_folders.write_sheet(tmp_path / SHEET, ROWS)
    [first, *_] = DATABASE.list_clips(cut(tmp_path)).tasks
    assert first.motion.onset == tmp_path / "Part_A_ME_clip/frame/spNo.1_a_355/355.jpg"
    # Texts, because NaN equals nothing and Python 3.13 compares field by field.
    assert repr(DATABASE.list_clips(write(tmp_path)).tasks[0]) == repr(first)


@pytest.mark.parametrize(
    ("apex", "told"),
    [
        (355, "no motion, onset and apex are both frame 355"),
        (83, "apex 83 is not a frame after onset 355"),
        ("/", "apex / is not"),
        (None, "apex missing is not"),
    ],
)
def test_an_apex_without_motion_or_outside_is_looked_for_in_the_frames(tmp_path, apex, told):
    listing = DATABASE.list_clips(write(tmp_path, (row(apex=apex), *ROWS[1:])))
    first = listing.tasks[0]
    assert first.labels.apex == -1
    assert first.labels.extra["apex_fallback"] == "found"
    assert isinstance(first.motion, FrameSequence)
    assert first.motion.numbers == tuple(range(355, 371))
    [problem] = listing.problems
    assert (problem.where, problem.fatal) == (FIRST, False)
    assert problem.what.startswith(told)


def test_a_coded_frame_that_does_not_exist_is_reported(tmp_path):
    listing = DATABASE.list_clips(write(tmp_path, (row(onset=0), *ROWS[1:])))
    assert len(listing.tasks) == 2
    [problem] = listing.problems
    assert problem.where == "casme3/spNO.1/a_0"
    assert problem.what.startswith("onset: no frame 0 in")


def test_the_sheet_of_micro_expressions_is_told_from_those_beside_it(tmp_path):
    raw = write(tmp_path)
    other = [row(onset=360, apex=361, offset=365)]
    for name in (
        "cas(me)3_part_A_ME_label_JpgIndex_v1",
        "cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion",
        "CAS(ME)3_part_A_wrongly_labeled_me_in_V1",
        "~$cas(me)3_part_A_ME_label_JpgIndex_v3",
    ):
        nested_folders.write_sheet(raw / "annotation" / f"{name}.xlsx", other)
    listing = DATABASE.list_clips(raw)
    assert [task.key for task in listing.tasks][:2] == [FIRST, LATER]
    assert "label_JpgIndex_v2.xlsx" in listing.notes[0]


def test_a_sheet_of_another_name_counts_where_none_has_the_usual_one(tmp_path):
    assert len(DATABASE.list_clips(write(tmp_path, sheet="labels.xlsx")).tasks) == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"subject": "sp1"}, "Subject 'sp1' is not a code such as spNO.1"),
        ({"filename": "EP01"}, "Filename 'ep01' is not a film's letter such as a"),
        ({"filename": 3}, "Filename '3' is not a film's letter"),
        ({"onset": "x"}, "Onset 'x' is not a frame number"),
    ],
)
def test_codes_that_are_none_of_part_a_are_refused_by_row(tmp_path, changed, told):
    listing = DATABASE.list_clips(write(tmp_path, (row(**changed), *ROWS[1:])))
    assert len(listing.tasks) == 2
    [problem] = listing.problems
    assert problem.where.endswith("v2.xlsx row 2")
    assert problem.what.startswith(told)


def test_the_same_film_and_onset_twice_is_told(tmp_path):
    listing = DATABASE.list_clips(write(tmp_path, (*ROWS, row("A", subject="spno.01"))))
    assert [p.where for p in listing.problems] == [FIRST]
    assert "coded twice" in listing.problems[0].what


def test_litter_of_operating_systems_is_passed_over(tmp_path):
    raw = write(tmp_path)
    color = raw / FILMS / "spNO.1/a/color"
    for name in (".DS_Store", "Thumbs.db", "._355.jpg", "desktop.ini"):
        (color / name).touch()
        (raw / name).touch()
    shutil.copytree(raw / "data", raw / "__MACOSX/data")
    assert DATABASE.list_clips(raw).problems == ()


def test_an_old_workbook_is_told_to_be_saved_again(tmp_path):
    raw = write(tmp_path)
    (raw / SHEET).rename(raw / "annotation/CAS(ME)3_part_A_v2.xls")
    with pytest.raises(UserError, match=r"save one that ends in \.xls or \.csv as \.xlsx"):
        DATABASE.list_clips(raw)


def test_without_frames_both_layouts_are_named(tmp_path):
    nested_folders.write_sheet(tmp_path / SHEET, ROWS)
    with pytest.raises(UserError, match=r"Part_A_ME_clip/frame/spNO.1_a_355/355.jpg or part_A/"):
        DATABASE.list_clips(tmp_path)
