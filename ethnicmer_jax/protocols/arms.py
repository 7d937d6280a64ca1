"""Mono and stereo arms of drawn subjects, each under LOSO: the comparison of the reference."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import draws
from ethnicmer_jax.protocols.fold_table import FoldTable, leave_one_out


def arm_draws(protocol, dataset, clips, chosen, seeds, notes) -> Iterator[FoldTable]:
    """Mono and stereo arms, for each draw and seed, each arm under LOSO."""
    unknown = set(protocol.arms) - set(draws.ARMS)
    if unknown or not protocol.arms:
        raise UserError(f"protocol.arms {tuple(protocol.arms)}: choose from {draws.ARMS}")
    pool = draws.Pool(
        dataset.person, np.where(clips, chosen.indices(dataset.ethnicity), -1), dataset.emotion
    )
    for number in range(protocol.draws):
        arms = _one_draw(protocol, pool, dataset, number, notes)
        for arm in protocol.arms:
            mask = arms[arm]
            if number == 0:
                notes.append(f"{arm}, first draw: {describe(mask, dataset)}")
            for s in seeds:
                run = RunId(cell=arm, draw=number, seed=s)
                yield leave_one_out(str(run), dataset.person, mask, s)


def _one_draw(protocol, pool, dataset, number, notes) -> dict[str, np.ndarray]:
    if protocol.draw == "reference":
        if number:
            raise UserError("the reference has one draw; set protocol.draws to 1")
        return reference_arms(protocol.pool, pool, dataset, notes)
    if protocol.draw not in ("seeded", "matched"):
        raise UserError(
            f"protocol.draw {protocol.draw!r}: choose one of seeded, matched, reference"
        )
    rng = np.random.default_rng([protocol.draw_seed, number])
    arms = draws.seeded(pool, protocol.subjects, rng)
    return draws.matched(pool, arms, rng) if protocol.draw == "matched" else arms


def reference_arms(table: str, pool: draws.Pool, dataset, notes) -> dict[str, np.ndarray]:
    """The reference's draw; made from its own joint table where `table` names that.

    Args:
      table: path of the joint annotation table, or "" to draw from the data set.
      pool: the data set's clips.
      dataset: n clips.
      notes: gets a sentence about each arm that is drawn from the table.

    Returns:
      arm -> bool [n].
    """
    if not table:
        return draws.reference(pool)
    drawn_from = read_pool(pathlib.Path(table))
    arms = draws.reference(drawn_from)
    for arm, mask in arms.items():
        persons = np.unique(drawn_from.person[mask])
        missing = sorted(set(persons) - set(dataset.person))
        absent = f", of whom {', '.join(missing)} not in this database" if missing else ""
        notes.append(f"{arm}: {mask.sum()} clips of {len(persons)} subjects drawn{absent}")
    return {
        arm: np.isin(dataset.person, np.unique(drawn_from.person[mask]))
        for arm, mask in arms.items()
    }


def read_pool(path: pathlib.Path) -> draws.Pool:
    """The reference's joint table (columns Dataset, Subject, RaceConcised, ...) as a pool.

    Raises:
      UserError: no such file, or columns are missing.
    """
    if not path.is_file():
        raise UserError(f"protocol.pool {path} does not exist; name the joint annotation table")
    table = pd.read_csv(path, dtype=str)
    needed = {"Dataset", "Subject", "RaceConcised", "EstimatedEmotionConcised"}
    if not needed <= set(table.columns):
        missing = ", ".join(sorted(needed - set(table.columns)))
        raise UserError(f"protocol.pool {path} lacks the columns {missing}")
    person = (table["Dataset"].str.lower() + "/" + table["Subject"]).to_numpy(str)
    group = (table["RaceConcised"] != "Asian").to_numpy(int)
    emotion = pd.factorize(table["EstimatedEmotionConcised"], sort=True)[0]
    return draws.Pool(person, group, emotion)


def describe(mask: np.ndarray, dataset) -> str:
    """Clips, subjects, databases and the largest class of an arm, in a few words."""
    counts = draws.class_counts(dataset.emotion, mask)
    share = counts.max() / max(counts.sum(), 1)
    databases = ", ".join(
        f"{name} {count}"
        for name, count in zip(*np.unique(dataset.database[mask], return_counts=True), strict=True)
    )
    return (
        f"{mask.sum()} clips of {len(np.unique(dataset.person[mask]))} "
        f"subjects ({databases}), largest class {share:.0%}"
    )
