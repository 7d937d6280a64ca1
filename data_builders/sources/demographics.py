"""Reads `ethnicity.csv`, a table of subjects' ethnicities beside a database.

Written by `python -m data_builders.annotate`, or by hand. It wins over what a manifest or
the column Race of a coding sheet says.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping

import pandas as pd

from data_builders.sources import text_table
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, ClipLabels, UserError

TABLE = "ethnicity.csv"


@dataclasses.dataclass(frozen=True)
class Ethnicity:
    """A subject's ethnicity as a table has it; fields as in `schema.ClipLabels`."""

    ethnicity: str = UNKNOWN
    ethnicity_source: str = ""
    ethnicity_agreement: float = math.nan


Ethnicities = Mapping[str, Ethnicity]
"""`database/subject` -> what a table says of the subject."""


def relabelled(labels: ClipLabels, people: Ethnicities) -> ClipLabels:
    """A clip's labels with the ethnicity that a table has for its subject, if any."""
    person = people.get(labels.person)
    return dataclasses.replace(labels, **vars(person)) if person else labels


def read_table(
    path: pathlib.Path, database: str, subject_code: Callable[[object], str]
) -> dict[str, Ethnicity]:
    """One database's subjects in a table of ethnicities.

    Args:
      path: a CSV file with the columns database, subject, ethnicity, and optionally
        agreement (share of votes in [0, 1]) and source.
      database: whose rows to take.
      subject_code: brings a subject's code into the database's form (6 -> 006).

    Returns:
      Ethnicity, source and agreement by `database/subject`.

    Raises:
      UserError: the table is missing or no such table, an ethnicity is not one of
        `schema.ETHNICITIES`, or a subject has two rows.
    """
    table = text_table.read(path, "table of ethnicities")
    table.columns = [name.lower() for name in table.columns]
    text_table.require(path, table, ("database", "subject", "ethnicity"))
    found: dict[str, Ethnicity] = {}
    for index, row in table[table["database"].str.lower() == database].iterrows():
        where = f"{path.name} line {index + 2}"
        try:
            key = f"{database}/{subject_code(row['subject'])}"
            ethnicity = _ethnicity(row)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
        if key in found:
            raise UserError(f"{where}: {key} has a row already; keep one of them")
        found[key] = ethnicity
    return found


def _ethnicity(row: pd.Series) -> Ethnicity:
    if row["ethnicity"] not in ETHNICITIES:
        raise ValueError(f"ethnicity {row['ethnicity']!r} is not one of {', '.join(ETHNICITIES)}")
    agreement = float(row.get("agreement", "") or "nan")
    if not (math.isnan(agreement) or 0 <= agreement <= 1):
        raise ValueError(f"agreement {agreement} is not a share from 0 to 1")
    return Ethnicity(
        ethnicity=row["ethnicity"],
        ethnicity_source=row.get("source", "") or "metadata",
        ethnicity_agreement=agreement,
    )
