"""The Action Unit section of a study: prevalence and co-occurrence by group and emotion."""

from __future__ import annotations

import pathlib

import pandas as pd

from ethnicmer_jax.analysis import action_units
from ethnicmer_jax.analysis.action_units import CodedClips
from ethnicmer_jax.analysis.action_units.table import read
from ethnicmer_jax.report.document import Gallery, Prose, Section
from ethnicmer_jax.report.study import figures
from ethnicmer_jax.report.tables import Column, PValue, Table

MIN_PAIR = 10
"""Clips that must show a pair of Action Units for it to be compared."""

_PAIRS = "pairs of Action Units"


def section(path: pathlib.Path, members: dict[str, str], groups: tuple[str, str]) -> Section | None:
    """Describes and tests the Action Units of a file of `action_units.table`.

    Args:
      path: the file.
      members: ethnicity -> group.
      groups: the two groups, in the order of subtraction.

    Returns:
      None where the file is absent or no Action Unit could be compared.
    """
    if not path.is_file():
        return None
    clips = _coded(read(path), members)
    compared = action_units.compare(clips, groups)
    if compared.empty:
        return None
    pairs = action_units.compare(clips.pairs(), groups, min_clips=MIN_PAIR)
    drawn = [
        figures.au_prevalence(action_units.prevalence(clips, groups)),
        figures.au_difference(compared, groups),
    ]
    tables = [_table("action_units", "Action Unit", compared, groups)]
    if not pairs.empty:
        both = action_units.prevalence(clips.pairs(), groups)
        drawn += [
            figures.au_prevalence(
                both, min_clips=MIN_PAIR, name="au_pairs_prevalence", units=_PAIRS
            ),
            figures.au_difference(pairs, groups, name="au_pairs", units=_PAIRS),
        ]
        tables.append(_table("action_unit_pairs", "pair of Action Units", pairs, groups))
    found = _summary(compared, groups)
    return Section("action-units", "Action Units", [Prose([found]), Gallery(drawn), *tables])


def _coded(table: pd.DataFrame, members: dict[str, str]) -> CodedClips:
    group = table["ethnicity"].map(members).fillna("")
    kept = (group != "").to_numpy()
    table, group = table[kept], group[kept]
    person = table["database"] + "/" + table["subject"]
    return CodedClips.of(list(table["action_units"]), list(table["emotion"]), group, person)


def _summary(compared: pd.DataFrame, groups: tuple[str, str]) -> str:
    tested = int(compared["p_holm"].notna().sum())
    different = int(compared["reject"].sum())
    uncontrolled = int((compared["p_permutation"] < figures.NOMINAL).sum())
    lead = f"{len(compared)} pairs of Action Unit and emotion occur often enough to be compared."
    if not tested:
        return f"{lead} No database holds both groups, so none is separable from database."
    return (
        f"{lead} {tested} can be tested within databases; {different} of them show a difference "
        f"between {groups[0]} and {groups[1]} after Holm's correction. Without control for "
        f"database and number of tests {uncontrolled} would have seemed different."
    )


def _table(name: str, unit: str, compared: pd.DataFrame, groups: tuple[str, str]) -> Table:
    return Table(
        name,
        f"Tests of every {unit}, {groups[0]} against {groups[1]} ({len(compared)})",
        compared,
        (
            Column(unit.capitalize(), "AU{au}", False),
            Column("Emotion", "{emotion}", False),
            Column(groups[0], "{n_with_a}/{n_a}"),
            Column(groups[1], "{n_with_b}/{n_b}"),
            Column("Difference", "{difference:+.3f}"),
            Column("Cohen's h", "{cohen_h:+.2f}"),
            Column("Subjects who show it", "{persons_a} + {persons_b}"),
            PValue("Fisher, clips taken as independent", "{p_fisher}"),
            PValue("Subjects permuted", "{p_permutation}"),
            PValue("Permuted within database", "{p_within_database}"),
            PValue("The same, Holm", "{p_holm}"),
        ),
        collapsed=True,
    )
