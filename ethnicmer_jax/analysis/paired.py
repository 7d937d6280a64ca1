"""Results on the same clips, compared: how much they differ, and whether that is shown.

Every job after the first is compared with the first, or every pair is. Scores are pooled
over the clips of a run and averaged over runs (seeds, draws), as everywhere. Of each
difference there are

- an interval: whole subjects are resampled, the same ones on both sides (`intervals`);
- a p value: the answers to whole subjects are swapped between the two sides
  (`permutation.swap`), with Holm's correction over the scores of all clips, and by itself
  over those of classes and groups, of all pairs.

A difference counts as shown where p after Holm's correction is .05 or less and the interval
excludes 0. Both speak about other subjects for the models as trained, and do not say what
other training subjects would have changed. Of 2,000 simulated pairs without a difference, one
run a side, UF1, UAR and accuracy had p <= .05 in 5.0, 4.6 and 3.2% with 28 subjects, and in
4.3, 2.7 and 1.9% with 12: scores move in steps of whole clips, and ties make a test with few
subjects cautious. The interval excluded 0 in 5.9, 5.7 and 4.7%, and 5.9, 6.8 and 4.5%.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import alignment, confusion, effects, intervals, metrics, permutation
from ethnicmer_jax.analysis.alignment import Arm
from ethnicmer_jax.analysis.conclusion import Difference
from ethnicmer_jax.analysis.confusion import SCORES, Score
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import RunId

ALL, CLASSES, GROUPS = "All clips", "F1 of classes", "Groups"
"""The sections of the frames of `Findings`."""


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found about two or more jobs.

    Attributes:
      names: of the jobs; the first is the baseline.
      classes: that they tell apart.
      scores: one row per arm, part, score and job: arm, section, part (a class or group, ""
        for all clips), score, name, runs, subjects, clips, estimate, low, high.
      differences: one row per arm, part, score and pair: arm, section, part, score, name,
        baseline, runs (of both, as text), subjects, clips, estimate (of `name` minus
        `baseline`), low, high, detectable (with 80% power), p, p_holm, verdict. NaN where a
        value is undefined, or a test could not have been significant.
      notes: what was left out, and what differs without preventing a comparison.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    scores: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def headline(self) -> list[str]:
        """One sentence on all pairs; none where there is only one."""
        rows = self._main()
        if len(rows) < 2:
            return []
        shown = [
            f"{row['name']} scores {row['verdict']} than {row['baseline']}"
            for row in rows
            if row["verdict"] != Difference.NOT_SHOWN.value
        ]
        told = f": {'; '.join(shown)}" if shown else ""
        return [
            f"UF1 is shown to differ in {len(shown) or 'none'} of {len(rows)} comparisons{told}."
        ]

    @property
    def conclusions(self) -> list[str]:
        """One or two sentences on UF1 of each pair, in each arm."""
        return [_conclusion(row) for row in self._main()]

    def _main(self) -> list[dict[str, Any]]:
        """The rows of UF1 over all clips."""
        overall = self.differences[self.differences["section"] == ALL]
        return overall[overall["score"] == "uf1"].to_dict("records")


def compare(
    tables: Mapping[str, Predictions],
    members: Mapping[str, str] | None = None,
    *,
    common: bool = False,
    all_pairs: bool = False,
) -> Findings:
    """Compares the results of two or more jobs on the same clips.

    Args:
      tables: predictions by the name of the job; the first is the baseline. Each may have
        several runs (seeds, draws), and not the same number.
      members: ethnicity -> group; each ethnicity is its own group when None.
      common: compare the arms and clips that all jobs test, where those differ.
      all_pairs: compare every pair, not only each job with the first.

    Raises:
      UserError: the jobs cannot be compared (see `alignment.align`).
    """
    aligned = alignment.align(tables, common=common)
    names = tuple(tables)
    pairs = list(itertools.combinations(names, 2))
    if not all_pairs:
        pairs = [pair for pair in pairs if pair[0] == names[0]]
    scores, differences = [], []
    for arm in aligned.arms:
        for part in _parts(arm, members):
            about = {"arm": arm.name, "section": part.section, "part": part.name}
            scores += [about | row for row in _scores(part)]
            differences += [about | row for pair in pairs for row in _differences(part, pair)]
    return Findings(
        names=names,
        classes=aligned.arms[0].tables[names[0]].classes,
        scores=pd.DataFrame(scores),
        differences=_with_verdicts(pd.DataFrame(differences)),
        notes=(*aligned.notes, *_few_subjects(scores)),
    )


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some of the clips of an arm, and the scores to compare on them.

    Attributes:
      section: ALL, CLASSES or GROUPS.
      name: of the class or group; "" for all clips.
      scores: by name.
      counts: of each job.
      clips: each counted once.
    """

    section: str
    name: str
    scores: Mapping[str, Score]
    counts: Mapping[str, Counts]
    clips: int


def _parts(arm: Arm, members: Mapping[str, str] | None) -> Iterator[_Part]:
    """All clips, and in them every class and every group."""
    first = next(iter(arm.tables.values()))
    group = dict(zip(first.person, metrics.group_labels(first, members), strict=True))
    clips = first.table.assign(key=first.key, group=[group[person] for person in first.person])
    clips = clips.drop_duplicates("key")
    whole = {job: Counts.of(table) for job, table in arm.tables.items()}
    yield _Part(ALL, "", SCORES, whole, len(clips))
    for index, name in enumerate(first.classes):
        f1 = {"f1": confusion.of_class(confusion.f1, index)}
        yield _Part(CLASSES, name, f1, whole, int((clips["emotion"] == name).sum()))
    by_group: dict[str, dict[str, Counts]] = {}
    for job, table in arm.tables.items():
        label = np.array([group[person] for person in table.person], object)
        for name, counts in Counts.by(table, label):
            by_group.setdefault(name, {})[job] = counts.tested_only()
    for name, of_jobs in by_group.items():
        if (clips["group"] == name).all():
            continue  # Everybody is in it.
        yield _Part(GROUPS, name, SCORES, of_jobs, int((clips["group"] == name).sum()))


def _scores(part: _Part) -> Iterator[dict]:
    for job, counts in part.counts.items():
        for score, interval in intervals.score_intervals(counts, part.scores).items():
            yield {"score": score, "name": job, "runs": len(counts.runs)} | _numbers(part, interval)


def _differences(part: _Part, pair: tuple[str, str]) -> Iterator[dict]:
    baseline, other = (part.counts[name] for name in pair)
    found = intervals.differences(other, baseline, part.scores)
    tests = permutation.swap(*_paired_runs(other, baseline), part.scores)
    for score, interval in found.items():
        yield (
            {"score": score, "name": pair[1], "baseline": pair[0]}
            | {"runs": f"{len(other.runs)} and {len(baseline.runs)}"}
            | _numbers(part, interval)
            | {"detectable": interval.detectable, "p": tests[score].p_value}
        )


def _numbers(part: _Part, interval: intervals.Interval) -> dict:
    return {
        "subjects": interval.n_persons,
        "clips": part.clips,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }


def _paired_runs(first: Counts, second: Counts) -> tuple[Counts, Counts]:
    """Both with as many runs, run k of one beside run k of the other, of the same draw.

    Seeds are repeated in order up to a common multiple, which leaves their mean as it is.
    """
    sides: tuple[list[int], list[int]] = ([], [])
    draws = [_by_draw(side) for side in (first, second)]
    for draw, of_first in draws[0].items():
        runs = (of_first, draws[1][draw])
        length = math.lcm(*map(len, runs))
        for side, own in zip(sides, runs, strict=True):
            side.extend(own[k % len(own)] for k in range(length))
    return first.of_runs(sides[0]), second.of_runs(sides[1])


def _by_draw(counts: Counts) -> dict[int | None, list[int]]:
    draws: dict[int | None, list[int]] = {}
    for index, run in enumerate(counts.runs):
        draws.setdefault(RunId.parse(run).draw, []).append(index)
    return draws


def _few_subjects(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = {
        ": ".join(_part_name(row)): row["subjects"] for row in scores if row["section"] != CLASSES
    }
    return intervals.few_subjects(counted)


def _part_name(row: Mapping[str, Any]) -> Iterator[str]:
    """The arm, where there are several, and the group."""
    if row["arm"]:
        yield labels.run(row["arm"])
    yield labels.group(row["part"]) if row["part"] else "all clips"


def _with_verdicts(differences: pd.DataFrame) -> pd.DataFrame:
    """With Holm's correction over all clips, and over their parts, and what is shown."""
    overall = differences["section"] == ALL
    for family in (overall, ~overall):
        corrected = effects.holm(differences.loc[family, "p"])["p_holm"].to_numpy()
        differences.loc[family, "p_holm"] = corrected
    shown = differences["p_holm"] <= effects.ALPHA
    verdicts = np.select(
        [shown & (differences["low"] > 0), shown & (differences["high"] < 0)],
        [Difference.HIGHER.value, Difference.LOWER.value],
        Difference.NOT_SHOWN.value,
    )
    return differences.assign(verdict=verdicts)


def _conclusion(row: Mapping[str, Any]) -> str:
    """What may be said of UF1 in one pair."""
    where = f" in the arm {labels.run(row['arm'])}" if row["arm"] else ""
    if row["low"] == row["high"] == 0:
        return (
            f"{row['name']} and {row['baseline']} have the same scores{where}: no answer differs."
        )
    estimate = labels.estimate(row["estimate"], row["low"], row["high"], sign=True)
    measured = f"UF1 of {row['name']} minus that of {row['baseline']}{where} is {estimate}"
    if math.isnan(row["low"]):
        return f"{measured}: too few subjects for an interval."
    tested = f"{p_text(row['p_holm'])} after Holm's correction"
    if math.isnan(row["p"]):
        tested = "too few subjects for a test"
    if row["verdict"] != Difference.NOT_SHOWN.value:
        return f"{measured} ({tested}): {row['name']} scores {row['verdict']} on these clips."
    return (
        f"{measured} ({tested}): not shown to differ, which is no evidence of equality. These "
        f"{row['subjects']} subjects would show a difference of about "
        f"{labels.score(row['detectable'])} with 80% power."
    )
