import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.ethnicity.table_annotator import TableAnnotator, parse_label
from data_builders.ethnicity.votes import LABELS
from ethnicmer_jax.base.schema import UserError

RAW = """Subject,Filename,Age,Gender,Race
006,006_1_2,2,0,0
006,006_1_3,2,1,4
032,032_3_1,Error,Error,Error
"""


@pytest.fixture
def write(tmp_path):
    def _write(text, name="raw.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def test_a_table_of_codes_is_read_row_by_row(write):
    annotator = TableAnnotator(write(RAW), "SAMM")
    first, second, failed = annotator.votes()
    assert len(annotator) == 3
    assert (first.key, first.label, first.age_decade, first.gender) == (
        "samm/006/006_1_2",
        "White",
        2,
        "male",
    )
    assert (second.label, second.gender) == ("Others", "female")
    assert failed.label is None
    assert failed.error == "the table says 'Error'"
    assert (failed.age_decade, failed.gender) == (-1, "unknown")


def test_names_in_place_of_codes_and_a_database_column(write):
    path = write("dataset,subject,clip,ethnicity\nSMIC,s1,c1,East Asian\nSMIC,s1,c2,unknown\n")
    first, second = TableAnnotator(path).votes()
    assert (first.key, first.label) == ("smic/s1/c1", "Asian")
    assert second.label is None


def test_the_same_table_as_a_spreadsheet_gives_the_same_votes(write, tmp_path):
    pd.read_csv(write(RAW), dtype=str).to_excel(tmp_path / "raw.xlsx", index=False)
    sheet = TableAnnotator(tmp_path / "raw.xlsx", "samm")
    assert list(sheet.votes()) == list(TableAnnotator(tmp_path / "raw.csv", "samm").votes())


def test_numeric_subject_codes_are_zero_filled_on_request(write):
    path = write("Subject,Filename,Race\n6,a,0\nsub7,b,0\n")
    assert [vote.subject for vote in TableAnnotator(path, "x", 3).votes()] == ["006", "sub7"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Subject,Filename\n1,a\n", "lacks the columns race; it has Subject, Filename"),
        ("Subject,Race\n1,0\n", "no column of clips .* --ethnicity"),
        ("Subject,Filename,Race,Ethnicity\n1,a,0,0\n", "several columns for race"),
        ("Subject,Filename,Race\n1,a,0\n1,b,7\n", "line 3: '7' is neither a code"),
        ("Subject,Filename,Race\n1,a,0\n1,a,0\n", "line 3: samm/1/a has a row already .line 2"),
        ("Subject,Filename,Race\n,a,0\n", "line 2: database, subject or clip is empty"),
        ("Subject,Filename,Race,Age\n1,a,0,25\n", "line 2: age '25'"),
        ("Subject,Filename,Race,Gender\n1,a,0,x\n", "line 2: gender 'x'"),
        ('Subject,Filename,Race\n1,"a,0\n', "is not valid CSV"),
        ("", "not a readable table"),
        ("Subject,Filename,Race\n\n1,b,7\n", "line 3: '7' is neither a code"),
    ],
)
def test_a_wrong_table_is_a_user_error_that_says_where(write, text, message):
    with pytest.raises(UserError, match=message):
        list(TableAnnotator(write(text), "samm").votes())


def test_a_text_file_named_xlsx_is_a_user_error(write):
    with pytest.raises(UserError, match=r"not a readable \.xlsx workbook"):
        list(TableAnnotator(write(RAW, "raw.xlsx"), "samm").votes())


def test_a_table_without_database_needs_one(write):
    with pytest.raises(UserError, match="--database"):
        list(TableAnnotator(write(RAW)).votes())


def test_a_missing_table_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="there is no table"):
        len(TableAnnotator(tmp_path / "none.csv", "samm"))


@pytest.mark.parametrize("cell", ["", "Error", "unknown", "NA", "NaN", "#N/A"])
def test_a_missing_label_is_a_failed_vote(cell):
    assert parse_label(cell) is None


@given(st.text(max_size=12))
def test_any_cell_is_a_label_a_failure_or_refused(text):
    try:
        label = parse_label(text)
    except ValueError:
        return
    assert label is None or label in LABELS


def test_the_references_raw_table(annotations):
    votes = list(TableAnnotator(annotations / "results_ethnic_raw.csv", "samm").votes())
    assert len(votes) == 159
    assert {vote.subject for vote in votes if vote.error} == {"032"}
    assert sum(bool(vote.error) for vote in votes) == 5
