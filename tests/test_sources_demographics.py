from __future__ import annotations

import fictitious
import pytest

from data_builders.sources import cells
from data_builders.sources.databases import casme2
from ethnicmer_jax.base.schema import UserError


def test_ethnicity_comes_from_the_table_beside_the_database(tmp_path):
    fictitious.write_casme2(tmp_path)
    (tmp_path / "ethnicity.csv").write_text(
        "database,subject,ethnicity,agreement,source\n"
        "casme2,1,Asian,0.75,fairface\n"
        "samm,2,White,1,human\n"
    )
    listing = casme2.DATABASE.list_clips(tmp_path)
    by_subject = {task.labels.subject: task.labels for task in listing.tasks}
    labelled = by_subject["sub01"]
    assert (labelled.ethnicity, labelled.ethnicity_source) == ("Asian", "fairface")
    assert labelled.ethnicity_agreement == 0.75
    assert by_subject["sub02"].ethnicity == "Unknown"
    assert "has no row in ethnicity.csv" in listing.problems[0].what


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("database,subject\ncasme2,1\n", "lacks the columns ethnicity; it has database, subject"),
        ("database,subject,ethnicity\ncasme2,1,Martian\n", "line 2: ethnicity 'Martian' is not"),
        ("database,subject,ethnicity\ncasme2,x,Asian\n", "line 2: Subject 'x' is not"),
        ("database,subject,ethnicity\ncasme2,1,Asian\ncasme2,sub01,White\n", "line 3: .* already"),
        ("database,subject,ethnicity,agreement\ncasme2,1,Asian,7\n", "line 2: agreement 7.0"),
        ("", "is not a readable table"),
        ("database,subject,ethnicity\n\ncasme2,1,Martian\n", "line 3: ethnicity 'Martian'"),
    ],
)
def test_a_faulty_table_of_ethnicities_is_refused(tmp_path, table, message):
    fictitious.write_casme2(tmp_path)
    (tmp_path / "mine.csv").write_text(table)
    with pytest.raises(UserError, match=message):
        casme2.DATABASE.list_clips(tmp_path, tmp_path / "mine.csv")


def test_a_table_that_is_named_must_be_there(tmp_path):
    fictitious.write_casme2(tmp_path)
    with pytest.raises(UserError, match=r"there is no table of ethnicities .*mine\.csv"):
        casme2.DATABASE.list_clips(tmp_path, tmp_path / "mine.csv")


def test_the_reference_s_codes_are_translated():
    labels = cells.person({"race": 3, "age": 2.0, "gender": "1"})
    assert labels == {
        "ethnicity": "Indian",
        "ethnicity_source": "coding sheet",
        "age_decade": 2,
        "gender": "female",
    }


def test_a_sheet_without_codes_leaves_everything_unknown():
    for row in ({}, {"race": None, "age": None, "gender": None}):
        labels = cells.person(row)
        assert (labels["ethnicity"], labels["ethnicity_source"]) == ("Unknown", "")
        assert (labels["age_decade"], labels["gender"]) == (-1, "unknown")


@pytest.mark.parametrize("row", [{"race": 5}, {"race": "Asian"}, {"age": "old"}, {"gender": 2}])
def test_other_codes_are_refused(row):
    [(name, value)] = row.items()
    with pytest.raises(ValueError, match=f"{name.capitalize()} '{value}' is"):
        cells.person(row)


def test_the_table_wins_over_the_sheet_and_keeps_its_age_and_gender(tmp_path):
    fictitious.write_casme2(tmp_path)
    columns = (*fictitious.CASME2_COLUMNS, "Age", "Gender", "Race")
    rows = [(1, "EP02_01f", 46, 59, 86, 12, "happiness", 2, 0, 4)]
    fictitious.write_sheet(tmp_path / "CASME2-coding-20190701.xlsx", columns, rows)
    assert casme2.DATABASE.list_clips(tmp_path).tasks[0].labels.ethnicity == "Others"
    table = tmp_path / "mine.csv"
    table.write_text("database,subject,ethnicity\nCASME2,1,Asian\n")
    [labels] = [task.labels for task in casme2.DATABASE.list_clips(tmp_path, table).tasks]
    assert (labels.ethnicity, labels.ethnicity_source) == ("Asian", "metadata")
    assert (labels.age_decade, labels.gender) == (2, "male")
