from __future__ import annotations

import dataclasses

import fictitious
import pytest
from PIL import Image

from data_builders.sources import registry

COLUMNS = ("Subject", "Filename", "", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "", "AUs", "Emotion")
ROWS = [
    (1, "EP01_5", None, 113, 118, 0, 130, None, "4", "tense"),
    (2, "EP12_2", None, 3, 0, 0, 9, None, "L10", "Disgust"),
]


def write(raw):
    """CASME's sheet and `Cropped/sub01/EP01_5/reg_EP01_5-113.jpg ...`; later ones have zeros."""
    fictitious.write_sheet(raw / "casme.xlsx", COLUMNS, ROWS)
    for (subject, clip, _, first, _, _, last, *_), zeros in zip(ROWS, ("", "03"), strict=True):
        folder = raw / f"Cropped/sub{subject:02d}/{clip}"
        folder.mkdir(parents=True)
        for number in range(first, last + 1):
            path = folder / f"reg_{clip}-{number:{zeros}d}.jpg"
            Image.fromarray(fictitious.frame(number)).save(path)
    return raw


def listed(raw, name="casme"):
    return registry.list_clips(registry.Request(name, str(raw)))


def test_its_own_columns_emotions_and_frames_are_read(tmp_path):
    tense, disgust = listed(write(tmp_path)).tasks
    assert (tense.key, tense.labels.emotion, tense.labels.fps) == (
        "casme/sub01/EP01_5",
        "tense",
        60.0,
    )
    assert tense.motion.apex.name == "reg_EP01_5-118.jpg"
    assert disgust.labels.emotion == "disgust"
    assert [path.name for path in disgust.motion.paths[:1]] == ["reg_EP12_2-003.jpg"]


def test_an_apex_of_zero_is_looked_for_and_reported(tmp_path):
    listing = listed(write(tmp_path))
    assert listing.tasks[1].labels.apex == -1
    [problem] = listing.problems
    assert (problem.where, problem.fatal) == ("casme/sub02/EP12_2", False)


@pytest.mark.parametrize("folders", [("CASME", "CASME II"), ("casme", "casme2"), ("CASME1", "two")])
def test_casme_beside_casme_ii_is_told_from_it(tmp_path, folders):
    write(tmp_path / folders[0])
    fictitious.write_casme2(tmp_path / folders[1])
    places = tmp_path
    if folders[1] == "two":
        places = f"casme={tmp_path / folders[0]},casme2={tmp_path / folders[1]}"
    keys = [task.key for task in listed(places, "casme+casme2").tasks]
    assert [key.split("/")[0] for key in keys] == ["casme"] * 2 + ["casme2"] * 4


def test_sheets_of_both_in_one_folder_are_told_apart_by_their_columns(tmp_path):
    fictitious.write_casme2(write(tmp_path / "both"), sheet="codes.xlsx")
    rows = [dataclasses.astuple(clip) for clip in fictitious.CASME2]
    assert len(rows) == 4
    for name, sheet in (("casme", "casme.xlsx"), ("casme2", "codes.xlsx")):
        notes = listed(tmp_path / "both", name).notes
        assert any(f"labels from {tmp_path / 'both' / sheet}" in note for note in notes)
