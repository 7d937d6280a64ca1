from __future__ import annotations

import collections
import dataclasses

import fictitious
import pytest

from data_builders.sources import coded_clips, coding_sheet
from data_builders.sources.base import Listing
from data_builders.sources.databases import samm
from ethnicmer_jax.base.schema import UserError

SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"
CHANGED = "samm/006/006_1_6"


def list_with(tmp_path, **changes) -> Listing:
    """Lists the fictitious folder whose sheet says something else of samm/006/006_1_6."""
    raw = fictitious.write_samm(tmp_path / "frames")
    first, second, *rest = fictitious.SAMM
    fictitious.write_samm_sheet(raw / SHEET, (first, dataclasses.replace(second, **changes), *rest))
    return samm.DATABASE.list_clips(raw)


def test_a_sound_folder_lists_every_clip(tmp_path):
    listing = samm.DATABASE.list_clips(fictitious.write_samm(tmp_path))
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == [
        "samm/006/006_1_2",
        "samm/006/006_1_6",
        "samm/037/037_3_2",
        "samm/037/037_4_1",
    ]
    task = listing.tasks[2]
    assert (task.labels.emotion, task.labels.raw_emotion) == ("surprise", "Surprise")
    assert [str(unit) for unit in task.labels.action_units] == ["A1B", "A2C"]
    assert (task.labels.onset, task.labels.apex, task.labels.offset, task.labels.fps) == (
        3196,
        3199,
        3202,
        200.0,
    )
    assert task.labels.extra == {
        "Code": "1",
        "Duration": "9",
        "Micro": "Micro",
        "Objective Classes": "3",
    }


def test_grey_frames_are_found_by_their_zero_padded_number(tmp_path):
    tasks = samm.DATABASE.list_clips(fictitious.write_samm(tmp_path)).tasks
    assert [task.motion.onset.name for task in tasks[:2]] == ["006_05562.jpg", "006_00018.jpg"]
    onset, apex = tasks[1].motion.read()
    assert onset.shape == apex.shape == (12, 10, 3)
    assert (onset == onset[..., :1]).all()


def test_a_subject_that_the_spreadsheet_made_a_number_keeps_its_folder(tmp_path):
    assert list_with(tmp_path, subject=6).tasks[1].labels.subject == "006"


@pytest.mark.parametrize("apex", [-1, None, 17, 23])
def test_an_unusable_apex_becomes_the_offset_and_is_reported(tmp_path, apex):
    listing = list_with(tmp_path, apex=apex)
    assert listing.tasks[1].labels.apex == 22
    assert listing.tasks[1].labels.extra["apex_fallback"] == "offset"
    [problem] = listing.problems
    assert problem.where == CHANGED
    assert not problem.fatal
    assert "used the offset frame, 22" in problem.what


def test_the_names_of_other_editions_are_understood(tmp_path):
    fictitious.write_samm(tmp_path)
    renamed = {"Onset": "Onset Frame", "Offset": "Offset Frame", "Filename": "FileName"}
    columns = [renamed.get(name, name) for name in fictitious.SAMM_COLUMNS]
    fictitious.write_samm_sheet(tmp_path / SHEET, fictitious.SAMM, columns)
    assert len(samm.DATABASE.list_clips(tmp_path).tasks) == 4


def test_renamed_columns_are_all_named_with_the_header_s_row(tmp_path):
    fictitious.write_samm(tmp_path)
    renamed = {"Action Units": "FACS", "Estimated Emotion": "Feeling"}
    columns = [renamed.get(name, name) for name in fictitious.SAMM_COLUMNS]
    fictitious.write_samm_sheet(tmp_path / SHEET, fictitious.SAMM, columns)
    # The title block takes 4 rows, so the header is row 5 of the spreadsheet.
    message = "lacks the column Action Units, Estimated Emotion; row 5 has .*FACS, Feeling"
    with pytest.raises(UserError, match=message):
        samm.DATABASE.list_clips(tmp_path)


def test_a_sheet_without_any_header_is_refused(tmp_path):
    fictitious.write_samm(tmp_path)
    columns = [f"column {i}" for i in range(len(fictitious.SAMM_COLUMNS))]
    fictitious.write_samm_sheet(tmp_path / SHEET, fictitious.SAMM, columns)
    with pytest.raises(UserError, match=f"{SHEET} has no header row with the columns Subject"):
        samm.DATABASE.list_clips(tmp_path)


def test_the_real_sheet_has_the_published_counts(annotations):
    rows = coding_sheet.read_rows(annotations / "SAMMMetaEmotionConcised.xlsx")
    coding = coded_clips.read_coding(rows, samm.DATABASE)
    assert len(rows) == len(coding.codes) == 159
    assert len({subject for subject, _ in coding.codes}) == 29
    emotions = collections.Counter(clip.emotion for clip in coding.clips)
    assert emotions == {
        **{"anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12},
        **{"disgust": 9, "fear": 8, "sadness": 6},
    }
    assert not any(problem.fatal for problem in coding.problems)


def test_the_real_sheet_s_subjects_have_the_published_ethnicities(annotations):
    rows = coding_sheet.read_rows(annotations / "SAMMMetaEmotionConcised.xlsx")
    coding = coded_clips.read_coding(rows, samm.DATABASE)
    people = {clip.subject: clip.ethnicity for clip in coding.clips}
    counts = {name: list(people.values()).count(name) for name in set(people.values())}
    # Reference: 11 Asian by its grouping (5 Asian, 2 Indian, 4 Others) and 17 Non-Asian with one of
    # the three classes; one more Asian subject has others only.
    assert (counts["Asian"], counts["Indian"], counts["Others"]) == (6, 2, 4)
    assert counts["White"] + counts["Black"] == 17
