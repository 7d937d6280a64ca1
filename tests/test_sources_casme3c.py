from __future__ import annotations

import nested_folders
import pytest

from data_builders.sources.base import FrameSequence
from data_builders.sources.databases import casme3
from data_builders.sources.databases.casme3c import DATABASE

SHEET = "CAS(ME)3_part_C_ME.xlsx"
COLUMNS = ("sub", "count", "onset", "offset", "au", "emotion", "PHY")
ROWS = ((1, 1, 373, 380, "4,12", "negative", "p1"), (1, 2, 500, 506, "4，L2", "surprise", "p2"))


def write(raw, rows=ROWS):
    nested_folders.write_sheet(raw / SHEET, [dict(zip(COLUMNS, r, strict=True)) for r in rows])
    return raw


@pytest.mark.parametrize("folder", ["part_C/part_C/01/a/color", "ME_C/01/{}/color", "1/a/color"])
def test_films_and_clips_cut_from_them_are_read_without_an_apex(tmp_path, folder):
    for _, count, onset, offset, *_ in write(tmp_path) and ROWS:
        nested_folders.write_frames(tmp_path / folder.format(count), range(onset, offset + 1, 2))
    listing = DATABASE.list_clips(tmp_path)
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == ["casme3c/01/1", "casme3c/01/2"]
    first, second = listing.tasks
    assert isinstance(first.motion, FrameSequence)
    assert first.motion.numbers == (373, 375, 377, 379)
    assert (first.labels.apex, first.labels.offset) == (-1, 380)
    assert first.labels.extra == {"PHY": "p1"}
    assert [str(unit) for unit in second.labels.action_units] == ["4", "L2"]


def test_a_clip_of_one_frame_and_a_count_that_is_none_are_reported(tmp_path):
    write(tmp_path, (*ROWS, (1, "x", 1, 2, 4, "negative", "")))
    nested_folders.write_frames(tmp_path / "part_C/01/a/color", (373, *range(500, 510)))
    listing = DATABASE.list_clips(tmp_path)
    assert [task.key for task in listing.tasks] == ["casme3c/01/2"]
    assert [problem.what for problem in listing.problems] == [
        "count 'x' is not the number of a subject's clip",
        "an apex can be found among two frames or more, not in 1",
    ]


def test_the_parts_of_one_folder_are_told_apart(tmp_path):
    write(tmp_path)
    nested_folders.write_frames(tmp_path / "part_C/01/a/color", range(370, 510))
    nested_folders.write_sheet(
        tmp_path / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        [
            {
                **{"Subject": "spNO.1", "Filename": "a", "Onset": 1, "Apex": 2, "Offset": 3},
                **{"AU": 4, "emotion": "happy"},
            }
        ],
    )
    nested_folders.write_frames(tmp_path / "part_A/spNO.1/a/color", range(4))
    keys = [
        [task.key for task in each.list_clips(tmp_path).tasks]
        for each in (casme3.DATABASE, DATABASE)
    ]
    assert keys == [["casme3/spNO.1/a_1"], ["casme3c/01/1", "casme3c/01/2"]]
