"""A table's three forms: formatted cells, raw CSV, escaped LaTeX."""

import io

import pandas as pd

from ethnicmer_jax.report.tables import Column, Table

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
