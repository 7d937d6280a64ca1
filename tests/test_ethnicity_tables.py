import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.ethnicity.consolidation import Override, consolidate
from data_builders.ethnicity.tables import (
    RecordedVotes,
    read_overrides,
    write_subjects,
    write_votes,
)
from data_builders.ethnicity.votes import Vote, one_hot
from data_builders.sources import demographics
from ethnicmer_jax.base.schema import UserError


def _votes():
    return [
        Vote("samm", "006", "006_1_2", "onnx", (0.7, 0.1, 0.1, 0.05, 0.05), "", 2, "male"),
        Vote("samm", "006", "006_1_3", "onnx", one_hot("White"), "", 3, "female"),
        Vote("samm", "032", "032_1_1", "onnx", None, 'no face, "grey", in the onset frame'),
        Vote("casme2", "sub01", "EP02_01f", "onnx", one_hot("Asian")),
    ]


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_subjects_table_has_what_the_sources_join(tmp_path):
    path = tmp_path / "new" / "ethnicity.csv"
    write_subjects(path, consolidate(_votes()))
    rows = _rows(path)
    assert [(row["database"], row["subject"], row["ethnicity"]) for row in rows] == [
        ("casme2", "sub01", "Unknown"),
        ("samm", "006", "White"),
        ("samm", "032", "Unknown"),
    ]
    white = rows[1]
    assert (white["probability"], white["agreement"], white["n_clips"]) == ("0.8500", "1.0000", "2")
    assert (white["source"], white["reason"]) == ("onnx", "2 of 2 votes")
    assert (rows[2]["n_errors"], rows[2]["probability"]) == ("1", "")


def test_the_sources_read_the_subjects_table(tmp_path):
    path = tmp_path / "ethnicity.csv"
    write_subjects(path, consolidate(_votes(), None, {("samm", "032"): Override("Indian")}))
    found = {(row.database, row.subject): row.ethnicity for row in demographics.read_table(path)}
    first, second = found["samm", "006"], found["samm", "032"]
    assert (first.ethnicity, first.ethnicity_source) == ("White", "onnx")
    assert first.ethnicity_agreement == 1
    assert (second.ethnicity, second.ethnicity_source) == ("Indian", "human")


_weights = st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), _weights), max_size=6))
def test_votes_come_back_from_their_file_as_they_were(tmp_path_factory, given_weights):
    votes = [
        Vote("db", "1", f"c{index}", "onnx", None, "no face; really", -1, "unknown")
        if weights is None
        else Vote(
            "db",
            "1",
            f"c{index}",
            "onnx",
            tuple(w / sum(weights) for w in weights),
            "",
            4,
            "male",
            index % 2 == 0,
        )
        for index, weights in enumerate(given_weights)
    ]
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    write_votes(path, votes)
    again = RecordedVotes(path)
    assert list(again.votes()) == votes
    assert len(again) == len(votes)


def test_an_edited_votes_file_is_a_user_error(tmp_path):
    path = tmp_path / "votes.csv"
    write_votes(path, _votes())
    path.write_text(path.read_text().replace("0.7,", "0.9,"))
    with pytest.raises(UserError, match=r"votes.csv line 3: samm/006/006_1_2.*sum to 1.2"):
        list(RecordedVotes(path).votes())
    path.write_text("database,subject\n")
    with pytest.raises(UserError, match="lacks the columns clip"):
        list(RecordedVotes(path).votes())


def test_overrides_are_read_with_their_reasons(tmp_path):
    path = tmp_path / "override.csv"
    path.write_text(
        "Database,Subject,Ethnicity,Reason\nSAMM,6,Black,self-report\nsamm,x,Unknown,\n"
    )
    assert read_overrides(path, subject_width=3) == {
        ("samm", "006"): Override("Black", "self-report"),
        ("samm", "x"): Override("Unknown", ""),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("database,subject\nsamm,006\n", "lacks the columns ethnicity"),
        ("database,subject,ethnicity\nsamm,006,Martian\n", "line 2: ethnicity 'Martian'"),
        ("subject,ethnicity,Ethnicity\n6,White,Black\n", "several columns for ethnicity"),
        ("database,subject,ethnicity\nsamm,,White\n", "line 2: database or subject is empty"),
        (
            "database,subject,ethnicity\nsamm,006,White\nSAMM,006,Black\n",
            "line 3: samm/006 has a row already",
        ),
    ],
)
def test_wrong_overrides_are_user_errors(tmp_path, text, message):
    path = tmp_path / "override.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_overrides(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "ethnicity_votes.csv"
    write_votes(path, _votes())
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_votes(path, [*_votes(), Vote("samm", "007", "7_1", "onnx", None, "\ud800")])
    assert [file.name for file in tmp_path.iterdir()] == ["ethnicity_votes.csv"]
    assert path.read_bytes() == before
