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
    "n": 1234,
    "estimate": -0.05,
    "low": -0.1,
    "high": -0.0001,
    **{"uf1": 0.5, "uf1_low": 0.25, "uf1_high": 1.0},
    "p": 0.0321,
    "p_holm": float("nan"),
}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        (columns.text("Name", "name"), "a"),
        (columns.count("Clips", "n"), "1,234"),
        (columns.number("SD", "low"), "−0.100"),
        (columns.number("Clips per run", "n", 1), "1234.0"),
        (columns.estimate(), "−0.050 [−0.100, 0.000]"),
        (columns.difference(), "−0.050 [−0.100, +0.000]"),
        (columns.difference("D", key="low", prefix="uf1_"), "−0.100 [+0.250, +1.000]"),
        (columns.interval(), "[−0.100, 0.000]"),
        (columns.score("uf1"), "0.500 [0.250, 1.000]"),
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
