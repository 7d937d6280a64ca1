from __future__ import annotations

import fictitious
import openpyxl
import pytest
from PIL import Image

from data_builders.sources import registry
from ethnicmer_jax.base.schema import UserError

ROWS = [
    (1, "anger1_1", 557, 562, 570, "4+L10", "negative", "micro-expression", "anger"),
    (1, "happy2_3", 20, 24, 0, 12, "positive", "micro-expression", "happiness"),
    (22, "disgust2_10", 5, 5, 12, None, "others", "micro-expression", None),
    (22, "happy5_1", 1, 30, 80, 12, "positive", "macro-expression", "happiness"),
]


def write(raw, folders, rows=ROWS, sheets=(), name="CAS(ME)^2code_final.xlsx"):
    """A sheet without a header, other sheets, and frames by folder."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, values in sheets:
        sheet = book.create_sheet(title)
        for row in values:
            sheet.append(row)
    book.save(raw / name)
    for folder, numbers in folders.items():
        (raw / folder).mkdir(parents=True)
        for number in numbers:
            path = raw / folder / f"img{number:03d}.jpg"
            Image.fromarray(fictitious.frame(number)).save(path)
    return raw


CROPPED = {
    "cropped/15/anger1_1": range(557, 571),
    "cropped/15/happy2_3": range(20, 25),
    "cropped/40/disgust2_10": range(5, 13),
    "cropped/40/happy5_1": (1, 30, 80),
}


def listed(raw):
    return registry.list_clips(registry.Request("casme_squared", str(raw)))


def test_micro_expressions_are_read_and_macro_expressions_counted(tmp_path):
    listing = listed(write(tmp_path, CROPPED))
    assert [task.key for task in listing.tasks] == [
        "casme_squared/s15/anger1_1",
        "casme_squared/s15/happy2_3",
        "casme_squared/s40/disgust2_10",
    ]
    first = listing.tasks[0].labels
    assert (first.emotion, first.extra["self_reported_emotion"]) == ("negative", "anger")
    assert [str(unit) for unit in first.action_units] == ["4", "L10"]
    assert "CAS(ME)²: 1 macro-expressions are not read" in listing.notes
    assert not any("not in the coding sheet" in note for note in listing.notes)


def test_an_offset_of_zero_is_the_apex_and_an_apex_at_onset_is_looked_for(tmp_path):
    listing = listed(write(tmp_path, CROPPED))
    _, ends, found = listing.tasks
    assert (ends.labels.apex, ends.labels.offset) == (24, 24)
    assert ends.labels.extra["offset_coded"] == "0"
    assert (found.labels.apex, found.motion.numbers[0], found.motion.numbers[-1]) == (-1, 5, 12)
    [problem] = listing.problems
    assert (problem.where, problem.fatal) == ("casme_squared/s40/disgust2_10", False)
    assert problem.what.startswith("no motion, onset and apex are both frame 5")


def test_participants_are_named_by_the_other_sheet(tmp_path):
    sheets = [("naming rule1", [("77", "s77", 1), ("40", "s40", 22)])]
    folders = {name.replace("/15/", "/77/"): numbers for name, numbers in CROPPED.items()}
    tasks = listed(write(tmp_path, folders, sheets=sheets)).tasks
    assert {task.labels.subject for task in tasks} == {"s77", "s40"}


def test_a_participant_without_a_name_is_reported(tmp_path):
    rows = [(99, *ROWS[0][1:]), *ROWS[1:]]
    problems = [each for each in listed(write(tmp_path, CROPPED, rows)).problems if each.fatal]
    assert len(problems) == 1
    assert "'participant 99' is not a number" in problems[0].what


def test_columns_in_another_order_are_refused(tmp_path):
    raw = write(tmp_path, CROPPED, [row[::-1] for row in ROWS])
    with pytest.raises(UserError, match=r"lists no clips: it has no header, and its second col"):
        listed(raw)


def test_clips_that_were_not_cropped_are_read_from_whole_frames_or_films(tmp_path):
    folders = {
        "cropped/15/anger1_1": range(557, 571),
        "selectedpic/selectedpic/s15/happy2_3": range(20, 25),
        "rawpic/s40/40_0102eatingworms": range(1, 20),
    }
    listing = listed(write(tmp_path, folders))
    assert [task.labels.clip for task in listing.tasks] == ["anger1_1", "happy2_3", "disgust2_10"]
    assert listing.tasks[2].motion.paths[0].parent.name == "40_0102eatingworms"


def test_a_folder_of_casme_ii_is_none_of_it(tmp_path):
    fictitious.write_casme2(tmp_path)
    with pytest.raises(UserError, match="no sheet codes a clip of CAS"):
        listed(tmp_path)
