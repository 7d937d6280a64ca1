"""The study's randomisation test: what it found, and what that allows one to say.

It permutes groups within databases, so it separates group from database by construction, as far
as subjects can move; and it asks nothing of variances, so it carries the main conclusion.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import conclusion, effects, randomisation, relabellings
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import Conclusion, Control, Range, interval_text
from ethnicmer_jax.analysis.conclusion import Verdict as Outcome
from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.analysis.randomisation import Design, RandomisationTest
from ethnicmer_jax.analysis.relabellings import QUANTITIES, STATISTICS, Relabellings
from ethnicmer_jax.analysis.study import controls
from ethnicmer_jax.analysis.study.verdict import Verdict
from ethnicmer_jax.base import files, labels
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import crossed, mono
from ethnicmer_jax.base.schema import UserError

TABLE, ABOUT = "relabellings.csv", "relabellings.json"


@dataclasses.dataclass(frozen=True)
class Exact:
    """The test of a study.

    Attributes:
      design: what could be permuted.
      members: subjects of either group, by database.
      statistic: a key of `relabellings.STATISTICS`.
      main: of the own-group advantage; None where nothing was trained, as no outcome could
        have told anything.
      rows: planned quantities, then the advantage in the other statistics: columns label,
        statistic, observed, relabelled (the mean), estimate (the excess), low, high, p, and p_holm
        over all but the first.
    """

    design: Design
    members: Mapping[str, tuple[int, int]]
    statistic: str
    main: RandomisationTest | None
    rows: pd.DataFrame

    @property
    def quantity(self) -> str:
        """What the main test is about."""
        return f"own-group advantage in {relabellings.LABELS[self.statistic]}"

    @property
    def decides(self) -> bool:
        """Whether it has an answer: a p value, or that nobody can move."""
        return not self.design.n_movable or bool(self.main and self.main.run)

    @property
    def movable(self) -> str:
        """Who can change groups, in a clause."""
        total, moving = sum(map(sum, self.members.values())), self.design.n_movable
        mixed = [labels.database(name) for name, pair in self.members.items() if min(pair) > 0]
        return (
            f"{labels.count(moving)} of {labels.count(total)} subjects can change groups, those of "
            f"{' and '.join(mixed)}"
        )


def read(directory: pathlib.Path) -> Exact | None:
    """The test of a study's directory; None where there was none.

    Raises:
      UserError: one of the two files is missing or damaged.
    """
    if not (directory / TABLE).is_file() and not (directory / ABOUT).is_file():
        return None
    try:
        return of(relabellings.read(directory / TABLE), files.read_json(directory / ABOUT))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{directory / ABOUT} does not belong to {TABLE} beside it ({error!r}); restore both"
        ) from None


def of(table: pd.DataFrame, about: Mapping[str, Any]) -> Exact:
    """Tests every planned quantity.

    Args:
      table: of `relabellings.tabulate`, of all relabellings that were trained.
      about: sides, members, planned, stop and statistic; see `jobs.study.exact`.
    """
    members = {name: (int(a), int(b)) for name, (a, b) in about["members"].items()}
    design = Design(tuple(members.values()), int(about["planned"]), int(about["stop"]))
    statistic, sides = str(about["statistic"]), tuple(about["sides"])
    if table.empty:
        return Exact(design, members, statistic, None, pd.DataFrame())
    found = Relabellings.of(table, sides)
    planned = [(quantity, statistic) for quantity in QUANTITIES]
    planned += [("advantage", name) for name in STATISTICS if name != statistic]
    tests = [randomisation.outcome(found.values(name, of), design) for of, name in planned]
    rows = pd.DataFrame(
        _row(_label(of, sides), relabellings.LABELS[name], test)
        for (of, name), test in zip(planned, tests, strict=True)
    )
    others = effects.holm(rows["p"][1:])["p_holm"].to_numpy()
    return Exact(design, members, statistic, tests[0], rows.assign(p_holm=[np.nan, *others]))


def _row(label: str, statistic: str, test: RandomisationTest) -> dict[str, Any]:
    return {
        "label": label,
        "statistic": statistic,
        "observed": test.observed,
        "relabelled": test.observed - test.excess,
        "estimate": test.excess,
        "low": test.low,
        "high": test.high,
        "p": test.p_value,
    }


def _label(quantity: str, sides: Sequence[str]) -> str:
    first, second = sides
    arms, across = (mono(first), mono(second)), (crossed(first, second), crossed(second, first))
    return {
        "advantage": "own-group advantage",
        "advantage_first": f"own-group advantage, tests of {labels.side(first)}",
        "advantage_second": f"own-group advantage, tests of {labels.side(second)}",
        "mono": " minus ".join(map(labels.cell, arms)),
        "cross": " minus ".join(map(labels.cell, across)),
    }[quantity]


def verdict(exact: Exact, found: Mapping[str, Advantage]) -> Verdict:
    """The main question, where the test decides it.

    Args:
      exact: that decides.
      found: contrast -> own-group advantage in UF1; other groupings and errors of the
        annotator must leave its sign.
    """
    if exact.main is None:
        sentence = (
            "The own-group advantage is not separable from database: no database holds both "
            "groups, so nobody can change groups within one."
        )
        return Verdict(exact.quantity, (), Conclusion(Outcome.NOT_SEPARABLE, (sentence,)), sentence)
    changed = [_same_sign(name, found) for name in controls.sensitivity(list(found))]
    finding = _conclude(exact, exact.main, changed)
    headline = (
        f"The {exact.quantity} within databases is {_excess(exact.main)} beyond relabelled "
        f"groups, {p_text(exact.main.p_value)}: {_HEADLINES[finding.verdict]}."
    )
    return Verdict(exact.quantity, changed, finding, headline)


_HEADLINES = {
    Outcome.NO_EVIDENCE: "no evidence of a difference at this power, nor of equality",
    Outcome.FAILS_CONTROL: "it changes sign with who counts as which group, so it is no evidence",
    Outcome.SURVIVES: "the groups differ by more than chance; what causes it is not shown",
}


def _same_sign(name: str, found: Mapping[str, Advantage]) -> Control:
    """The advantage in UF1 with other members of the groups."""
    own, other = found[MAIN], found[name]
    label = labels.contrast(name)
    detail = f"{label} {interval_text(other)} in UF1"
    if not np.isfinite([own.estimate, other.estimate]).all():
        return Control(label, None, f"{label} too few subjects")
    return Control(label, bool(own.estimate * other.estimate > 0), detail)


def _conclude(exact: Exact, test: RandomisationTest, changed: Sequence[Control]) -> Conclusion:
    done = labels.count(len(test.null))
    quantity = f"{exact.quantity[:1].upper()}{exact.quantity[1:]}"
    relabelled = labels.signed(test.observed - test.excess)
    measured = (
        f"{quantity}: observed {labels.signed(test.observed)}, relabelled groups {relabelled} on "
        f"average, so {_excess(test)} beyond them ({p_text(test.p_value)}; {done} relabellings "
        f"within databases); {exact.movable}"
    )
    if not test.excludes_zero:
        first = f"There is no evidence at this power of a difference within databases. {measured}."
        return Conclusion(Outcome.NO_EVIDENCE, (first, _not_equal(test)))
    failed = [control for control in changed if control.passed is False]
    if failed:
        sign = "; ".join(control.detail for control in failed)
        return Conclusion(
            Outcome.FAILS_CONTROL,
            (
                f"{measured}. But with other members of the groups it has another "
                f"sign ({sign}). It is no evidence of an effect of ethnicity.",
            ),
        )
    sentences = (
        "There is a difference within databases that groups made by chance do not show. "
        f"{measured}.",
        "It holds for these databases, labels and models; what causes it is not shown.",
    )
    return Conclusion(Outcome.SURVIVES, sentences)


def _excess(test: RandomisationTest) -> str:
    """With its interval, where that has bounds."""
    if np.isfinite([test.low, test.high]).all():
        return interval_text(Range(test.excess, test.low, test.high))
    return labels.signed(test.excess)


def _not_equal(test: RandomisationTest) -> str:
    if test.stopped:
        return (
            f"The test stopped after {labels.count(len(test.null))} of "
            f"{labels.count(test.design.planned)} relabellings, when its answer was settled: so "
            "few give no interval, and nothing is said about equality."
        )
    reach = max(-test.low, test.high)
    return (
        "That is not evidence of equality: own-group advantages of up to "
        f"{labels.score(reach)} beyond that of relabelled groups, in either direction, are "
        "compatible with these data."
    )


def size_in_uf1(exact: Exact, observed: conclusion.HasInterval) -> str:
    """What the draws of the study measured, beside the test that decides."""
    also = "; it may differ from the exact test's in size and sign" if exact.main else ""
    return (
        f"Another estimate, in UF1, over other draws and folds, databases not held constant: the "
        f"own-group advantage is {interval_text(observed)} (resampled subjects){also}."
    )


def not_run(exact: Exact) -> str:
    """Why there is no p value, in a sentence."""
    if exact.design.n_distinct < 2 / effects.ALPHA:
        ways = labels.count(exact.design.n_distinct)
        return (
            f"The exact test was not run: {exact.movable}, in {ways} ways, too few for p to reach "
            ".05."
        )
    return (
        f"The exact test was not run: with {labels.count(exact.design.planned)} relabellings p "
        "cannot reach .05; raise study.relabellings."
    )
