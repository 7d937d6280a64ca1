"""What a study allows one to say, worded from its intervals and controls alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ethnicmer_jax.analysis import comparisons, conclusion
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import Conclusion, Control
from ethnicmer_jax.analysis.effects import ALPHA, p_text
from ethnicmer_jax.analysis.study import controls
from ethnicmer_jax.analysis.study.estimates import BETWEEN_ARMS, Difference, planned
from ethnicmer_jax.analysis.study.groups import Groups
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import mono


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One difference with what it had to survive and what it allows one to say.

    Attributes:
      quantity: what was measured.
      controls: in the order that they were run.
      finding: the wording.
      headline: the same in one sentence.
    """

    quantity: str
    controls: Sequence[Control]
    finding: Conclusion
    headline: str


def of_advantage(found: Mapping[str, Advantage], *, confounded: bool) -> Verdict | None:
    """The main question; None where the two sides were not tested by each other's models.

    Args:
      found: contrast -> its own-group advantage.
      confounded: see `confounded`.
    """
    if MAIN not in found:
        return None
    observed, quantity = found[MAIN], "own-group advantage in UF1"
    run = controls.of_advantage(found)
    finding = conclusion.conclude(
        observed,
        observed.sides,
        run,
        confounded=confounded,
        level=observed.level,
        detectable=observed.detectable,
        quantity=quantity,
    )
    return Verdict(quantity, run, finding, conclusion.headline(quantity, observed, finding.verdict))


def of_arms(runs: StudyRuns, *, confounded: bool) -> list[Verdict]:
    """Arm against arm; the intervals of all of them hold jointly (Bonferroni)."""
    between = [one for one in planned(runs) if one.section == BETWEEN_ARMS]
    level = 1 - ALPHA / len(between)
    return [_of_difference(runs, one, level, confounded) for one in between]


def confounded(runs: StudyRuns) -> bool:
    """Whether the two sides of the main contrast come from databases in different shares."""
    first, second = map(mono, runs.sides(MAIN))
    predictions = runs.select(MAIN, first, second)
    cell = predictions.of_each_run(lambda run: run.cell)
    return comparisons.confounded(predictions, cell.to_numpy(object), (first, second))


def of_groups(groups: Groups, p_holm: Sequence[float]) -> str:
    """The pooled comparison of groups, in a sentence.

    Args:
      groups: what was found.
      p_holm: adjusted p of the permutation and of the model; NaN where not run.
    """
    measured = conclusion.interval_text(groups.difference)
    lead = f"Tested by the same pooled models, UF1 of {groups.pair} is {measured}."
    run = [p for p in p_holm if np.isfinite(p)]
    if not run and not groups.within_database.separable:
        return f"{lead} It is not separable from database: no database tests both groups."
    if not run:
        return f"{lead} No test within databases was run: too few subjects can change groups."
    permuted, modelled = (p_text(p) if np.isfinite(p) else "not run" for p in p_holm)
    evidence = (
        f"permuting subjects within databases {permuted}, class and database held "
        f"constant {modelled} (Holm)"
    )
    different = [p <= ALPHA for p in run]
    if not any(different):
        return f"{lead} That is no evidence of a difference at this power: {evidence}."
    if not all(different):
        return f"{lead} The two tests disagree, so nothing is concluded: {evidence}."
    if len(run) < len(p_holm):
        return f"{lead} One test alone was run, so nothing is concluded: {evidence}."
    return f"{lead} Both tests within databases find a difference: {evidence}."


def _of_difference(
    runs: StudyRuns, difference: Difference, level: float, confounded: bool
) -> Verdict:
    observed = difference.estimate(runs, level)
    run = controls.of_arms(runs, difference, level)
    finding = conclusion.conclude(
        observed,
        (labels.cell(difference.first), labels.cell(difference.second)),
        run,
        confounded=confounded,
        level=level,
        detectable=observed.detectable,
    )
    quantity = f"UF1 of {difference.label}"
    return Verdict(quantity, run, finding, conclusion.headline(quantity, observed, finding.verdict))
