from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.sources import action_units
from ethnicmer_jax.base.schema import ActionUnit


def codes(cell) -> list[str]:
    return [str(unit) for unit in action_units.parse(cell)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12", ["12"]),
        (12, ["12"]),
        (12.0, ["12"]),
        ("4+L10", ["4", "L10"]),
        ("L12 + 61", ["L12", "61"]),
        ("12+15 ", ["12", "15"]),
        ("L1+L2", ["L1", "L2"]),
        ("A1B+A2C", ["A1B", "A2C"]),
        ("T18+39", ["T18", "39"]),
        ("B18+25", ["B18", "25"]),
        ("R14A or 17A or 24A", ["R14A", "17A", "24A"]),
        ("(R6 or R12)+R15", ["R6", "R12", "R15"]),
        ("((1+2) or 4)+5", ["1", "2", "4", "5"]),
        ("ref(7B)+43", ["7B", "43"]),
        ("7B+ ref(43)", ["7B", "43"]),
        ("ref(L10)+A12B", ["L10", "A12B"]),
        ("10A/B", ["10A", "10B"]),
        ("A/L12", ["A12", "L12"]),
        ("R14+17+soft focus", ["R14", "17"]),
        ("r14a+l2", ["R14A", "L2"]),
        ("4, 7; 9", ["4", "7", "9"]),
        ("4，L2＋12", ["4", "L2", "12"]),  # CAS(ME)³: full-width punctuation
        ("4+7+4", ["4", "7"]),
        ("?", []),
        ("  ", []),
        (None, []),
        (math.nan, []),
    ],
)
def test_reads_what_the_coders_wrote(cell, expected):
    assert codes(cell) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "smile",
        "AU12",
        "4++7",
        "4+",
        "+4",
        "4 7",
        "4+7)",
        "(4+7",
        "()",
        "4(7)",
        ")4(",
        "123",
        "0",
        "12F",
        "X12",
        "10A/",
        "/L12",
        "A/12",
        "or",
        "ref",
        "4or7x",
        "1.5",
        12.5,
        123,
        -4,
        math.inf,
        True,
        pd.Timestamp("2012-04-07"),
    ],
)
def test_garbage_is_refused_and_quoted(cell):
    with pytest.raises(ValueError, match="not a cell of Action Units") as error:
        action_units.parse(cell)
    assert str(cell) in str(error.value)


UNITS = st.builds(
    ActionUnit,
    st.integers(1, 99),
    st.sampled_from(["", *"LRAUTB"]),
    st.sampled_from(["", *"ABCDE"]),
)


@given(st.lists(UNITS, min_size=1, unique=True), st.sampled_from(["+", " + ", " or ", ", ", ";"]))
def test_what_is_written_is_read_back(units, separator):
    assert action_units.parse(separator.join(map(str, units))) == tuple(units)


@given(st.lists(UNITS, min_size=1, unique=True))
def test_parentheses_change_nothing(units):
    cell = "+".join(f"({unit})" for unit in units)
    assert action_units.parse(f"ref({cell})") == tuple(units)


@given(st.text(alphabet="0123456789LRABE+/() orf", max_size=12))
def test_any_text_is_read_or_refused_and_reading_is_stable(text):
    try:
        units = action_units.parse(text)
    except ValueError:
        return
    assert action_units.parse("+".join(map(str, units))) == units


def test_every_cell_of_the_real_sheets_holds_only_numbers_that_are_written_in_it(annotations):
    casme2 = pd.read_excel(annotations / "CASME2MetaEmotionConcised.xlsx")
    samm = pd.read_excel(annotations / "SAMMMetaEmotionConcised.xlsx")
    for cell in pd.concat([casme2["Action Units"], samm["Action Units"]]).unique():
        digits = pd.Series([str(cell)]).str.findall(r"\d+")[0]
        assert {str(unit.number) for unit in action_units.parse(cell)} == set(digits), cell


def test_only_the_question_marks_of_casme2_hold_no_action_unit(annotations):
    cells = pd.read_excel(annotations / "CASME2MetaEmotionConcised.xlsx")["Action Units"]
    assert set(cells[cells.map(lambda cell: not action_units.parse(cell))]) == {"?"}


def test_au1_is_coded_32_times_where_a_substring_finds_164(annotations):
    # The fault of the reference: "1" is also in 10, 12, 14, 15, 17 and 61.
    cells = pd.read_csv(annotations / "JointDB_MetaEmotionConcised.csv")["Action Units"]
    assert cells.str.contains("1", regex=False).sum() == 164
    assert sum(any(unit.number == 1 for unit in action_units.parse(cell)) for cell in cells) == 32
