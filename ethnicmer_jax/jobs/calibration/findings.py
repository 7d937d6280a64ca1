"""What the study would have concluded about a database, from intervals."""

from __future__ import annotations

from typing import Any

import ml_collections

from ethnicmer_jax.analysis import conclusion, variance_factor
from ethnicmer_jax.analysis.advantage import own_group_advantage
from ethnicmer_jax.analysis.study.estimates import SAME_SUBJECTS, planned
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import MAIN, database_within
from ethnicmer_jax.base.predictions import Predictions

SIDES = ("first", "second")
"""Endings of the columns on the tests of one side."""


def judge(predictions: Predictions, config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The study's finding about one database.

    Args:
      predictions: under the run ids of a study.
      config: see configs/calibrate.py.

    Returns:
      estimate, low, high, standard_error, p_value and n_persons of the own-group advantage;
      `found`: its interval excludes 0; `survives`: the study's conclusion would call it a
      difference that survives, because it shows within a database as well; `within`: what
      was seen there, in words. `critical_factor`: the variance factor from which on the
      interval holds 0. `found_first`, `critical_factor_first` and so on: the same of own less
      other training set on the tests of either side.
    """
    names = dict.fromkeys(run.contrast for run in predictions.run_ids.values())
    classifier = variance_factor.classifier_of(config.to_dict())
    advantages = {
        name: own_group_advantage(
            predictions,
            name,
            n_resamples=config.calibration.resamples,
            seed=config.seed,
            classifier=classifier,
        )
        for name in names
    }
    main = advantages.pop(MAIN)
    checks = [
        conclusion.within_database(database_within(name), main, inside)
        for name, inside in advantages.items()
    ]
    finding = conclusion.conclude(main, main.sides, checks, confounded=True)
    kept = ("estimate", "low", "high", "standard_error", "p_value", "n_persons")
    return {
        **{name: getattr(main, name) for name in kept},
        "found": main.excludes_zero,
        "survives": finding.verdict is conclusion.Verdict.SURVIVES,
        "within": "; ".join(check.detail for check in checks),
        "critical_factor": _critical(main, main.factor.value),
        **_on_either_side(StudyRuns.of(predictions, classifier)),
    }


def _on_either_side(runs: StudyRuns) -> dict[str, Any]:
    same = [one for one in planned(runs) if one.section == SAME_SUBJECTS]
    found: dict[str, Any] = {}
    for side, one in zip(SIDES, same, strict=True):
        interval = one.estimate(runs)
        found[f"found_{side}"] = interval.excludes_zero
        found[f"critical_factor_{side}"] = _critical(interval, one.variance_factor(runs).value)
    return found


def _critical(interval: conclusion.HasInterval, factor: float) -> float:
    """The critical factor of an interval that has been widened by a factor already."""
    return factor * variance_factor.critical(interval.estimate, interval.low, interval.high)
