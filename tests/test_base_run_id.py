"""A run's identity: one text form, one way to read it, and the names that may enter it."""

import ast
import pathlib
import re

import hypothesis
import pytest
from hypothesis import strategies as st

from ethnicmer_jax.base import run_id
from ethnicmer_jax.base.run_id import RunId, check_name
from ethnicmer_jax.base.schema import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Texts that look like parts of runs, so that those which could be confused come up.
NAMES = st.text("ab._/-:0\n", max_size=6) | st.lists(
    st.sampled_from(
        ["ethnicity", "loso", "inner", ".", "-draw", "-seed", "0", "7", "01", "é", " "]
    ),
    max_size=6,
).map("".join)
NUMBERS = st.none() | st.integers(-2, 120)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("loso-seed0", {"cell": "loso", "seed": 0}),
        ("loso", {"cell": "loso"}),
        ("mono_asian-draw0-seed1", {"cell": "mono_asian", "draw": 0, "seed": 1}),
        ("stereo-draw12", {"cell": "stereo", "draw": 12}),
        (
            "ethnicity.mono_asian-draw12-seed3",
            {"contrast": "ethnicity", "cell": "mono_asian", "draw": 12, "seed": 3},
        ),
        (
            "within_my.db.a_to_b-draw0-seed0",
            {"contrast": "within_my.db", "cell": "a_to_b", "draw": 0, "seed": 0},
        ),
        ("pooled.loso-seed0", {"job": "pooled", "cell": "loso", "seed": 0}),
        ("embed_swapped.loso", {"job": "embed_swapped", "cell": "loso"}),
        ("inner.samm-006-seed0", {"job": "inner", "cell": "samm-006", "seed": 0}),
        ("inner.cas-spNO.1-seed0", {"job": "inner", "cell": "cas-spNO.1", "seed": 0}),
    ],
)
def test_texts_of_runs(text, fields):
    assert RunId.parse(text) == RunId(**fields)
    assert str(RunId(**fields)) == text


@hypothesis.given(job=NAMES, contrast=NAMES, cell=NAMES, draw=NUMBERS, seed=NUMBERS)
def test_whatever_can_be_built_is_read_back(job, contrast, cell, draw, seed):
    try:
        built = RunId(job=job, contrast=contrast, cell=cell, draw=draw, seed=seed)
    except ValueError:
        return
    assert RunId.parse(str(built)) == built


@hypothesis.given(NAMES.filter(bool))
def test_whatever_is_read_is_written_back(text):
    assert str(RunId.parse(text)) == text


@pytest.mark.parametrize(
    "fields",
    [
        {"cell": ""},
        {"cell": "a.b"},
        {"cell": "loso-seed1"},
        {"cell": "loso-draw1", "seed": 0},
        {"cell": "loso", "draw": -1},
        {"contrast": "ethnicity", "cell": "mono_asian"},
        {"job": "pooled", "cell": "mono_asian", "draw": 0},
        {"job": "a.b", "cell": "loso"},
        {"contrast": "ethnicity", "cell": "mono_north.asia", "draw": 0},
        {"job": "arms", "contrast": "ethnicity", "cell": "mono_asian", "draw": 0},
    ],
)
def test_what_cannot_be_told_apart_cannot_be_built(fields):
    with pytest.raises(ValueError, match=r"cannot be told from|is empty"):
        RunId(**fields)


def test_parts_and_arms():
    drawn, pooled = RunId.parse("ethnicity.stereo-draw3-seed1"), RunId.parse("pooled.loso-seed0")
    assert (drawn.part, drawn.arm) == ("ethnicity", "ethnicity.stereo")
    assert (pooled.part, pooled.arm) == ("pooled", "pooled.loso")
    assert (RunId.parse("loso").part, RunId.parse("loso").arm) == ("", "loso")


def test_cells():
    assert run_id.mono_side(run_id.mono("asian")) == "asian"
    assert run_id.mono_side(run_id.crossed("asian", "non_asian")) is None
    arms = {"mono_asian": True, "stereo": True, "stereo_to_asian": False, "loso": False}
    assert {cell: run_id.is_arm(cell) for cell in arms} == arms


@pytest.mark.parametrize("kind", ["database", "subject", "group"])
@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "a/b", " a", "a ", "a\nb", "a\0", "x" * 61, "a-seed0", "a-draw12"],
)
def test_names_that_no_folder_or_run_can_carry(kind, name):
    with pytest.raises(UserError, match=rf"^{kind} .* give it a plain name") as refused:
        check_name(kind, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("database", "casme2_strict_grouping"),
        *(("group", name) for name in ("north.asia", "stereo", "a_to_b", "excluded", "all")),
    ],
)
def test_names_with_a_meaning_of_their_own(kind, name):
    with pytest.raises(UserError, match=f"^{kind} '{name}' has a meaning"):
        check_name(kind, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("database", name) for name in ("casme2", "samm", "cas(me)^3", "db.2", "my db", "四维")),
        *(("subject", name) for name in ("006", "sub01", "spNO.1", "S 1", "p-3", "all", "stereo")),
        *(("group", name) for name in ("asian", "non_asian", "East Asian", "non-asian")),
    ],
)
def test_names_of_databases_as_they_are(kind, name):
    check_name(kind, name)


RUN_TEXT = re.compile(
    r"-(draw|seed)(\\d|[\[{(]|$)|^(mono_|on_|within_|ethnicity\.|inner\.)|^_to_$|_grouping$"
)
"""Literals with which a run's name could be put together or taken apart."""

NAMES_LIVE_IN = {"ethnicmer_jax/base/run_id.py", "ethnicmer_jax/base/contrast_roles.py"}
SOURCES = sorted((ROOT / "ethnicmer_jax").rglob("*.py"))


def prose(tree):
    """The nodes of texts that are not used: docstrings, also of attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def test_nothing_else_holds_a_piece_of_a_runs_text():
    found = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        unused = prose(tree)
        found |= {
            (path.relative_to(ROOT).as_posix(), node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if id(node) not in unused and RUN_TEXT.search(node.value)
        }
    # The cells of models that both sides test.
    allowed = {("ethnicmer_jax/protocols/exchange.py", "on_")}
    assert {hit for hit in found if hit[0] not in NAMES_LIVE_IN} == allowed


CUTS = {"split", "rsplit", "partition", "rpartition", "startswith", "endswith", "extract"}
CUTS |= {"removeprefix", "removesuffix", "fullmatch", "match", "contains", "slice"}
OF_RUNS = re.compile(r"\b(run|runs|run_id|part|contrast|cell|arm|job)\b")


def test_no_other_text_of_a_run_is_cut():
    """`run.split(".")`, `table["run"].str.partition(...)` and their like."""
    found = {
        (path.relative_to(ROOT).as_posix(), ast.unparse(node.func.value))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.args and node.func.attr in CUTS and OF_RUNS.search(ast.unparse(node.func.value))
    }
    # Cells and parts of other texts.
    allowed = {
        ("ethnicmer_jax/analysis/action_units/table.py", "cell"),
        ("ethnicmer_jax/base/grouping.py", "part"),
    }
    assert {hit for hit in found if hit[0] not in NAMES_LIVE_IN} <= allowed
