"""A table's three forms: formatted cells, raw CSV, escaped LaTeX."""

import io

import pandas as pd
import pytest

from ethnicmer_jax.base import labels
from ethnicmer_jax.report import columns
from ethnicmer_jax.report.tables import Column, PValue, Table

FRAME = pd.DataFrame(
    {"part": ["a_b & {c}", "<script>"], "uf1": [1 / 3, 0.5], "low": [0.25, float("nan")]}
)
TABLE = Table(
    "parts",
    "100% of it",
    FRAME,
    (Column("Part_1", "{part}", False), Column("UF1", "{uf1:.3f} [{low:.2f}]")),
)


def test_cells_are_formatted_and_a_missing_value_is_a_dash():
    assert TABLE.rows() == [["a_b & {c}", "0.333 [0.25]"], ["<script>", "–"]]


def test_csv_keeps_full_precision():
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(TABLE.csv())), FRAME)


def test_latex_escapes_headers_captions_and_cells():
    text = TABLE.latex()
    for expected in (
        r"a\_b \& \{c\} & 0.333 [0.25] \\",
        r"\textless{}script\textgreater{}",
        r"Part\_1 & UF1 \\",
        r"\caption{100\% of it}",
        r"\begin{tabular}{lr}",
    ):
        assert expected in text, expected


def test_p_values_are_short_and_a_long_table_is_cut_but_for_its_csv():
    frame = pd.DataFrame({"run": list("abcd"), "p": [0.032, 1e-9, float("nan"), 0.5]})
    table = Table("p", "", frame, (Column("Run", "{run}", False), PValue("p", "{p}")), shown=3)
    assert table.rows() == [["a", ".032"], ["b", "< .001"], ["c", "–"]]
    assert r"b & \textless{} .001 \\" in table.latex()
    assert len(pd.read_csv(io.StringIO(table.csv()))) == 4


def test_a_table_without_rows_still_has_its_header():
    empty = Table("empty", "", FRAME[:0], TABLE.columns)
    assert empty.rows() == []
    assert r"Part\_1 & UF1 \\" in empty.latex()
    assert empty.csv() == "part,uf1,low\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-0.100 [-0.200, +0.100]", "−0.100 [−0.200, +0.100]"),
        ("within samm -.04 (-1)", "within samm −.04 (−1)"),
        ("mono_asian-draw0-seed0", "mono_asian-draw0-seed0"),
        ("2026-01-02, samm-006, --max_clips=-1", "2026-01-02, samm-006, --max_clips=−1"),
        ("a - b, 3-fold, x.-1", "a - b, 3-fold, x.-1"),
    ],
)
def test_negative_numbers_have_a_minus_sign_and_names_keep_their_hyphens(text, expected):
    assert labels.minus(text) == expected


def test_minus_signs_are_in_numbers_and_sentences_and_never_in_csv_or_settings():
    frame = pd.DataFrame(
        {"name": ["x -5"], "said": ["it is -5"], "value": [-0.5], "low": [-0.0001]}
    )
    shown = (
        columns.text("Name", "name"),
        columns.sentence("Said", "said"),
        Column("Value", "{value:+z.3f} [{low:+z.3f}]"),
    )
    table = Table("t", "c", frame, shown)
    assert table.rows() == [["x -5", "it is −5", "−0.500 [+0.000]"]]
    assert table.csv() == "name,said,value,low\nx -5,it is -5,-0.5,-0.0001\n"
    assert r"x -5 & it is $-$5 & $-$0.500 [+0.000] \\" in table.latex()
