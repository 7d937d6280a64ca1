"""The handover from training to science: the table of predictions, and its file.

One row per (run, fold, clip), with the true labels and every probability. Rows are
identified by clip, never by position, so metrics, statistics and report rerun
from the file alone, without JAX and without the data.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.base import files, reportable
from ethnicmer_jax.base.class_schemes import class_name_fault
from ethnicmer_jax.base.run_id import INNER, RunId
from ethnicmer_jax.base.schema import ETHNICITIES, UserError

ROW_KEY = ("run", "fold", "database", "subject", "clip")
TEXT_COLUMNS = (*ROW_KEY, "emotion", "ethnicity")
SUM_TOLERANCE = 1e-4
"""How far a row's probabilities may be from 1: float32 softmax is within 1e-6."""

_MEND = (
    "bring back a copy of it; or make it again with --mode=evaluate where there are checkpoints; "
    "or delete it and train again"
)
"""What may be done where predictions.csv is damaged."""

ANSWERS = "answers_by_epoch"
"""Column of a job that looked at its test clips after every epoch: the most probable class each
time, as its place among the classes (from 0), with a blank between two epochs."""

RowKey = tuple[str, str, str]
"""(run, fold, database/subject/clip)."""


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Predictions of one or more runs; n rows, C emotion classes.

    Attributes:
      table: the columns of predictions.csv, text as str and probabilities as
        float64. Made by `from_table` or `read`, which validate it.
    """

    table: pd.DataFrame

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Predictions:
        """Validates a table and fixes its column types.

        Args:
          table: at least TEXT_COLUMNS, then p_<class> in class order, then
            optionally q_<ethnicity> (NaN where a run has no ethnic branch).

        Raises:
          UserError: a column is missing or a row is invalid; the message gives
            the row as a text editor counts it (the header is row 1).
        """
        return cls(_validated(table, "predictions"))

    def __len__(self) -> int:
        return len(self.table)

    @functools.cached_property
    def classes(self) -> tuple[str, ...]:
        """The emotion classes, in the order of the p_ columns."""
        return tuple(name.removeprefix("p_") for name in _prefixed(self.table, "p_"))

    @functools.cached_property
    def runs(self) -> tuple[str, ...]:
        """The run ids, in order of first appearance."""
        return tuple(self.table["run"].unique())

    @functools.cached_property
    def run_ids(self) -> Mapping[str, RunId]:
        """The identity of each of `runs`, by its text."""
        return {run: RunId.parse(run) for run in self.runs}

    def of_each_run(self, value: Callable[[RunId], Any]) -> pd.Series:
        """What `value` says of the run of each row, [n]; it is called once for each run."""
        return self.table["run"].map({run: value(name) for run, name in self.run_ids.items()})

    @functools.cached_property
    def run_table(self) -> pd.DataFrame:
        """One row per run: run, part (contrast or job), cell, draw and seed (-1 for none)."""
        rows = [
            (
                text,
                run.part,
                run.cell,
                *(-1 if number is None else number for number in (run.draw, run.seed)),
            )
            for text, run in self.run_ids.items()
        ]
        return pd.DataFrame(rows, columns=["run", "part", "cell", "draw", "seed"])

    def probabilities(self) -> np.ndarray:
        """Emotion probabilities, float64 [n, C]."""
        return self.table[_prefixed(self.table, "p_")].to_numpy(np.float64)

    @functools.cached_property
    def emotion_index(self) -> np.ndarray:
        """True classes as indices into `classes`, int64 [n]."""
        return pd.Categorical(self.table["emotion"], categories=self.classes).codes.astype(np.int64)

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """Most probable classes as indices into `classes`, int64 [n]; ties go to the first."""
        return self.probabilities().argmax(axis=1)

    @functools.cached_property
    def not_reportable(self) -> str:
        """Why scores of these predictions must not be reported; "" where they may be."""
        if reportable.COLUMN not in self.table:
            return ""
        return next((reason for reason in self.table[reportable.COLUMN].unique() if reason), "")

    @functools.cached_property
    def answers_by_epoch(self) -> np.ndarray:
        """The classes predicted after every epoch, int64 [n, epochs]; see ANSWERS.

        Raises:
          UserError: they are not there, or damaged.
        """
        try:
            rows = [[int(answer) for answer in row.split(" ")] for row in self.table[ANSWERS]]
            answers = np.array(rows, np.int64)
            if not (answers.min() >= 0 and answers.max() < len(self.classes)):
                raise ValueError
        except (KeyError, ValueError):
            raise UserError(
                f"predictions: the column {ANSWERS} is missing or damaged; train again"
            ) from None
        return answers

    @functools.cached_property
    def person(self) -> np.ndarray:
        """`database/subject` of each row, str [n]: a subject code alone is not a person."""
        return (self.table["database"] + "/" + self.table["subject"]).to_numpy(object)

    @property
    def persons(self) -> np.ndarray:
        """Everybody who has a row, `database/subject`, sorted, str [S]."""
        return self._factorised_persons[1]

    @property
    def person_index(self) -> np.ndarray:
        """The person of each row as an index into `persons`, int64 [n]."""
        return self._factorised_persons[0]

    @functools.cached_property
    def _factorised_persons(self) -> tuple[np.ndarray, np.ndarray]:
        index, persons = pd.factorize(self.person, sort=True)
        return index, persons.astype(str)

    @functools.cached_property
    def run_index(self) -> np.ndarray:
        """The run of each row as an index into `runs`, int64 [n]."""
        return pd.factorize(self.table["run"])[0]

    @functools.cached_property
    def key(self) -> np.ndarray:
        """`database/subject/clip` of each row, str [n]."""
        return self.person + "/" + self.table["clip"].to_numpy(object)

    def row_keys(self) -> list[RowKey]:
        """(run, fold, clip key) of each row."""
        return list(zip(self.table["run"], self.table["fold"], self.key, strict=True))

    def select(self, mask: np.ndarray | pd.Series) -> Predictions:
        """The rows where `mask` (bool [n]) holds, in the same order."""
        return Predictions(self.table.loc[np.asarray(mask, bool)].reset_index(drop=True))

    def by_run(self) -> Iterator[tuple[str, Predictions]]:
        """Each run with its rows, in order of first appearance."""
        for run, rows in self.table.groupby("run", sort=False):
            yield str(run), Predictions(rows.reset_index(drop=True))

    def outer(self) -> Predictions:
        """The rows of the runs that are results: all but inner validation."""
        return self.select(self.of_each_run(lambda run: run.job != INNER))

    def inner(self) -> Predictions:
        """The rows of inner validation; the cell of such a run is the fold that it belongs to."""
        return self.select(self.of_each_run(lambda run: run.job == INNER))

    def of_runs(self, *runs: str) -> Predictions:
        """The rows of the named runs.

        Raises:
          KeyError: a run is not in the table.
        """
        missing = sorted(set(runs) - set(self.runs))
        if missing:
            raise KeyError(f"no run {missing[0]!r} among {', '.join(self.runs)}")
        return self.select(self.table["run"].isin(runs))


def write(path: str | os.PathLike[str], predictions: Predictions) -> None:
    """Writes predictions.csv whole or not at all; floats read back bit for bit.

    Raises:
      UserError: the table is invalid (see `Predictions.from_table`).
    """
    path = pathlib.Path(path)
    files.write_table(path, _validated(predictions.table, path.name), summed=True)


def read(path: str | os.PathLike[str]) -> Predictions:
    """Reads and validates predictions.csv.

    Raises:
      UserError: the file is missing, is no CSV in UTF-8, holds an invalid row, or is not what
        was written.
    """
    path = pathlib.Path(path)
    try:
        table = files.read_table(path, _MEND, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: train first (--mode=all)") from None
    return Predictions(_validated(table, str(path)))


def check_complete(predictions: Predictions, expected_keys: Iterable[RowKey]) -> None:
    """Compares the rows with those the fold table asks for.

    Args:
      predictions: what was read.
      expected_keys: every (run, fold, clip key) that must be there.

    Raises:
      UserError: rows are missing, or rows are there that no fold predicts.
    """
    expected, found = set(expected_keys), set(predictions.row_keys())
    for keys, what in ((expected - found, "missing"), (found - expected, "not of this study")):
        if keys:
            raise UserError(
                f"predictions: {len(keys)} of {len(expected)} rows {what}: {_name(sorted(keys))}; "
                "restore predictions.csv, or delete it and train again"
            )


def _name(keys: Sequence[RowKey], limit: int = 5) -> str:
    named = "; ".join(f"run {run}, fold {fold}, clip {clip}" for run, fold, clip in keys[:limit])
    return named if len(keys) <= limit else f"{named}; and {len(keys) - limit} more"


def _prefixed(table: pd.DataFrame, prefix: str) -> list[str]:
    return [name for name in table.columns if name.startswith(prefix)]


def _validated(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table with its column types fixed, after every check."""
    missing = [name for name in TEXT_COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"{source}: no column {', '.join(missing)}")
    if len(_prefixed(table, "p_")) < 2:
        raise UserError(f"{source}: needs a p_<class> column for each of two or more classes")
    for name in _prefixed(table, "p_"):
        if fault := class_name_fault(name.removeprefix("p_")):
            raise UserError(f"{source}: the class of column {name[:40]!r} {fault}")
    if table.empty:
        raise UserError(f"{source}: no rows")
    table = table.reset_index(drop=True)
    table = table.assign(**{name: table[name].astype(str) for name in TEXT_COLUMNS})
    table = _with_probabilities(table, "p_", source, optional=False)
    table = _with_probabilities(table, "q_", source, optional=True)
    _check_labels(table, source)
    return table


def _check_labels(table: pd.DataFrame, source: str) -> None:
    for name in ROW_KEY:
        _refuse(table[name] == "", source, f"{name} is empty")
    classes = [name.removeprefix("p_") for name in _prefixed(table, "p_")]
    for name, allowed in (("emotion", classes), ("ethnicity", list(ETHNICITIES))):
        unknown = ~table[name].isin(allowed)
        if unknown.any():
            value = table.loc[unknown, name].iloc[0]
            _refuse(unknown, source, f"{name} {value!r} is none of {', '.join(allowed)}")
    duplicated = table.duplicated(list(ROW_KEY))
    if duplicated.any():
        row = table.loc[duplicated].iloc[0]
        named = ", ".join(f"{name} {row[name]}" for name in ROW_KEY)
        _refuse(duplicated, source, f"a second row for {named}")


def _with_probabilities(
    table: pd.DataFrame, prefix: str, source: str, *, optional: bool
) -> pd.DataFrame:
    """The table with the prefixed columns as float64; rows must sum to 1."""
    names = _prefixed(table, prefix)
    if not names:
        return table
    table = table.assign(**{name: _as_float(table[name], source) for name in names})
    values = table[names].to_numpy()
    absent = np.isnan(values).all(axis=1) if optional else np.zeros(len(table), bool)
    with np.errstate(invalid="ignore"):
        inside = ((values >= 0) & (values <= 1 + SUM_TOLERANCE)).all(axis=1)
        sums_to_one = np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE
    _refuse(~inside & ~absent, source, f"a {prefix} probability is outside [0, 1]")
    _refuse(~sums_to_one & ~absent, source, f"the {prefix} probabilities do not sum to 1")
    return table


def _as_float(column: pd.Series, source: str) -> np.ndarray:
    """float64 values, exactly rounded; an empty cell is NaN."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    text = column.to_numpy(object)
    text = np.where(text == "", "nan", text)
    try:
        return text.astype(np.float64)
    except ValueError:
        wrong = pd.to_numeric(column, errors="coerce").isna()
        _refuse(wrong & (text != "nan"), source, f"{column.name} is not a number")
        raise


def _refuse(bad: pd.Series | np.ndarray, source: str, reason: str) -> None:
    """Raises for the first row where `bad` holds, as an editor counts rows."""
    rows = np.flatnonzero(np.asarray(bad))
    if len(rows):
        more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        raise UserError(f"{source}, row {rows[0] + 2}: {reason}{more}")
