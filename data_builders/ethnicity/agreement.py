"""How far votes agree: within subjects, and between annotators (Cohen's kappa)."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

from data_builders.ethnicity.consolidation import Person
from data_builders.ethnicity.votes import LABELS, Vote


@dataclasses.dataclass(frozen=True)
class Consistency:
    """How far one annotator contradicts itself.

    Attributes:
      n_votes: votes, failed ones included.
      n_errors: votes that failed.
      n_subjects: subjects with a readable vote.
      n_multi_clip: subjects with at least two readable votes.
      inconsistent: subjects with more than one label, sorted.
      mean_agreement: mean over the multi-clip subjects of their modal label's share of
        votes, in [0, 1]; NaN without such subjects.
    """

    n_votes: int
    n_errors: int
    n_subjects: int
    n_multi_clip: int
    inconsistent: tuple[Person, ...]
    mean_agreement: float


@dataclasses.dataclass(frozen=True)
class Kappa:
    """Cohen's kappa between two labelings of the same clips.

    Attributes:
      first, second: whose labelings.
      value: at most 1; 0 is what chance gives; NaN where it is not defined (no common
        clips, or one and the same single label everywhere).
      observed: share in [0, 1] of equal labels, NaN without common clips.
      n: clips that both have labelled.
      shared: clips that both were asked about, failed votes included.
    """

    first: str
    second: str
    value: float
    observed: float
    n: int
    shared: int


def consistency(votes: Sequence[Vote]) -> Consistency:
    """Agreement of one annotator's votes within subjects."""
    labels = collections.defaultdict(list)
    for vote in votes:
        if vote.label:
            labels[vote.person].append(vote.label)
    several = {person: given for person, given in labels.items() if len(given) > 1}
    shares = [max(collections.Counter(given).values()) / len(given) for given in several.values()]
    return Consistency(
        n_votes=len(votes),
        n_errors=sum(vote.label is None for vote in votes),
        n_subjects=len(labels),
        n_multi_clip=len(several),
        inconsistent=tuple(sorted(p for p, given in several.items() if len(set(given)) > 1)),
        mean_agreement=math.fsum(shares) / len(shares) if shares else math.nan,
    )


def between_annotators(votes: Iterable[Vote]) -> tuple[Kappa, ...]:
    """Kappa of each pair of annotators over the clips that both could judge."""
    labels: dict[str, dict[str, str | None]] = collections.defaultdict(dict)
    for vote in votes:
        labels[vote.annotator][vote.key] = vote.label
    return tuple(
        _kappa(
            (first, second),
            [
                (labels[first][key], labels[second][key])
                for key in labels[first]
                if key in labels[second]
            ],
        )
        for first, second in itertools.combinations(sorted(labels), 2)
    )


def with_subjects(
    votes: Sequence[Vote], labels: Mapping[Person, str], name: str = "subject label"
) -> Kappa:
    """Kappa of clip votes with the labels of their subjects.

    Args:
      votes: of one annotator.
      labels: by (database, subject); labels that no vote can have (`Unknown`) are left out.
      name: what the labels are called.
    """
    pairs = [(vote.label, labels.get(vote.person)) for vote in votes]
    return _kappa(("+".join(sorted({vote.annotator for vote in votes})), name), pairs)


def _kappa(names: tuple[str, str], pairs: Sequence[tuple[str | None, str | None]]) -> Kappa:
    # scikit-learn takes a second to import; who asks for help is spared it.
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import cohen_kappa_score

    both = [pair for pair in pairs if all(label in LABELS for label in pair)]
    if not both:
        return Kappa(*names, math.nan, math.nan, 0, len(pairs))
    first, second = zip(*both, strict=True)
    with warnings.catch_warnings():
        # One label throughout: scikit-learn warns and gives NaN, which is what we report.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(cohen_kappa_score(first, second, labels=list(LABELS)))
    observed = sum(a == b for a, b in both) / len(both)
    return Kappa(*names, value, observed, len(both), len(pairs))
