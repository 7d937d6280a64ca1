"""Whether the results of several jobs speak about the same clips, and where they do.

Jobs are joined on clip (database, subject, clip) within each arm and draw, never on the
order of rows. What cannot be compared is refused by a `UserError` that says why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from ethnicmer_jax.analysis import results
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError

Units = Shaped[np.ndarray, " rows"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of several jobs, over the same clips.

    Attributes:
      name: "" where every job has one arm, whatever each calls it.
      tables: by the name of the job, in the order given; the same clips in each run of a draw.
    """

    name: str
    tables: Mapping[str, Predictions]


@dataclasses.dataclass(frozen=True)
class Aligned:
    """Jobs over the same clips.

    Attributes:
      arms: that all jobs have.
      notes: what was left out, and what differs without preventing a comparison.
    """

    arms: Sequence[Arm]
    notes: Sequence[str]


def align(tables: Mapping[str, Predictions], *, common: bool = False) -> Aligned:
    """Joins jobs on clip.

    Args:
      tables: the predictions of two or more jobs, by a name for each; inner validation is
        left out.
      common: keep the arms and clips that all of them test, where those differ.

    Raises:
      UserError: there are fewer than two jobs, one is a study, or they differ in their classes,
        arms, clips or labels.
    """
    if len(tables) < 2:
        raise UserError("a comparison needs two or more results")
    outer = {name: _results(name, table) for name, table in tables.items()}
    _check_classes(outer)
    notes: list[str] = []
    arms = []
    for name, parts in _arms(outer, common, notes).items():
        units = {job: _units(job, part) for job, part in parts.items()}
        parts = _on_common_clips(name, parts, units, common, notes)
        _check_emotions(parts)
        arms.append(Arm(name, parts))
    notes += _other_ethnicities(arms)
    return Aligned(arms, notes)


def _results(name: str, table: Predictions) -> Predictions:
    """What a job was asked for, without inner validation."""
    outer = table.outer()
    if not len(outer):
        raise UserError(f"{name} holds no results but inner validation")
    for run in outer.run_ids.values():
        if run.part:
            raise UserError(
                f"{name} is a study (run {run}): its arms differ in who is trained on, which its "
                "own report compares; compare jobs"
            )
    return outer


def _check_classes(tables: Mapping[str, Predictions]) -> None:
    (first, of_first), *others = tables.items()
    for name, table in others:
        if table.classes != of_first.classes:
            raise UserError(
                f"{first} tells {_listed(of_first.classes)} apart and {name} "
                f"{_listed(table.classes)}: scores over different classes cannot be compared"
            )


def _arms(
    tables: Mapping[str, Predictions], common: bool, notes: list[str]
) -> dict[str, dict[str, Predictions]]:
    """The rows of each arm in each job."""
    arm = {name: results.arms(table) for name, table in tables.items()}
    names = {job: list(dict.fromkeys(of_job)) for job, of_job in arm.items()}
    if all(len(own) == 1 for own in names.values()):
        return {"": dict(tables)}
    (first, of_first), *others = names.items()
    shared = [name for name in of_first if all(name in own for _, own in others)]
    for job, own in others:
        if set(own) != set(of_first) and not (common and shared):
            raise UserError(
                f"{first} has the arms {_listed(of_first)} and {job} {_listed(own)}: "
                + _ask(f"the arms {_listed(shared)}" if shared else "")
            )
    if any(set(own) != set(shared) for own in names.values()):
        notes.append(f"Compared are the arms that all have: {_listed(shared)}.")
    return {
        name: {job: table.select(arm[job] == name) for job, table in tables.items()}
        for name in shared
    }


def _units(job: str, part: Predictions) -> Units:
    """The draw and the clip of each row."""
    draw = part.of_each_run(lambda run: "" if run.draw is None else f"draw {run.draw}: ")
    units = (draw + part.key).to_numpy(object)
    twice = pd.DataFrame({"run": part.run_index, "unit": units}).duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        raise UserError(
            f"{job} predicts {part.key[row]} in several folds of run {part.table['run'][row]}; "
            "results are joined on clip"
        )
    return units


def _on_common_clips(
    arm: str,
    parts: dict[str, Predictions],
    units: Mapping[str, Units],
    common: bool,
    notes: list[str],
) -> dict[str, Predictions]:
    """The rows of the clips that every job and run tests; refused where that leaves some out."""
    where = f" of arm {arm}" if arm else ""
    everywhere = {job: _in_every_run(part, units[job]) for job, part in parts.items()}
    shared = set.intersection(*everywhere.values())
    (first, of_first), *others = ((job, set(own)) for job, own in units.items())
    for job, own in others:
        if own != of_first and not (common and shared):
            raise UserError(
                f"{first} and {job} test different clips{where} ({_only(first, of_first - own)}; "
                f"{_only(job, own - of_first)}): "
                + _ask(f"the {len(shared):,} clips that both test" if shared else "")
            )
    for job, own in units.items():
        if everywhere[job] != set(own) and not (common and shared):
            unit = min(set(own) - everywhere[job])
            raise UserError(
                f"the runs of {job} test different clips{where}, such as {unit}: "
                + _ask("those of all runs" if shared else "")
            )
    for job, own in units.items():
        if left := len(set(own)) - len(shared):
            notes.append(f"{job}: {left:,} of {len(set(own)):,} clips{where} are left out.")
    return {
        job: part.select(np.array([unit in shared for unit in units[job]]))
        for job, part in parts.items()
    }


def _in_every_run(part: Predictions, units: Units) -> set[str]:
    """The units that every run of their draw tests."""
    draw = part.of_each_run(lambda run: -1 if run.draw is None else run.draw)
    frame = pd.DataFrame({"unit": units, "draw": draw, "run": part.run_index})
    of_draw = frame.groupby("draw")["run"].nunique()
    of_unit = frame.groupby("unit").agg(draw=("draw", "first"), runs=("run", "nunique"))
    return set(of_unit.index[of_unit["runs"].to_numpy() == of_draw[of_unit["draw"]].to_numpy()])


def _check_emotions(parts: Mapping[str, Predictions]) -> None:
    (first, of_first), *others = parts.items()
    known = dict(zip(of_first.key, of_first.table["emotion"], strict=True))
    for name, table in others:
        own = dict(zip(table.key, table.table["emotion"], strict=True))
        differing = sorted(clip for clip, emotion in own.items() if known.get(clip) != emotion)
        if differing:
            clip = differing[0]
            raise UserError(
                f"{first} and {name} label {len(differing):,} clips differently, such as {clip} "
                f"({known[clip]} and {own[clip]}): their scores cannot be compared"
            )


def _other_ethnicities(arms: Sequence[Arm]) -> list[str]:
    """A note for each job that calls somebody's ethnicity otherwise than the first."""
    notes = {}
    for arm in arms:
        (first, of_first), *others = arm.tables.items()
        known = dict(zip(of_first.person, of_first.table["ethnicity"], strict=True))
        for name, table in others:
            own = dict(zip(table.person, table.table["ethnicity"], strict=True))
            if count := sum(known[person] != ethnicity for person, ethnicity in own.items()):
                notes[name] = (
                    f"{name} labels the ethnicity of {count:,} subjects otherwise than {first}; "
                    f"groups are those of {first}."
                )
    return list(notes.values())


def _ask(kept: str) -> str:
    """How to go on, where there is something in common."""
    if not kept:
        return "they have nothing in common to compare"
    return f"compare {kept} with --common (in Python common=True)"


def _only(job: str, units: set[str]) -> str:
    if not units:
        return f"none is in {job} alone"
    return f"{len(units):,} {'is' if len(units) == 1 else 'are'} in {job} alone, as {min(units)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
