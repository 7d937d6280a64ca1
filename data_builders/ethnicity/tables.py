"""The files of an annotation: overrides in; subjects' labels and clips' votes out.

`ethnicity.csv` is what the sources join by (database, subject). `ethnicity_votes.csv`
keeps what every annotator said of every clip, so that labels can be decided anew,
under other thresholds or with overrides, without looking at a single face again.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Iterator

import pandas as pd

from data_builders.ethnicity.consolidation import Decision, Override, Person
from data_builders.ethnicity.votes import LABELS, Vote
from data_builders.sources import cells, codes, demographics, text_table
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

SUBJECTS_FILE = "ethnicity.csv"
VOTES_FILE = "ethnicity_votes.csv"
_PROBABILITIES = tuple(f"p_{label}" for label in LABELS)
_SUBJECT_COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(Decision)
    if field.name not in ("votes", "probabilities")
)
_VOTE_COLUMNS = ("database", "subject", "clip", "annotator", "label", "age_decade", "gender")
_STATED = "stated"


def read_overrides(path: pathlib.Path, subject_width: int = 0) -> dict[Person, Override]:
    """What humans decided: a table with database, subject, ethnicity and perhaps reason.

    Args:
      path: a .csv or .xlsx file.
      subject_width: as in `TableAnnotator`.

    Raises:
      UserError: a column is missing, an ethnicity is not one of schema.ETHNICITIES,
        or a subject has two rows.
    """
    names = {**demographics.COLUMNS, "reason": ("reason",)}
    table = text_table.select(path, text_table.read(path), names, optional=("reason",))
    found: dict[Person, Override] = {}
    for index, row in table.iterrows():
        where = f"{path.name} line {index}"
        width = subject_width if row["subject"].isdecimal() else 0
        person = codes.database(row["database"]), row["subject"].zfill(width)
        if not all(person):
            raise UserError(f"{where}: database or subject is empty")
        try:
            ethnicity = cells.ethnicity(row["ethnicity"])
        except ValueError as error:
            raise UserError(f"{where}: ethnicity {error}") from error
        if person in found:
            raise UserError(f"{where}: {'/'.join(person)} has a row already; keep one of them")
        found[person] = Override(ethnicity, row.get("reason", ""))
    return found


def write_subjects(path: pathlib.Path, decisions: Iterable[Decision]) -> None:
    """Writes `ethnicity.csv`: one row per subject, floats with four digits, NaN empty."""
    rows = [
        [getattr(decision, name) for name in _SUBJECT_COLUMNS]
        + list(decision.probabilities or (math.nan,) * len(LABELS))
        for decision in decisions
    ]
    table = pd.DataFrame(rows, columns=[*_SUBJECT_COLUMNS, *_PROBABILITIES])
    files.write_table(path, table, float_format="%.4f")


def write_votes(path: pathlib.Path, votes: Iterable[Vote]) -> None:
    """Writes `ethnicity_votes.csv`: one row a vote, with probabilities in full precision."""
    rows = [
        [getattr(vote, name) for name in _VOTE_COLUMNS]
        + list(vote.probabilities or (math.nan,) * len(LABELS))
        + [vote.error, "yes" if vote.stated else ""]
        for vote in sorted(votes, key=lambda vote: (*vote.person, vote.clip, vote.annotator))
    ]
    table = pd.DataFrame(rows, columns=[*_VOTE_COLUMNS, *_PROBABILITIES, "error", _STATED])
    files.write_table(path, table)


@dataclasses.dataclass(frozen=True)
class RecordedVotes:
    """The annotator `votes`: the `ethnicity_votes.csv` of an earlier run.

    Attributes:
      path: the file.
      name: not used: each vote keeps the name of who gave it.
    """

    path: pathlib.Path
    name: str = "votes"

    def __len__(self) -> int:
        """Rows of the file."""
        return len(text_table.read(self.path))

    def votes(self) -> Iterator[Vote]:
        """See `Annotator.votes`.

        Raises:
          UserError: the file is not what `write_votes` writes.
        """
        columns = (*_VOTE_COLUMNS, *_PROBABILITIES, "error", _STATED)
        names = {name: (name.lower(),) for name in columns}
        table = text_table.select(self.path, text_table.read(self.path), names, (_STATED,))
        for index, row in table.iterrows():
            try:
                yield _vote(row)
            except ValueError as error:
                raise UserError(f"{self.path.name} line {index}: {error}") from error


def _vote(row: pd.Series) -> Vote:
    failed = bool(row["error"])
    return Vote(
        row["database"],
        row["subject"],
        row["clip"],
        row["annotator"],
        None if failed else tuple(float(row[name]) for name in _PROBABILITIES),
        row["error"],
        int(row["age_decade"]),
        row["gender"],
        bool(row.get(_STATED, "")),
    )
