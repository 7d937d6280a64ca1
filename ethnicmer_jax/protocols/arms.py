"""Mono and stereo arms of drawn subjects, each under LOSO: the comparison of the reference."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
from jaxtyping import Bool

from ethnicmer_jax.base import bounds, labels
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.paths import is_file
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import draws
from ethnicmer_jax.protocols.draws import Arms, Pool
from ethnicmer_jax.protocols.fold_table import leave_one_out
from ethnicmer_jax.protocols.request import Layout, Request

_COLUMNS = ("Dataset", "Subject", "RaceConcised", "EstimatedEmotionConcised")


def arm_draws(request: Request) -> Layout:
    """Mono and stereo arms, for each draw and seed, each arm under LOSO.

    Raises:
      UserError: a setting is not known, or a group has too few subjects.
    """
    protocol, dataset = request.protocol, request.dataset
    unknown = set(protocol.arms) - set(draws.ARMS)
    if unknown or not protocol.arms:
        raise UserError(f"protocol.arms {tuple(protocol.arms)}: choose from {draws.ARMS}")
    pool = Pool(dataset.person, request.group, dataset.emotion)
    tables, notes = [], []
    for number in range(protocol.draws):
        arms, drawn = _one_draw(request, pool, number)
        notes += drawn
        for arm in protocol.arms:
            if number == 0:
                notes.append(f"{labels.cell(arm)}, first draw: {describe(arms[arm], dataset)}")
            for seed in request.seeds:
                run = RunId(cell=arm, draw=number, seed=seed)
                tables.append(leave_one_out(run, dataset.person, arms[arm]))
    return Layout(tables, notes)


def _one_draw(request: Request, pool: Pool, number: int) -> tuple[Arms, list[str]]:
    protocol = request.protocol
    if protocol.draw == "reference":
        if number:
            raise UserError("the reference has one draw; set protocol.draws to 1")
        return reference_arms(request, pool)
    if protocol.draw not in ("seeded", "matched"):
        raise UserError(
            f"protocol.draw {protocol.draw!r}: choose one of seeded, matched, reference"
        )
    rng = np.random.default_rng([protocol.draw_seed, number])
    arms = draws.seeded(pool, protocol.subjects, rng)
    return draws.matched(pool, arms, rng) if protocol.draw == "matched" else arms, []


def reference_arms(request: Request, pool: Pool) -> tuple[Arms, list[str]]:
    """The reference's draw; made from its own joint table where `protocol.pool` names that.

    Args:
      request: clips that take no part are in no arm.
      pool: what to draw from without a joint table.

    Returns:
      The arms, and a sentence about each that is drawn from the table.
    """
    if not request.protocol.pool:
        return draws.reference(pool), []
    drawn_from = read_pool(pathlib.Path(request.protocol.pool))
    person, arms, notes = request.dataset.person, {}, []
    if left_out := int((drawn_from.group < 0).sum()):
        notes.append(f"{left_out} clips of the joint table belong to neither group")
    for arm, mask in draws.reference(drawn_from).items():
        drawn = np.unique(drawn_from.person[mask])
        missing = sorted(set(drawn) - set(person[request.clips]))
        absent = f", of whom {', '.join(missing)} not in this database" if missing else ""
        notes.append(
            f"{labels.cell(arm)}: {mask.sum()} clips of {len(drawn)} subjects drawn{absent}"
        )
        arms[arm] = np.isin(person, drawn) & request.clips
    return arms, notes


def read_pool(path: pathlib.Path) -> Pool:
    """The reference's joint table (columns Dataset, Subject, RaceConcised, ...) as a pool.

    RaceConcised is Asian, Non-Asian, or an ethnicity, which the grouping `reference` places;
    blank or Unknown belongs to neither group.

    Raises:
      UserError: no such file, columns are missing, or RaceConcised is something else.
    """
    if not is_file(path):
        raise UserError(f"protocol.pool {path} does not exist; name the joint annotation table")
    bounds.check_size(path, bounds.TABLE_BYTES, "table")
    try:
        table = pd.read_csv(path, dtype=str)
    except (ValueError, OverflowError) as error:  # among them what pandas' parser raises
        reason = " ".join(str(error).split())
        raise UserError(f"protocol.pool {path} is not a table: {reason}") from None
    if missing := ", ".join(sorted(set(_COLUMNS) - set(table.columns))):
        raise UserError(f"protocol.pool {path} lacks the columns {missing}")
    race = table["RaceConcised"].fillna(UNKNOWN).str.strip().replace("", UNKNOWN)
    placed = grouping("reference").indices(np.arange(len(ETHNICITIES)))
    group_of = dict(zip(ETHNICITIES, placed.tolist(), strict=True)) | {"Non-Asian": 1}
    if unknown := sorted(set(race) - set(group_of)):
        raise UserError(
            f"protocol.pool {path}: RaceConcised {unknown[0]!r} is none of {', '.join(group_of)}"
        )
    person = (table["Dataset"].str.lower() + "/" + table["Subject"]).to_numpy(str)
    emotion = pd.factorize(table["EstimatedEmotionConcised"], sort=True)[0]
    return Pool(person, race.map(group_of).to_numpy(int), emotion)


def describe(mask: Bool[np.ndarray, " clips"], dataset: Dataset) -> str:
    """Clips, subjects, databases and the largest class of an arm, in a few words."""
    counts = draws.class_counts(dataset.emotion, mask)
    share = counts.max() / max(counts.sum(), 1)
    databases = ", ".join(
        f"{labels.database(str(name))} {count}"
        for name, count in zip(*np.unique(dataset.database[mask], return_counts=True), strict=True)
    )
    return (
        f"{mask.sum()} clips of {len(np.unique(dataset.person[mask]))} "
        f"subjects ({databases}), largest class {share:.0%}"
    )
