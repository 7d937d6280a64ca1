from __future__ import annotations

import nested_folders
import pytest

from data_builders.sources.base import FramePair
from data_builders.sources.databases.four_dme import DATABASE
from ethnicmer_jax.base.schema import EMOTIONS

SHEET = "4DME_Labelling_Micro_release v1.xlsx"
VIDEO = "micro_short_gray_video/micro short gray video"


def row(subject="S13_1st", clip="001_01_1", emotion="Positive", units="AU4(k)+L7", **others):
    return {
        **{"sub_ID": subject, "fold_name": clip, "Onset": 1826, "Apex": 1830, "Offset": 1840},
        **{"AUs": units, "Emotion": emotion, "AU4": 1, **others},
    }


def write(raw, rows, video=VIDEO):
    nested_folders.write_sheet(raw / SHEET, rows)
    for each in rows:
        folder = raw / video / str(each.get("sub_ID", each.get("SubID"))).strip("',")
        frames = range(1826, 1841)
        nested_folders.write_frames(folder / each["fold_name"], frames, "Frame_{:09d}.jpg")
    return raw


def test_two_recordings_are_one_person_with_clips_of_two_codes(tmp_path):
    rows = [row(), row("S13_2nd"), row("S2")]
    listing = DATABASE.list_clips(write(tmp_path, rows))
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == [
        "4dme/S13/1st.001_01_1",
        "4dme/S13/2nd.001_01_1",
        "4dme/S2/001_01_1",
    ]
    second = listing.tasks[1].motion
    assert second == FramePair(
        *(tmp_path / VIDEO / f"S13_2nd/001_01_1/Frame_00000{number}.jpg" for number in (1826, 1830))
    )
    assert listing.tasks[0].labels.fps == 60.0


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("Positive", "positive"),
        ("surprise", "surprise"),
        ("Surprise+Negative", "surprise"),
        ("Positive+Surprise", "surprise"),
        ("Positive+Repression", "positive"),
        ("Repression + Negative", "negative"),
        ("Repression", "repression"),
        ("Positive+Negative", "others"),
        ("Others", "others"),
    ],
)
def test_of_two_emotions_one_counts_and_the_text_is_kept(tmp_path, text, emotion):
    [task] = DATABASE.list_clips(write(tmp_path, [row(emotion=text)])).tasks
    assert (task.labels.emotion, task.labels.raw_emotion) == (emotion, text)
    assert emotion in EMOTIONS


@pytest.mark.parametrize("text", ["", "Positive+", "Positive+Hungry"])
def test_an_emotion_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"is blank|is unknown"):
        DATABASE.emotion(text)


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("AU4(k)+L7", ["L7"]),
        ("AUR2+12(k)+45", ["R2", "45"]),
        ("4+7(k", ["4"]),
        ("12(k)", []),
        (12, ["12"]),
        (None, []),
        ("6+12'", ["6", "12"]),
    ],
)
def test_action_units_kept_from_before_the_onset_are_left_out(cell, codes):
    assert [str(unit) for unit in DATABASE.action_units(cell)] == codes


def test_the_other_sheet_s_names_and_stray_quotes_are_understood(tmp_path):
    rows = [
        {
            **{"SubID": "S59_2,", "VideoNo": 1, "fold_name": "001_01_1"},
            **{"Onset": "1826", "Apex": 1830, "Offset": 1840, "Emotion": "Negative"},
        }
    ]
    listing = DATABASE.list_clips(write(tmp_path, rows))
    assert listing.problems == ()
    assert [task.key for task in listing.tasks] == ["4dme/S59/2.001_01_1"]


def test_rows_of_macro_expressions_are_left_out(tmp_path):
    rows = [row(Type="micro"), row("S2", Type="Macro-expression")]
    assert [task.labels.subject for task in DATABASE.list_clips(write(tmp_path, rows)).tasks] == [
        "S13"
    ]


def test_cropped_frames_win_and_long_videos_beside_do_not_count(tmp_path):
    rows = [row()]
    write(tmp_path, rows)
    write(tmp_path, rows, "long_gray_video/long gray video")
    assert VIDEO in str(DATABASE.list_clips(tmp_path).tasks[0].motion.onset)
    write(tmp_path, rows, "micro_short_gray_video_cropped")
    onset = DATABASE.list_clips(tmp_path).tasks[0].motion.onset
    assert onset.relative_to(tmp_path).parts[0] == "micro_short_gray_video_cropped"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"subject": "13"}, "Subject '13' is not a code such as S13 or S13_1st"),
        ({"clip": "first"}, "fold_name 'first' is not a clip's folder such as 001_01_1"),
    ],
)
def test_codes_that_are_none_of_4dme_are_refused_by_row(tmp_path, changed, told):
    listing = DATABASE.list_clips(write(tmp_path, [row("S2"), row(**changed)]))
    assert [task.labels.subject for task in listing.tasks] == ["S2"]
    assert [problem.what for problem in listing.problems] == [told]
