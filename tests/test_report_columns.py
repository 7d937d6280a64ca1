"""One label and one number format for each quantity, on every page."""

import ast
import pathlib

import pandas as pd
import pytest

from ethnicmer_jax.report import columns
from ethnicmer_jax.report.tables import Table

REPORT = pathlib.Path(columns.__file__).parent
ROW = {
    "name": "a",
    **{"run": "mono_asian-draw0-seed1", "group": "non_asian", "database": "casme2"},
    "cell": "asian_to_non_asian",
    "n": 1234,
    "estimate": -0.05,
    "low": -0.1,
    "high": -0.0001,
    **{"early_low": -float("inf"), "early_high": float("inf")},
    **{"uf1": 0.5, "uf1_low": 0.25, "uf1_high": 1.0},
    "p": 0.0321,
    "p_holm": float("nan"),
}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        (columns.text("Name", "name"), "a"),
        (columns.count("Clips", "n"), "1,234"),
        (columns.number("SD", "low"), "−.100"),
        (columns.tenths("Clips per run", "n"), "1,234.0"),
        (columns.estimate(), "−.050 [−.100, .000]"),
        (columns.difference(), "−.050 [−.100, +.000]"),
        (columns.difference("D", key="low", prefix="uf1_"), "−.100 [+.250, +1.000]"),
        (columns.difference("D", prefix="early_"), "−.050 (no bounds)"),
        (columns.interval(), "[−.100, .000]"),
        (columns.score("uf1"), ".500 [.250, 1.000]"),
        (columns.run("Run", "run"), "mono Asian, draw 0, seed 1"),
        (columns.group("Group", "group"), "Non-Asian"),
        (columns.database("Database", "database"), "CASME II"),
        (columns.cell("Cell", "cell"), "Asian → Non-Asian"),
        (columns.p_value(), ".032"),
        (columns.p_holm(), "–"),
    ],
)
def test_cells(column, cell):
    assert Table("t", "c", pd.DataFrame([ROW]), [column]).rows() == [[cell]]


def test_no_page_spells_an_interval_or_a_p_value_by_itself():
    wrong = []
    for path in REPORT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Name("Column"), [_, ast.Constant(template), *_]):
                    if "low" in template and path.name != "columns.py":
                        wrong.append((path.name, template))
                case ast.Call(ast.Name("PValue")) if path.name != "columns.py":
                    wrong.append((path.name, "PValue"))
    assert wrong == []
