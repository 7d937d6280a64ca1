import csv
import dataclasses
import io
import math

import cv2
import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.pixels import frames
from data_builders.sources import manifest
from data_builders.sources.base import FlowFile, FramePair, Listing
from data_builders.sources.frame_folder import frame_number, frame_path
from ethnicmer_jax.base.run_id import name_fault
from ethnicmer_jax.base.schema import ActionUnit, UserError

HEADER = "database,subject,clip,emotion,flow"


@pytest.fixture
def folder(tmp_path):
    """A folder with one flow image and one folder of frames."""
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "flow.png"), rng.integers(0, 256, (8, 8, 3), np.uint8))
    (tmp_path / "frames").mkdir()
    for number in (3, 6, 46):
        image = rng.integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "frames" / f"img{number}.jpg"), image)
    return tmp_path


def listing(folder, *rows, header=HEADER, encoding="utf-8"):
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return manifest.list_clips(path)


def problems(folder, *rows, header=HEADER):
    return [str(problem) for problem in listing(folder, *rows, header=header).problems]


def test_a_row_becomes_a_clip(folder):
    header = "database,subject,clip,emotion,flow,ethnicity,age_decade,gender,action_units,fps,site"
    row = "Lab,006,006_1,Disgust,flow.png,asian,2,Female,4+L10,200,Jena"
    (task,) = listing(folder, row, header=header).tasks
    assert task.key == "lab/006/006_1"
    assert (task.labels.emotion, task.labels.raw_emotion) == ("disgust", "Disgust")
    assert task.motion == FlowFile(folder / "flow.png")
    assert task.labels.action_units == (ActionUnit(4), ActionUnit(10, "L"))
    assert (task.labels.ethnicity, task.labels.ethnicity_source) == ("Asian", "metadata")
    assert (task.labels.age_decade, task.labels.gender, task.labels.fps) == (2, "female", 200.0)
    assert task.labels.extra == {"site": "Jena"}


def test_what_is_left_blank_is_unknown(folder):
    header = "database,subject,clip,emotion,flow,ethnicity,age_decade,gender,action_units,fps"
    [labels] = [
        task.labels for task in listing(folder, "lab,1,1,anger,flow.png,,,,,", header=header).tasks
    ]
    assert (labels.ethnicity, labels.ethnicity_source) == ("Unknown", "")
    assert (labels.age_decade, labels.gender, labels.action_units) == (-1, "unknown", ())
    assert math.isnan(labels.fps)


def test_codes_that_look_like_numbers_keep_their_zeros(folder):
    [labels] = [task.labels for task in listing(folder, "lab,007,0010,anger,flow.png").tasks]
    assert (labels.subject, labels.clip) == ("007", "0010")


def test_emotions_may_be_written_as_others_do(folder):
    written = ("others", "Other", "happy", "Sadness", "angry")
    rows = [f"lab,1,{number},{text},flow.png" for number, text in enumerate(written)]
    found = listing(folder, *rows)
    assert found.problems == ()
    labels = [task.labels for task in found.tasks]
    assert [one.emotion for one in labels] == ["others", "others", "happiness", "sadness", "anger"]
    assert tuple(one.raw_emotion for one in labels) == written


@pytest.mark.parametrize(
    ("cells", "motion"),
    [
        ("frames,3,6,46,,", ("img3.jpg", "img6.jpg")),
        ("frames,0003,6.0,,,", ("img3.jpg", "img6.jpg")),
        ("frames,img3.jpg,img46.jpg,,,", ("img3.jpg", "img46.jpg")),
        (",,,,frames/img3.jpg,frames/img6.jpg", ("img3.jpg", "img6.jpg")),
    ],
)
def test_frames_are_given_by_number_by_name_or_by_path(folder, cells, motion):
    header = "database,subject,clip,emotion,frames,onset,apex,offset,onset_path,apex_path"
    (task,) = listing(folder, f"lab,1,1,anger,{cells}", header=header).tasks
    assert task.motion == FramePair(*(folder / "frames" / name for name in motion))
    expected = frames.read_image(folder / "frames" / motion[1])
    assert np.array_equal(task.motion.read()[1], expected)


def test_frame_numbers_are_kept(folder):
    header = "database,subject,clip,emotion,frames,onset,apex,offset"
    [labels] = [
        task.labels
        for task in listing(folder, "lab,1,1,anger,frames,img3.jpg,6,", header=header).tasks
    ]
    assert (labels.onset, labels.apex, labels.offset) == (3, 6, -1)


ONE_PROBLEM = {
    "unknown emotion": ("lab,1,1,smug,flow.png", "emotion: 'smug' is unknown"),
    "blank emotion": ("lab,1,1,,flow.png", "emotion: is blank"),
    "blank database": (",1,1,anger,flow.png", "database: is blank"),
    "blank subject": ("lab,,1,anger,flow.png", "subject: is blank"),
    "blank clip": ("lab,1, ,anger,flow.png", "clip: is blank"),
    "slash": ("lab,../x,1,anger,flow.png", "subject: '../x' must not"),
    "parent folder": ("lab,..,1,anger,flow.png", "subject: '..' must not"),
    "run in a subject": ("lab,a-seed0,1,anger,flow.png", "subject: 'a-seed0' ends like"),
    "contrast": ("a_Grouping,1,1,anger,flow.png", "database: 'a_Grouping' has a meaning"),
    "control character": ("lab,1,a\x07b,anger,flow.png", "clip: 'a\\x07b' must not"),
    "no such file": ("lab,1,1,anger,gone.png", "flow: there is no file"),
    "a folder": ("lab,1,1,anger,frames", "flow: there is no file"),
    "no motion": ("lab,1,1,anger,", "one source of motion"),
}


@pytest.mark.parametrize("field", ["database", "subject"])
@pytest.mark.parametrize("name", ["", "..", "a/b", "a-draw1"])
def test_no_source_lists_a_name_that_cannot_be_that_of_a_fold(folder, field, name):
    (task,) = listing(folder, "lab,1,1,anger,flow.png").tasks
    labels = dataclasses.replace(task.labels, **{field: name})
    with pytest.raises(UserError, match=f"^{field} .* give it a plain name"):
        Listing((dataclasses.replace(task, labels=labels),))


@pytest.mark.parametrize(("row", "expected"), ONE_PROBLEM.values(), ids=ONE_PROBLEM)
def test_a_faulty_cell_is_one_problem_that_names_its_line(folder, row, expected):
    (problem,) = problems(folder, "lab,0,0,anger,flow.png", row)
    assert problem.startswith("manifest.csv line 3: ")
    assert expected in problem


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("ethnicity", "Martian", "use White, Black, Asian, Indian, Others, Unknown"),
        ("gender", "x", "use male, female, unknown"),
        ("age_decade", "25", "no decade of life"),
        ("age_decade", "two", "no decade of life"),
        ("fps", "-1", "no number of frames per second"),
        ("fps", "fast", "no number of frames per second"),
        ("action_units", "zzz", "action_units: "),
    ],
)
def test_a_faulty_optional_cell_is_a_problem(folder, column, cell, expected):
    (problem,) = problems(folder, f"lab,1,1,anger,flow.png,{cell}", header=f"{HEADER},{column}")
    assert expected in problem


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("gone,3,6,46,,", "frames: there is no folder or video"),
        ("frames,4,6,46,,", "onset: no frame 4"),
        ("frames,,6,46,,", "onset: is blank"),
        ("frames,3,gone.jpg,,,", "apex: there is no file"),
        ("frames,46,3,,,", "not in this order: 46, 3"),
        ("frames,3,46,6,,", "not in this order: 3, 46, 6"),
        (",,,,frames/img3.jpg,", "apex_path: is blank"),
        ("frames,3,6,,frames/img3.jpg,frames/img6.jpg", "it has frames and onset_path"),
    ],
)
def test_faulty_frames_are_a_problem(folder, cells, expected):
    header = "database,subject,clip,emotion,frames,onset,apex,offset,onset_path,apex_path"
    (problem,) = problems(folder, f"lab,1,1,anger,{cells}", header=header)
    assert expected in problem


def test_every_problem_is_found_at_once(folder):
    found = problems(
        folder,
        "lab,1,1,anger,flow.png",
        "lab,1,1,anger,flow.png",
        "lab,,1,smug,gone.png",
    )
    assert len(found) == 4
    assert found[-1] == (
        "manifest.csv line 3: clip lab/1/1 is listed already (manifest.csv line 2)"
    )


def test_databases_are_one_whatever_their_case(folder):
    (problem,) = problems(folder, "SAMM,1,1,anger,flow.png", "samm,1,1,anger,flow.png")
    assert "listed already" in problem


def test_a_person_of_two_ethnicities_is_a_problem_unless_one_is_unknown(folder):
    header = f"{HEADER},ethnicity"
    rows = [
        f"lab,{subject},{clip},anger,flow.png,{ethnicity}"
        for clip, (subject, ethnicity) in enumerate(
            [("1", "Asian"), ("1", ""), ("1", "White"), ("2", "White")]
        )
    ]
    (problem,) = problems(folder, *rows, header=header)
    assert "lab/1 is White here and Asian in manifest.csv line 2" in problem


def test_a_table_of_ethnicities_beside_the_manifest_wins_over_its_column(folder):
    (folder / "ethnicity.csv").write_text(
        "database,subject,ethnicity,agreement,source\nlab,1,Indian,0.9,human\n"
    )
    header = f"{HEADER},ethnicity"
    rows = [
        "lab,1,1,anger,flow.png,White",
        "lab,1,2,anger,flow.png,Asian",
        "lab,2,1,anger,flow.png,",
    ]
    found = listing(folder, *rows, header=header)
    [problem] = found.problems
    assert str(problem) == "lab/2: has no row in ethnicity.csv: ethnicity Unknown"
    assert [task.labels.ethnicity for task in found.tasks] == ["Indian", "Indian", "Unknown"]
    assert (found.tasks[0].labels.ethnicity_source, found.tasks[0].labels.ethnicity_agreement) == (
        "human",
        0.9,
    )
    assert found.notes == ("ethnicities from ethnicity.csv",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "is empty"),
        (b"database,subject,clip,emotion,flow\n", "lists no clips"),
        (b"database,subject,flow\n1,2,3\n", "lacks the columns clip, emotion"),
        (b"database,subject,clip,emotion\nlab,1,1,anger\n", "no column of motion"),
        (b"database\tsubject\tclip\n1\t2\t3\n", "lacks .* emotion; it has 1 database, 2 subject"),
        (b"database,subject,clip,emotion,flow,flow\n1,2,3,4,5,6\n", "columns 5 and 6 both named f"),
        (b"database,subject,clip,emotion,flow,Flow\n1,2,3,4,5,6\n", "columns 5 and 6 both named f"),
        (
            b"database,subject,clip,emotion,flow\nlab,1,1,anger,f,x\n",
            "line 2 has 6 cells, its header 5: quote cells that contain “,”",
        ),
        (b"database,subject,clip,emotion,,flow\nlab,1,1,anger,x,f\n", "column 5 has cells but no"),
        (
            b"database,subject,filename,sample,emotion,flow\nlab,1,1,1,anger,f\n",
            r"columns 3 \(filename\) and 4 \(sample\) could both be clip: rename",
        ),
        (b'database,subject,clip,emotion,flow\nlab,1,1,"anger,x\n', "is not valid CSV"),
        (
            "database,subject,clip,emotion,flow\n".encode("utf-16-le"),
            "not a readable table of text",
        ),
        (b"\x89PNG\x00\xff\x81", "not a readable table of text"),
        (b"\xff\xfed\x00\x00", "not a readable table of text"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_in_one_line(tmp_path, text, expected):
    path = tmp_path / "manifest.csv"
    path.write_bytes(text)
    with pytest.raises(UserError, match=expected) as caught:
        manifest.list_clips(path)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no manifest"):
        manifest.list_clips(tmp_path / "manifest.csv")
    with pytest.raises(UserError, match="there is no manifest"):
        manifest.list_clips(tmp_path)


WRITTEN_BY = {
    "Excel, CSV UTF-8": (",", "\r\n", "utf-8-sig"),
    "Excel, German": (";", "\r\n", "cp1252"),
    "Excel, Unicode text": ("\t", "\r\n", "utf-16"),
    "R": (",", "\n", "utf-8"),
}


@pytest.mark.parametrize(("separator", "end", "encoding"), WRITTEN_BY.values(), ids=WRITTEN_BY)
def test_programs_write_the_same_manifest_in_their_own_ways(folder, separator, end, encoding):
    (folder / "Zoë").mkdir()
    (folder / "Zoë" / "flow.png").write_bytes(b"")
    rows = [
        ["Dataset", "Subject", "Filename", "Estimated Emotion", "Flow", "fps", "", "Bemerkung", ""],
        ["Lab", "007", "a", "Happiness", "Zoë\\flow.png", "29,97", "", f"x{separator}y", ""],
        ["Lab", "008", "b", "Anger", "Zoë\\flow.png", "NA"],
        ["", "", "", "", "", "", "", "", ""],
    ]
    lines = [separator.join(f'"{cell}"' if cell else "" for cell in row) for row in rows]
    path = folder / "manifest.csv"
    path.write_bytes(end.join(lines).encode(encoding))
    found = manifest.list_clips(path)
    assert found.problems == ()
    first, second = found.tasks
    assert first.key == "lab/007/a"
    assert first.motion == FlowFile(folder / "Zoë" / "flow.png")
    assert first.labels.fps == pytest.approx(29.97)
    assert math.isnan(second.labels.fps)
    assert first.labels.extra == {"Bemerkung": f"x{separator}y"}
    assert any("database from 'Dataset'" in note for note in found.notes)
    assert any("Windows-1252" in note for note in found.notes) == (encoding == "cp1252")


def test_excel_says_its_separator_in_a_first_line(folder):
    found = listing(folder, HEADER, "lab,1,1,anger,flow.png", header="sep=,")
    assert [task.key for task in found.tasks] == ["lab/1/1"]


@pytest.mark.parametrize("name", ['""', "Unnamed: 0", None])
def test_row_names_are_no_column(folder, name):
    header = HEADER if name is None else f"{name},{HEADER}"
    rows = [f"{line},lab,{line},1,anger,flow.png" for line in ('"1"', '"3"', '"12"')]
    found = listing(folder, *rows, header=header)
    assert found.problems == ()
    assert [task.labels.subject for task in found.tasks] == ["1", "3", "12"]


def test_a_column_of_numbers_that_went_through_decimals(folder):
    header = "database,subject,clip,emotion,frames,onset,apex,offset,age_decade,version"
    rows = ["lab,6.0,1,anger,frames,3.0,6.0,46.0,2.0,1.0", "lab,7.0,1,anger,frames,3.0,6.0,,,1.5"]
    found = listing(folder, *rows, header=header)
    assert found.problems == ()
    assert [task.labels.subject for task in found.tasks] == ["6", "7"]
    first = found.tasks[0].labels
    assert (first.onset, first.apex, first.offset, first.age_decade) == (3, 6, 46, 2)
    assert first.extra == {"version": "1.0"}


def test_a_missing_code_is_not_somebody_called_na(folder):
    header = f"{HEADER},ethnicity,gender,age_decade,action_units,fps"
    (task,) = listing(folder, "lab,1,1,anger,flow.png,NA,NA,NA,NA,NA", header=header).tasks
    assert (task.labels.ethnicity, task.labels.gender) == ("Unknown", "unknown")
    (problem,) = problems(folder, "lab,NA,1,anger,flow.png")
    assert "subject: 'NA' stands for a missing value: give the code" in problem


@pytest.mark.parametrize("cell", ["1" * 400, "1" * 5000, "-", "1e400", "1,000", "nan0", "٣"])
def test_no_number_is_too_long_or_too_odd(folder, cell):
    header = "database,subject,clip,emotion,frames,onset,apex,fps,age_decade"
    found = problems(folder, f'lab,1,1,anger,frames,3,"{cell}","{cell}","{cell}"', header=header)
    assert {problem.split(": ")[1] for problem in found} >= {"apex", "fps", "age_decade"}


def test_names_that_no_file_can_have_are_problems(folder):
    header = "database,subject,clip,emotion,flow,frames,onset,apex"
    found = problems(
        folder,
        f"lab,1,1,anger,{'x' * 5000},,,",
        f"lab,1,2,anger,,{'x' * 5000},1,2",
        f"lab,1,3,anger,,frames,{'x' * 5000},6",
        "lab,1,4,anger,C:\\clips\\flow.png,,,",
        header=header,
    )
    assert len(found) == 4
    assert found[-1].endswith("give paths relative to the manifest")


def test_a_manifest_may_be_a_workbook(folder):
    workbook = openpyxl.Workbook()
    rows = [
        ["Dataset", "Participant", "Clip", "Expression", "Video", "OnsetFrame", "Apex Frame", None],
        ["SAMM dataset", "006", 46, "Anger", "frames", 3, 6.0, None],
        [None],
        ["SAMM", "007", "a", "Surprise", "frames", 6, 46, None],
    ]
    for row in rows:
        workbook.active.append(row)
    workbook.save(folder / "coding.xlsx")
    found = manifest.list_clips(folder / "coding.xlsx")
    assert [str(problem) for problem in found.problems] == []
    assert [task.key for task in found.tasks] == ["samm/006/46", "samm/007/a"]
    assert (found.tasks[0].labels.onset, found.tasks[0].labels.apex) == (3, 6)


def test_our_own_name_of_a_column_wins_over_a_synonym(folder):
    header = f"{HEADER},Estimated Emotion,Filename"
    found = listing(folder, "lab,1,1,anger,flow.png,smug,x.avi", header=header)
    (task,) = found.tasks
    assert task.labels.raw_emotion == "anger"
    assert task.labels.extra == {"Estimated Emotion": "smug", "Filename": "x.avi"}
    assert found.notes == ()


def test_a_byte_order_mark_and_blank_lines_are_harmless(folder):
    found = listing(folder, "", "lab,1,1,anger,flow.png", ",,,,", encoding="utf-8-sig")
    assert [task.key for task in found.tasks] == ["lab/1/1"]
    assert found.problems == ()


_CODES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1
).filter(lambda code: code not in manifest._MISSING_CODES)


@given(
    _CODES.filter(lambda code: not name_fault("subject", code)),
    _CODES.filter(lambda code: code not in (".", "..")),
)
def test_any_printable_code_survives(tmp_path_factory, subject, clip):
    folder = tmp_path_factory.mktemp("codes")
    (folder / "flow.png").write_bytes(b"")
    buffer = io.StringIO()
    csv.writer(buffer).writerows([HEADER.split(","), ["lab", subject, clip, "anger", "flow.png"]])
    (folder / "manifest.csv").write_text(buffer.getvalue(), encoding="utf-8", newline="")
    [labels] = [task.labels for task in manifest.list_clips(folder / "manifest.csv").tasks]
    assert (labels.subject, labels.clip) == (subject, clip)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("46", 46), ("0046", 46), ("46.0", 46), ("reg_img46.jpg", 46), ("006_05562.jpg", 5562)],
        *[("-1", -1), ("", -1), ("/", -1), ("apex.png", -1)],
    ],
)
def test_frame_numbers_are_the_last_digits(text, number):
    assert frame_number(text) == number


def test_a_frame_number_matches_whole_numbers_only(folder):
    # "6" is a substring of "46": img6 is the frame, img46 is not.
    assert frame_path(folder / "frames", "6").name == "img6.jpg"
    with pytest.raises(ValueError, match="no frame 4 in"):
        frame_path(folder / "frames", "4")


def test_an_ambiguous_frame_number_is_refused(folder):
    (folder / "frames" / "img006.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"more than one image is frame 6: img006.png, img6.jpg"):
        frame_path(folder / "frames", "6")


def test_the_real_manifest_lists_its_278_clips(real_manifest):
    found = manifest.list_clips(real_manifest)
    assert found.problems == ()
    assert len(found.tasks) == 278
    assert len({(task.labels.database, task.labels.subject) for task in found.tasks}) == 52
