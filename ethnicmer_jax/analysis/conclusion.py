"""What a difference between groups allows one to say, and not one word more.

The rules, in order: an undefined interval says nothing; an interval that holds 0 is
no evidence, and is never called equality; a difference that has no within-database
comparison, or does not survive it, is not separable from database; one that fails
another control, or has none, is reported without a cause; what is left survives.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import Protocol


class HasInterval(Protocol):
    """Anything with an estimate and bounds, such as `stats.bootstrap.Interval`."""

    estimate: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Range:
    """A bare estimate with its bounds."""

    estimate: float
    low: float
    high: float


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
      passed: whether the difference survives it.
      detail: the numbers, as a clause ("within samm +0.041 [-0.120, 0.190]").
      separates_database: whether it tells ethnicity from database.
    """

    name: str
    passed: bool
    detail: str
    separates_database: bool = False


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
      groups: their names.
      controls: the controls that were run.
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
    failed = [control for control in controls if not control.passed]
    separated = any(control.separates_database for control in controls)
    if (confounded and not separated) or any(control.separates_database for control in failed):
        return Conclusion(Verdict.NOT_SEPARABLE, _not_separable(named, measured, failed))
    if failed:
        return Conclusion(
            Verdict.FAILS_CONTROL,
            (
                f"The {named} is {measured}, but it does not survive {_names(failed)}: "
                f"{_details(failed)}. It is no evidence of an effect of ethnicity.",
            ),
        )
    if not controls:
        return Conclusion(
            Verdict.UNCONTROLLED,
            (
                f"The {named} is {measured}. No control was run, so its cause is open: it may "
                "come from ethnicity, class balance, recording or chance in who was sampled.",
            ),
        )
    return Conclusion(
        Verdict.SURVIVES,
        (
            f"There is a difference that survives {_names(controls)}: the {named} is {measured}; "
            f"{_details(controls)}.",
            "It holds for these databases, labels and models; what causes it is not shown.",
        ),
    )


def confirms(difference: HasInterval, replication: HasInterval) -> bool:
    """Whether a second interval excludes 0 on the same side as the first estimate."""
    if difference.estimate > 0:
        return replication.low > 0
    return replication.high < 0


def interval_text(interval: HasInterval) -> str:
    """`+0.052 [-0.010, +0.114]`."""
    return f"{interval.estimate:+z.3f} [{interval.low:+z.3f}, {interval.high:+z.3f}]"


def above_baseline(
    estimate: HasInterval, baseline: float, *, score: str, baseline_name: str
) -> str:
    """A score against a fixed baseline, in one sentence; says "above" if the whole interval is."""
    measured = f"{estimate.estimate:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
    reference = f"the {baseline_name} ({baseline:.3f})"
    if not all(map(math.isfinite, (estimate.low, estimate.high))):
        return f"Pooled {score} is {estimate.estimate:.3f}; too few subjects for an interval."
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
        f"{measured}. That is not evidence of equality: differences up to {reach:.3f} in size "
        "are compatible with these data."
    )
    if detectable is None or not math.isfinite(detectable):
        return (first,)
    return (
        first,
        f"The smallest difference that this sample shows with 80% power is about {detectable:.3f}.",
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


def _names(controls: Sequence[Control]) -> str:
    names = [control.name for control in controls]
    if len(names) == 1:
        return f"the control “{names[0]}”"
    return f"the controls “{'”, “'.join(names[:-1])}” and “{names[-1]}”"


def _details(controls: Sequence[Control]) -> str:
    return "; ".join(control.detail for control in controls)
