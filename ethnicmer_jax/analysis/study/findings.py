"""The numbers of a study and what they allow one to say: all that its report shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import HasInterval, placebo_p
from ethnicmer_jax.analysis.conclusion import Verdict as Outcome
from ethnicmer_jax.analysis.data_card import DataCard
from ethnicmer_jax.analysis.metrics import group_labels
from ethnicmer_jax.analysis.study import (
    across_databases,
    controls,
    estimates,
    exact,
    reference,
    verdict,
)
from ethnicmer_jax.analysis.study import groups as study_groups
from ethnicmer_jax.analysis.study.across_databases import AcrossDatabases
from ethnicmer_jax.analysis.study.exact import Exact
from ethnicmer_jax.analysis.study.groups import Groups
from ethnicmer_jax.analysis.study.reference import Reference
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.analysis.study.verdict import Verdict
from ethnicmer_jax.analysis.variance_factor import Factor
from ethnicmer_jax.base.contrast_roles import MAIN, PLACEBO
from ethnicmer_jax.base.run_id import is_arm


@dataclasses.dataclass(frozen=True)
class Placebo:
    """A difference beside the same difference between groups that mean nothing.

    Attributes:
      name: "advantage" or "arms".
      quantity: what differs ("own-group advantage in UF1").
      null: that of every placebo draw in which it is defined.
      observed: that of the real groups.
      p: share of placebo draws as far from 0 as `observed`; NaN where there are too few.
    """

    name: str
    quantity: str
    null: Float[np.ndarray, " draws"]
    observed: float
    p: float


@dataclasses.dataclass(frozen=True)
class GroupFindings:
    """The groups in the pooled LOSO.

    Attributes:
      numbers: scores, effect sizes and gaps.
      tests: columns test, measured, p and p_holm.
      sentence: what they allow one to say.
    """

    numbers: Groups
    tests: pd.DataFrame
    sentence: str


@dataclasses.dataclass(frozen=True)
class StudyFindings:
    """What was found in the predictions of a study.

    Attributes:
      sides: the two groups, in the order of subtraction.
      advantages: own-group advantages of the main contrast and of those within databases:
        columns section, label, estimate, low, high, n_subjects, p and detectable; empty
        where the sides were not tested by each other's models.
      exact: the randomisation test; None where there was none.
      across: the advantages within databases, pooled; None without an advantage at all.
      arms: the arms of the same contrasts, columns section, label, estimate, low, high.
      matrix: `estimates.matrix` of the main contrast; empty without crossed tests.
      differences: `estimates.differences`, with p_holm over all tests but the main one.
      controls: what the controls measured: columns section, label, estimate, low, high, p.
      survival: columns quantity, control, result and verdict; one row per control of each
        verdict; empty where none was run.
      placebos: differences beside those of placebo groups.
      groups: None where no pooled LOSO tests both groups.
      reference: None where the reference's draw was not run.
      cells: `estimates.arms` of every contrast and job.
      runs: `StudyRuns.table`.
      data: who and what was tested.
      factor: what the variance of the main advantage was multiplied by; None without one.
      headline: the main finding in one sentence.
      conclusions: sentences: the main finding in full, the others in one each.
    """

    sides: tuple[str, str]
    advantages: pd.DataFrame
    exact: Exact | None
    across: AcrossDatabases | None
    arms: pd.DataFrame
    matrix: pd.DataFrame
    differences: pd.DataFrame
    controls: pd.DataFrame
    survival: pd.DataFrame
    placebos: Sequence[Placebo]
    groups: GroupFindings | None
    reference: Reference | None
    cells: pd.DataFrame
    runs: pd.DataFrame
    data: DataCard
    factor: Factor | None
    headline: str
    conclusions: Sequence[str]

    @property
    def decided(self) -> bool:
        """Whether the randomisation test has a p value, which carries the main conclusion."""
        return bool(self.exact and self.exact.decides and self.exact.main)

    @classmethod
    def of(
        cls, runs: StudyRuns, members: Mapping[str, str], tested: Exact | None = None
    ) -> StudyFindings:
        """Estimates, tests, controls and concludes.

        Args:
          runs: of the study.
          members: ethnicity -> group, among them the two sides of the main contrast.
          tested: the randomisation test, which carries the main conclusion where it decides.
        """
        first, second = runs.sides(MAIN)
        found = estimates.advantages(runs)
        differences, groups = _tested(runs, members, (first, second))
        verdicts = _verdicts(runs, found)
        decided = exact.verdict(tested, found) if tested and tested.decides else None
        cells = estimates.arms(runs)
        main = cells[cells["part"] == MAIN]
        shown = [MAIN, *controls.within(runs.parts)]
        shown_advantages = {part: found[part] for part in shown if part in found}
        return cls(
            sides=(first, second),
            advantages=pd.DataFrame(estimates.advantage_rows(shown_advantages)),
            exact=tested,
            across=across_databases.analyse(found) if MAIN in found else None,
            arms=cells[cells["part"].isin(shown) & cells["cell"].map(is_arm)],
            # Without the other side's tests there is a diagonal only.
            matrix=estimates.matrix(main if runs.crossed(MAIN) else main[:0], (first, second)),
            differences=differences,
            controls=_control_estimates(runs, found),
            survival=_survival([decided, *verdicts] if decided else verdicts),
            placebos=_placebos(runs, found),
            groups=groups,
            reference=reference.analyse(runs),
            cells=cells,
            runs=runs.table,
            data=_data_card(runs, members),
            factor=found[MAIN].factor if MAIN in found else None,
            headline=(decided or verdicts[0]).headline,
            conclusions=[
                *(_decided(tested, decided, found) if tested and decided else ()),
                *_conclusions(
                    verdicts[1:] if decided and MAIN in found else verdicts,
                    groups,
                    in_full=not decided,
                ),
                *([exact.not_run(tested)] if tested and not decided else []),
            ],
        )


def _tested(
    runs: StudyRuns, members: Mapping[str, str], sides: tuple[str, str]
) -> tuple[pd.DataFrame, GroupFindings | None]:
    """Differences and group tests, with p values adjusted over all of them."""
    differences = estimates.differences(runs, estimates.planned(runs))
    numbers = study_groups.analyse(runs, dict(members), sides)
    rows = list(study_groups.tests(numbers)) if numbers else []
    tests = pd.DataFrame(rows, columns=["test", "measured", "p"])
    together = effects.holm(np.concatenate([differences["p"], tests["p"]]))["p_holm"].to_numpy()
    differences = differences.assign(p_holm=together[: len(differences)])
    if numbers is None:
        return differences, None
    tests = tests.assign(p_holm=together[len(differences) :])
    sentence = verdict.of_groups(numbers, list(tests["p_holm"]))
    return differences, GroupFindings(numbers, tests, sentence)


def _verdicts(runs: StudyRuns, found: Mapping[str, Advantage]) -> list[Verdict]:
    """The main question first, where it can be asked."""
    confounded = verdict.confounded(runs)
    main = verdict.of_advantage(found, confounded=confounded)
    return [*([main] if main else []), *verdict.of_arms(runs, confounded=confounded)]


def _control_estimates(runs: StudyRuns, found: Mapping[str, Advantage]) -> pd.DataFrame:
    others = {part: advantage for part, advantage in found.items() if part != MAIN}
    advantages = pd.DataFrame(estimates.advantage_rows(others))
    labels = controls.label_differences(runs)
    return pd.concat([frame for frame in (advantages, labels) if len(frame)] or [labels])


def _survival(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """A difference that was not shown has nothing to survive."""
    nothing = (Outcome.NO_EVIDENCE, Outcome.UNDEFINED)
    rows = [
        {
            "quantity": judged.quantity,
            "control": control.name,
            "result": control.detail,
            "verdict": "no difference to survive"
            if judged.finding.verdict in nothing
            else control.verdict,
        }
        for judged in verdicts
        for control in judged.controls
    ]
    return pd.DataFrame(rows, columns=["quantity", "control", "result", "verdict"])


def _placebos(runs: StudyRuns, found: Mapping[str, Advantage]) -> list[Placebo]:
    """The main question and the difference of the mono arms beside placebo groups."""
    beside: list[tuple[str, str, np.ndarray, HasInterval]] = []
    if MAIN in found and PLACEBO in found:
        null = found[PLACEBO].per_draw
        beside.append(("advantage", "own-group advantage in UF1", null, found[MAIN]))
    if runs.has(PLACEBO):
        arms = estimates.planned(runs)[0]
        null = controls.placebo_arms(runs)
        beside.append(("arms", f"UF1 of {arms.label}", null, arms.estimate(runs)))
    return [
        Placebo(
            name,
            quantity,
            null[np.isfinite(null)],
            observed.estimate,
            placebo_p(observed.estimate, null),
        )
        for name, quantity, null, observed in beside
    ]


def _data_card(runs: StudyRuns, members: Mapping[str, str]) -> DataCard:
    again = runs.predictions.table.duplicated(["database", "subject", "clip"])
    clips = runs.predictions.select(~again)
    return DataCard.of(clips, group_labels(clips, members))


def _decided(tested: Exact, decided: Verdict, found: Mapping[str, Advantage]) -> list[str]:
    """The main finding by the randomisation test, and the size of the advantage in the draws."""
    size = [exact.size_in_uf1(tested, found[MAIN])] if MAIN in found else []
    return [*decided.finding.sentences, *size]


def _conclusions(
    verdicts: Sequence[Verdict], groups: GroupFindings | None, *, in_full: bool
) -> list[str]:
    """A sentence each; the first in full where it is the main finding."""
    main, *others = verdicts
    lead = main.finding.sentences if in_full else main.finding.sentences[:1]
    sentences = [*lead, *(other.finding.sentences[0] for other in others)]
    return [*sentences, groups.sentence] if groups else sentences
