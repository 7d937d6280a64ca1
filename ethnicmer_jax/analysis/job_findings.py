"""The numbers of a job and what they allow one to say: all that its report shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int

from ethnicmer_jax.analysis import comparisons, conclusion, database_matrix, intervals, results
from ethnicmer_jax.analysis.comparisons import Comparison
from ethnicmer_jax.analysis.conclusion import Range
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.data_card import DataCard
from ethnicmer_jax.analysis.metrics import group_labels
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions

_OF_ARMS = ("All clips", "By arm")


@dataclasses.dataclass(frozen=True)
class Confusion:
    """The confusion matrix of an arm.

    Attributes:
      counts: summed over runs; rows are true classes, columns predicted ones.
      n_runs: runs that were summed.
    """

    counts: Int[np.ndarray, "classes classes"]
    n_runs: int


@dataclasses.dataclass(frozen=True)
class JobFindings:
    """What was found in the predictions of a job.

    Attributes:
      classes: the class names in order.
      arms: one row per arm, indexed by `arm`: the columns of `results.part_scores`.
      parts: `results.part_scores`: the arms, and the groups and databases in each.
      matrix: `database_matrix.matrix`: databases trained on × databases tested.
      scores: one row per arm and score: `results.scores_and_baselines`.
      confusions: by arm.
      per_class: `results.class_scores`.
      runs: `results.run_scores`.
      comparisons: of arms, and of the groups in each arm.
      data: who and what was tested.
      conclusions: sentences on each arm's score and on each difference.
    """

    classes: tuple[str, ...]
    arms: pd.DataFrame
    parts: pd.DataFrame
    matrix: pd.DataFrame
    scores: pd.DataFrame
    confusions: Mapping[str, Confusion]
    per_class: pd.DataFrame
    runs: pd.DataFrame
    comparisons: Sequence[Comparison]
    data: DataCard
    conclusions: Sequence[str]

    @classmethod
    def of(cls, predictions: Predictions, members: Mapping[str, str] | None) -> JobFindings:
        """Scores, compares and concludes.

        Args:
          predictions: one or more runs, without inner validation.
          members: ethnicity -> group; each ethnicity is its own group when None.
        """
        group = group_labels(predictions, members)
        arm = results.arms(predictions)
        by_arm = {name: predictions.select(arm == name) for name in dict.fromkeys(arm)}
        parts = results.part_scores(predictions, group)
        arms = parts[parts["section"].isin(_OF_ARMS)].set_index("arm", drop=False)
        scores = [results.scores_and_baselines(by_arm[name], row) for name, row in arms.iterrows()]
        compared = comparisons.compare_all(predictions, group)
        return cls(
            classes=predictions.classes,
            arms=arms,
            parts=parts,
            matrix=database_matrix.matrix(arms),
            scores=pd.concat(scores),
            confusions={
                name: Confusion(Counts.of(part).pooled.sum(axis=0), len(part.runs))
                for name, part in by_arm.items()
            },
            per_class=results.class_scores(predictions, group),
            runs=results.run_scores(predictions),
            comparisons=compared,
            data=DataCard.of(predictions, group),
            conclusions=[*_of_scores(arms, by_arm), *_of_differences(compared)],
        )

    @property
    def sections(self) -> Mapping[str, pd.DataFrame]:
        """Heading -> the groups or databases of every arm, without the arms themselves."""
        parts = self.parts[~self.parts["section"].isin(_OF_ARMS)]
        return {
            str(heading): rows.drop(columns="section")
            for heading, rows in parts.groupby("section", sort=False)
        }

    @property
    def few_subjects(self) -> list[str]:
        """A warning on the arms, groups and databases whose intervals rest on few subjects."""
        rows = self.parts.to_dict("records")
        return intervals.few_subjects({str(row["label"]): row["n_subjects"] for row in rows})

    @property
    def level(self) -> float:
        """Coverage of the interval of each comparison; NaN where nothing was compared."""
        return self.comparisons[0].interval.level if self.comparisons else math.nan

    @property
    def differences(self) -> pd.DataFrame:
        """Columns section, label, estimate, low, high, design, subjects and verdict."""
        return pd.DataFrame(
            {
                "section": f"Between {comparison.of}",
                "label": comparison.label,
                "estimate": comparison.interval.estimate,
                "low": comparison.interval.low,
                "high": comparison.interval.high,
                "design": comparison.interval.design,
                "subjects": comparison.interval.n_persons,
                "verdict": comparison.finding.verdict.value,
            }
            for comparison in self.comparisons
        )


def _of_scores(arms: pd.DataFrame, by_arm: Mapping[str, Predictions]) -> list[str]:
    """Each arm's UF1 against the majority class."""
    return [
        conclusion.above_baseline(
            Range(row["uf1"], row["uf1_low"], row["uf1_high"]),
            results.baselines(by_arm[name])["majority class"]["uf1"],
            score="UF1" if len(arms) == 1 else f"UF1 of {labels.run(str(name))}",
            baseline_name="majority-class baseline",
        )
        for name, row in arms.iterrows()
    ]


def _of_differences(compared: Sequence[Comparison]) -> list[str]:
    sentences = []
    if not any(comparison.of == "groups" for comparison in compared):
        sentences.append("No arm tested two ethnic groups, so groups are not compared here.")
    for comparison in compared:
        context = f"Arm {labels.run(comparison.where)}. " if comparison.where else ""
        sentences.append(context + " ".join(comparison.finding.sentences))
    return sentences
