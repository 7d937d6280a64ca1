from __future__ import annotations

import pathlib

import fictitious
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.database.ensure import ensure
from data_builders.database.pipeline import BuildOptions
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import cells, codes, demographics
from data_builders.sources.base import ClipTask, FlowFile, Listing
from data_builders.sources.databases import casme2
from data_builders.sources.registry import Request, list_clips
from ethnicmer_jax.base.schema import ClipLabels, UserError


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
    lacking = [p for p in listing.problems if "has no row in ethnicity.csv" in p.what]
    assert [(p.where, p.fatal) for p in lacking] == [
        ("casme2/sub02", False),
        ("casme2/sub26", False),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("database,subject\ncasme2,1\n", "lacks the columns ethnicity; it has database, subject"),
        ("database,subject,ethnicity\ncasme2,1,Martian\n", "line 2: ethnicity 'Martian' is unkn"),
        ("database,subject,ethnicity\ncasme2,,Asian\n", "line 2: database or subject is blank"),
        ("Dataset,database,subject,ethnicity\na,b,c,White\n", "several columns for database"),
        ('database,subject,ethnicity\ncasme2,"1,Asian\n', "line 2 is not valid CSV"),
        ("database,subject,ethnicity\ncasme2,1,Asian\ncasme2,sub01,White\n", "line 3: .* already"),
        (
            "database,subject,ethnicity,agreement\ncasme2,1,Asian,7\n",
            "line 2: agreement '7' is not",
        ),
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


def tasks(*people):
    flow = FlowFile(pathlib.Path("flow.png"))
    return [
        ClipTask(ClipLabels(database, subject, "c", "negative", "anger"), flow)
        for database, subject in people
    ]


def joined(tmp_path, people, *rows):
    """Ethnicities by person, and every problem, of a table joined with clips of these people."""
    table = tmp_path / "mine.csv"
    table.write_text("\n".join(["database,subject,ethnicity", *rows]) + "\n")
    listing = demographics.labelled(Listing(tuple(tasks(*people))), table)
    listing = demographics.foreign_rows(listing)
    labels = {task.labels.person: task.labels.ethnicity for task in listing.tasks}
    return labels, [str(problem) for problem in listing.problems], listing.notes


@pytest.mark.parametrize(
    ("person", "row"),
    [
        (("samm", "006"), "samm,006"),
        (("samm", "006"), "samm,6"),
        (("samm", "006"), "SAMM dataset,006"),
        (("samm", "006"), "samm,6.0"),
        (("casme2", "sub01"), "casme2,1"),
        (("casme2", "sub01"), "CASME II,Sub1"),
        (("casme_squared", "s15"), "CAS(ME)^2,15"),
        (("casme_squared", "s15"), "CAS(ME)\N{SUPERSCRIPT TWO},15"),
        (("casme3", "spNO.1"), "CAS(ME)3,1"),
        (("lab", "1"), "lab,sub01"),
        (("my_lab", "P7"), "My Lab database,p07"),
    ],
)
def test_a_code_is_found_where_its_meaning_is_certain(tmp_path, person, row):
    labels, problems, _ = joined(tmp_path, [person], f"{row},Asian")
    assert labels == {"/".join(person): "Asian"}
    assert problems == []


def test_a_row_that_matches_nobody_and_a_person_without_a_row_are_reported(tmp_path):
    people = [("lab", "01"), ("lab", "1"), ("lab", "sub2"), ("lab", "p2"), ("lab", "3")]
    rows = ("lab,001,White", "lab,2,White", "lab,03,White", "lab,4,White")
    labels, problems, _ = joined(tmp_path, people, *rows)
    assert labels == {f"lab/{subject}": "Unknown" for _, subject in people} | {"lab/3": "White"}
    assert [problem.split(":")[0] for problem in problems] == [
        *("mine.csv line 2", "mine.csv line 3", "mine.csv line 5"),
        *("lab/01", "lab/1", "lab/p2", "lab/sub2"),
    ]


def test_rows_of_a_database_that_is_not_read(tmp_path):
    rows = ("samn,1,White", "samn,2,White", "casme2,1,Asian", "samn,4,White", "lab,1,Asian")
    labels, problems, notes = joined(tmp_path, [("lab", "1")], *rows)
    assert labels == {"lab/1": "Asian"}
    (problem,) = problems
    assert problem == (
        "mine.csv lines 2-3, 5: database 'samn' is none of those read (lab): 3 rows matched nobody"
    )
    assert "mine.csv line 4: people of casme2, of which no clip is read" in notes


def test_a_lost_label_fails_a_strict_build_of_every_source(tmp_path):
    fictitious.write_casme2(tmp_path)
    (tmp_path / "ethnicity.csv").write_text("database,subject,ethnicity\ncasme2,99,Asian\n")
    with pytest.raises(UserError, match="nothing was built"):
        ensure("casme2", str(tmp_path), tmp_path / "data", BuildOptions(strict=True))
    assert not (tmp_path / "data").exists()


@given(st.lists(st.text("sub0123_-é", max_size=5), max_size=6, unique=True), st.text("sub0123."))
def test_a_code_is_found_only_where_one_fits(known, written):
    found = codes.Codes(known).find(written)
    if written in known:
        assert found == written
    elif found is not None:
        assert [code for code in known if codes.folded(code) == codes.folded(found)] == [found]


def test_a_table_that_is_given_counts_for_drawn_people_too(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("database,subject,ethnicity\nsimsamm,s001,Black\nsimsamm,x,Black\n")
    drawn = SimulatedOptions(cohorts=parse_cohorts("simsamm:White:2"))
    listing = list_clips(Request("simulated", simulated=drawn, ethnicity=table))
    found = {problem.where: problem.what for problem in listing.problems}
    assert "matched nobody" in found["mine.csv line 3"]
