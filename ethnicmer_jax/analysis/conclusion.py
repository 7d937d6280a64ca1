"""What a difference between groups allows one to say, and not one word more.

The rules, in order: an undefined interval says nothing; an interval that holds 0 is
no evidence, and is never called equality; a difference that has no within-database
comparison, or does not survive it, is not separable from database; one that fails
another control, or has none, is reported without a cause; what is left survives.

A control that could not have been passed, whatever was measured, was not run: it neither
fails a difference nor supports it.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.base import labels


@runtime_checkable
class HasInterval(Protocol):
    """Anything with an estimate and bounds, such as `bootstrap.Interval`."""

    @property
    def estimate(self) -> float: ...  # noqa: D102

    @property
    def low(self) -> float: ...  # noqa: D102

    @property
    def high(self) -> float: ...  # noqa: D102


@dataclasses.dataclass(frozen=True)
class Range:
    """A bare estimate with its bounds."""

    estimate: float
    low: float
    high: float


class Difference(enum.Enum):
    """What is shown of one quantity against another."""

    HIGHER = "higher"
    LOWER = "lower"
    NOT_SHOWN = "not shown to differ"


class Verdict(enum.Enum):
    """The possible findings about a difference between groups."""

    UNDEFINED = "cannot be estimated"
    NO_EVIDENCE = "no evidence at this power"
    NOT_SEPARABLE = "not separable from database"
    FAILS_CONTROL = "does not survive its controls"
    UNCONTROLLED = "difference without a control"
    SURVIVES = "difference that survives the control"


@dataclasses.dataclass(frozen=True)
class Control:
    """One check that a genuine difference between groups would pass.

    Attributes:
      name: as the reader should see it ("placebo groups").
      passed: whether the difference survives it; None where it was not run.
      detail: the numbers, as a clause ("within SAMM +.041 [−.120, +.190]").
      separates_database: whether it tells ethnicity from database.
    """

    name: str
    passed: bool | None
    detail: str
    separates_database: bool = False

    @property
    def verdict(self) -> str:
        """In words."""
        if self.passed is None:
            return "not run"
        return "survived" if self.passed else "not survived"


@dataclasses.dataclass(frozen=True)
class Conclusion:
    """A verdict with its wording.

    Attributes:
      verdict: the finding.
      sentences: the wording, ready to print.
    """

    verdict: Verdict
    sentences: tuple[str, ...]


def conclude(
    difference: HasInterval,
    groups: tuple[str, str],
    controls: Sequence[Control] = (),
    *,
    confounded: bool,
    score: str = "UF1",
    level: float = 0.95,
    detectable: float | None = None,
    quantity: str | None = None,
) -> Conclusion:
    """Words a difference between two groups.

    Args:
      difference: score of the first group minus that of the second.
      groups: their names, as the reader should see them.
      controls: the controls that were planned.
      confounded: whether group and database are associated in the data compared.
      score: the score's name.
      level: coverage of the interval.
      detectable: the smallest difference that this sample would have shown with 80%
        power, if known.
      quantity: what differs, where that is not the score of a group ("own-group
        advantage in UF1").

    Returns:
      The verdict that the rules of this module allow.
    """
    named = quantity or f"{score} of {groups[0]} minus {groups[1]}"
    if not all(map(math.isfinite, (difference.estimate, difference.low, difference.high))):
        return Conclusion(
            Verdict.UNDEFINED,
            (f"The {named} cannot be estimated: too few subjects or classes in a group.",),
        )
    measured = f"{interval_text(difference)} ({100 * level:.4g}% interval)"
    if difference.low <= 0 <= difference.high:
        return Conclusion(
            Verdict.NO_EVIDENCE, _no_evidence(named, measured, difference, detectable)
        )
    not_run = _not_run([control for control in controls if control.passed is None])
    controls = [control for control in controls if control.passed is not None]
    failed = [control for control in controls if not control.passed]
    separated = any(control.separates_database for control in controls)
    if (confounded and not separated) or any(control.separates_database for control in failed):
        return Conclusion(
            Verdict.NOT_SEPARABLE, (*_not_separable(named, measured, failed), *not_run)
        )
    if failed:
        return Conclusion(
            Verdict.FAILS_CONTROL,
            (
                f"The {named} is {measured}, but it does not survive {_names(failed)}: "
                f"{_details(failed)}. It is no evidence of an effect of ethnicity.",
                *not_run,
            ),
        )
    if not controls:
        return Conclusion(
            Verdict.UNCONTROLLED,
            (
                f"The {named} is {measured}. No control was run, so its cause is open: it may "
                "come from ethnicity, class balance, recording or chance in who was sampled.",
                *not_run,
            ),
        )
    return Conclusion(
        Verdict.SURVIVES,
        (
            f"There is a difference that survives {_names(controls)}: the {named} is {measured}; "
            f"{_details(controls)}.",
            "It holds for these databases, labels and models; what causes it is not shown.",
            *not_run,
        ),
    )


_HEADLINES = {
    Verdict.UNDEFINED: "too few subjects or classes to say anything",
    Verdict.NO_EVIDENCE: "no evidence of a difference at this power, nor of equality",
    Verdict.NOT_SEPARABLE: "not separable from a difference between databases",
    Verdict.FAILS_CONTROL: "it does not survive its controls, so it is no evidence",
    Verdict.UNCONTROLLED: "its cause is open, as no control was run",
    Verdict.SURVIVES: "it survives its controls; what causes it is not shown",
}


def headline(named: str, difference: HasInterval, verdict: Verdict) -> str:
    """A finding in one sentence; `Conclusion.sentences` say it in full.

    Args:
      named: what was measured.
      difference: with its interval.
      verdict: of `conclude`.
    """
    return f"The {named} is {interval_text(difference)}: {_HEADLINES[verdict]}."


def within_database(database: str, observed: HasInterval, inside: HasInterval) -> Control:
    """The same difference inside one database must exclude 0 on the same side."""
    name = f"within {labels.database(database)}"
    return replication(name, observed, inside, separates_database=True)


def replication(
    name: str,
    observed: HasInterval,
    measured: HasInterval,
    *,
    more: str = "",
    separates_database: bool = False,
) -> Control:
    """The same difference elsewhere must exclude 0 on the same side.

    Args:
      name: where.
      observed: the difference that has to survive.
      measured: the same elsewhere; where it has no interval nothing was replicated.
      more: what else to say of what was measured there.
      separates_database: see `Control`.
    """
    if not all(map(math.isfinite, (measured.low, measured.high))):
        return Control(name, None, f"{name} too few subjects for an interval", separates_database)
    same_side = measured.low > 0 if observed.estimate > 0 else measured.high < 0
    return Control(name, same_side, f"{name} {interval_text(measured)}{more}", separates_database)


def placebo(name: str, observed: float, differences: Float[np.ndarray, " draws"]) -> Control:
    """Groups that mean nothing must rarely differ as much as the real ones.

    Args:
      name: how the placebo groups were made.
      observed: the difference between the real groups.
      differences: that between placebo groups, in each draw; NaN ones are left out.
    """
    n = int(np.count_nonzero(~np.isnan(differences)))
    if n < MIN_PLACEBOS:
        return Control(name, None, f"{n} placebo draws; p can reach .05 with {MIN_PLACEBOS}")
    p = placebo_p(observed, differences)
    reached = labels.score(abs(observed))
    detail = f"placebo differences reach {reached} with {effects.p_text(p)}"
    return Control(name, bool(p <= effects.ALPHA), detail)


MIN_PLACEBOS = round(1 / effects.ALPHA) - 1
"""Fewer draws cannot have a p of 5%: it is at least 1 / (draws + 1)."""


def placebo_p(observed: float, differences: Float[np.ndarray, " draws"]) -> float:
    """Share of the placebo differences that are as large in size as the observed one.

    NaN ones are left out. The observed one is counted in, so that p is never 0 (Phipson
    and Smyth 2010). NaN where there are fewer than `MIN_PLACEBOS`.
    """
    size = np.abs(differences[~np.isnan(differences)])
    if len(size) < MIN_PLACEBOS:
        return math.nan
    return float((1 + np.count_nonzero(size >= abs(observed))) / (1 + len(size)))


def interval_text(interval: HasInterval) -> str:
    """A difference: `+.052 [−.010, +.114]`."""
    bounds = labels.interval(interval.low, interval.high, sign=True)
    return f"{labels.signed(interval.estimate)} {bounds}"


def above_baseline(
    estimate: HasInterval, baseline: float, *, score: str, baseline_name: str
) -> str:
    """A score against a fixed baseline, in one sentence; says "above" if the whole interval is."""
    measured = labels.estimate(estimate.estimate, estimate.low, estimate.high)
    reference = f"the {baseline_name} ({labels.score(baseline)})"
    if not all(map(math.isfinite, (estimate.low, estimate.high))):
        return f"Pooled {score} is {measured}; too few subjects for an interval."
    if estimate.low > baseline:
        return f"Pooled {score} is {measured}: the whole interval lies above {reference}."
    if estimate.high < baseline:
        return f"Pooled {score} is {measured}: the whole interval lies below {reference}."
    return f"Pooled {score} is {measured}: not distinguishable from {reference}."


def _no_evidence(
    named: str, measured: str, difference: HasInterval, detectable: float | None
) -> tuple[str, ...]:
    reach = max(-difference.low, difference.high)
    first = (
        f"There is no evidence at this power of a difference: the {named} is "
        f"{measured}. That is not evidence of equality: differences up to {labels.score(reach)} in "
        "size are compatible with these data."
    )
    if detectable is None or not math.isfinite(detectable):
        return (first,)
    return (
        first,
        "The smallest difference that this sample shows with 80% power is about "
        f"{labels.score(detectable)}.",
    )


def _not_separable(named: str, measured: str, failed: Sequence[Control]) -> tuple[str, ...]:
    first = (
        f"The {named} is {measured}, but it is not separable from database: the two sides "
        "differ in the databases that they come from"
    )
    by_database = [control for control in failed if control.separates_database]
    if by_database:
        return (
            f"{first}, and it does not survive {_names(by_database)}: {_details(by_database)}.",
        )
    return (f"{first}, and no comparison within one database was made.",)


def _not_run(controls: Sequence[Control]) -> tuple[str, ...]:
    if not controls:
        return ()
    were = "was" if len(controls) == 1 else "were"
    names = _names(controls)
    return (f"{names[0].upper()}{names[1:]} {were} not run: {_details(controls)}.",)


def _names(controls: Sequence[Control]) -> str:
    names = [control.name for control in controls]
    if len(names) == 1:
        return f"the control “{names[0]}”"
    return f"the controls “{'”, “'.join(names[:-1])}” and “{names[-1]}”"


def _details(controls: Sequence[Control]) -> str:
    return "; ".join(control.detail for control in controls)
