"""No cell of a table that a person opens is run as a formula, and our readers see none of it."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from data_builders.ethnicity import tables as ethnicity_tables
from data_builders.ethnicity.votes import LABELS, Vote
from data_builders.sources import manifest_draft, text_table
from ethnicmer_jax.base import csv_cells, files, predictions
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import columns
from ethnicmer_jax.report.tables import Table

FORMULAS = (
    "=cmd|calc",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "'=1",
    "''-x",
    "＝1",
    "=a\r=b",
)
NUMBERS = ("-0.3", "+5", "-1e-05", "-1,5", "-7%", "-inf", "-", "46", "")


def cells(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe_and_loses_it(text):
    assert csv_cells.safe(text) == f"'{text}"
    assert csv_cells.plain(csv_cells.safe(text)) == text


@pytest.mark.parametrize("text", [*NUMBERS, "a=b", "s-01", "'s", "−0.3"])
def test_numbers_and_other_texts_stay(text):
    assert csv_cells.safe(text) == csv_cells.plain(text) == text


def test_every_table_that_is_written_is_safe(tmp_path):
    frame = pd.DataFrame({"=name": FORMULAS, "value": -0.3, "text": "-0.3", "kind": "x"})
    files.write_table(tmp_path / "a.csv", frame)
    report = Table("b", "c", frame, [columns.text("Name", "=name")])
    (tmp_path / "b.csv").write_text(report.csv(), encoding="utf-8", newline="")
    for name in ("a.csv", "b.csv"):
        found = cells(tmp_path / name)
        assert not [cell for cell in found if cell and cell[0] in "=@\t\r＝"]
        assert len(found) == 4 * (1 + len(FORMULAS))
        assert {"'=name", "-0.3"} <= set(found)
    assert frame["=name"].tolist() == [*FORMULAS]  # what is in memory is as it was


def test_predictions_come_back_as_they_were(tmp_path):
    made = Predictions.from_table(
        pd.DataFrame(
            {
                "run": "loso",
                "fold": "-f",
                "database": "lab",
                "subject": [f"{number}" for number, _ in enumerate(FORMULAS)],
                "clip": FORMULAS,
                "emotion": "negative",
                "ethnicity": "Asian",
                "p_negative": 0.25,
                "p_positive": 0.75,
            }
        )
    )
    predictions.write(tmp_path / "predictions.csv", made)
    assert predictions.read(tmp_path / "predictions.csv").table.equals(made.table)
    assert "'=cmd|calc" in cells(tmp_path / "predictions.csv")


def test_tables_of_labels_come_back_as_they_were(tmp_path):
    scores = tuple(1 / len(LABELS) for _ in LABELS)
    names = [text for text in FORMULAS if text.strip() == text]
    votes = [Vote("lab", text, "c", "a", scores, "", -1, "unknown") for text in names]
    path = tmp_path / ethnicity_tables.VOTES_FILE
    ethnicity_tables.write_votes(path, votes)
    read = list(ethnicity_tables.RecordedVotes(path).votes())
    assert sorted(vote.subject for vote in read) == sorted(names)
    assert {vote.age_decade for vote in read} == {-1}


def test_a_drafted_manifest_names_its_files(tmp_path):
    for name in ("=s1", "@s2"):
        (tmp_path / name).mkdir()
        for clip in "ab":
            (tmp_path / name / f"{clip}.npy").touch()
    manifest_draft.write(tmp_path)
    assert "'=s1" in cells(tmp_path / "manifest.csv")
    table = text_table.read(tmp_path / "manifest.csv")
    assert set(table["subject"]) == {"=s1", "@s2"}
    assert "=s1/a.npy" in set(table["flow"])
