"""Turns the votes on a subject's clips into one label for the subject, or into none.

A person has one ethnicity, a classifier sees a new face in every clip: in the
reference's annotation 6 of 24 subjects with several clips carry more than one label.
Votes are averaged over a subject's clips, and the label is withheld (`Unknown`) where
they are too few or too divided. One clip is enough where a table states the label. A
human's word always wins.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import scipy

from data_builders.ethnicity.votes import LABELS, Vote
from ethnicmer_jax.base.schema import UNKNOWN, UserError

HUMAN = "human"
CLIPS_SEEN = 2
"""Clips that a classifier must have judged, unless the user says otherwise."""

Person = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """When a label is given at all.

    Attributes:
      min_clips: clips with a readable vote; None for `CLIPS_SEEN` where a classifier has
        looked at faces, and for a single clip where a table states the label.
      min_agreement: share in [0, 1] of the votes that are for the label.
      min_probability: the label's mean probability in [0, 1].

    Raises:
      UserError: a threshold is out of its range.
    """

    min_clips: int | None = None
    min_agreement: float = 0.8
    min_probability: float = 0.6

    def __post_init__(self):
        if self.min_clips is not None and self.min_clips < 1:
            raise UserError(f"at least one clip is needed for a label, got {self.min_clips}")
        for name in ("min_agreement", "min_probability"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"{name} is a share from 0 to 1, got {value}")

    def clips_for(self, readable: Sequence[Vote]) -> int:
        """Fewest clips with a readable vote for a label, given these votes."""
        if self.min_clips is not None:
            return self.min_clips
        return 1 if any(vote.stated for vote in readable) else CLIPS_SEEN


@dataclasses.dataclass(frozen=True)
class Override:
    """What a human says about a subject: one of schema.ETHNICITIES, and why."""

    ethnicity: str
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Decision:
    """One subject's label and how it came about.

    Attributes:
      database, subject: who.
      ethnicity: one of schema.ETHNICITIES; `Unknown` where the label is withheld.
      leading: the most probable label; "" where several are level, or without votes.
      probability: mean probability in [0, 1] of `ethnicity`, of the most probable
        label where it is withheld; NaN without readable votes.
      agreement: share in [0, 1] of the votes that are for that label; NaN without.
      entropy: of the mean probabilities, in bits: 0 is certain, log2(5) = 2.32 is not
        knowing anything; NaN without readable votes.
      n_clips: clips with at least one readable vote.
      n_errors: votes that failed.
      source: the annotators, joined by "+", or "human".
      reason: why the label was given or withheld.
      age_decade: median over the votes, -1 unknown.
      gender: the votes' majority, "unknown" among equals.
      probabilities: mean over the votes, in the order of LABELS; () without.
      votes: everything that was said, sorted by clip and annotator.
    """

    database: str
    subject: str
    ethnicity: str
    leading: str
    probability: float
    agreement: float
    entropy: float
    n_clips: int
    n_errors: int
    source: str
    reason: str
    age_decade: int
    gender: str
    probabilities: tuple[float, ...]
    votes: tuple[Vote, ...]

    @property
    def person(self) -> Person:
        """(database, subject)."""
        return self.database, self.subject

    @property
    def counts(self) -> dict[str, int]:
        """Votes for each label that has any, the most first."""
        labels = collections.Counter(vote.label for vote in self.votes if vote.label)
        return dict(sorted(labels.items(), key=lambda item: (-item[1], LABELS.index(item[0]))))


def consolidate(
    votes: Iterable[Vote],
    thresholds: Thresholds | None = None,
    overrides: Mapping[Person, Override] | None = None,
) -> tuple[Decision, ...]:
    """One decision per subject, sorted by (database, subject).

    Args:
      votes: of any number of annotators, in any order; each counts alike.
      thresholds: when a label is given; the defaults of `Thresholds`.
      overrides: labels by (database, subject) that win over every vote, also for
        subjects without votes.
    """
    thresholds = thresholds or Thresholds()
    overrides = overrides or {}
    by_person: dict[Person, list[Vote]] = {person: [] for person in overrides}
    for vote in votes:
        by_person.setdefault(vote.person, []).append(vote)
    return tuple(
        _decide(person, by_person[person], thresholds, overrides.get(person))
        for person in sorted(by_person)
    )


def _decide(
    person: Person, votes: Sequence[Vote], thresholds: Thresholds, override: Override | None
) -> Decision:
    readable = [vote for vote in votes if vote.label]
    mean = _mean(readable)
    top = _most_probable(mean)
    judged = top[0] if top else ""
    n_clips = len({vote.clip for vote in readable})
    if override:
        ethnicity, reason = override.ethnicity, f"a human said so: {override.reason or 'no reason'}"
        judged = judged if ethnicity == UNKNOWN else ethnicity
    else:
        doubts = _doubts(readable, mean, top, n_clips, thresholds)
        ethnicity = UNKNOWN if doubts else judged
        reason = "; ".join(doubts) or f"{_votes_for(judged, readable)} of {len(readable)} votes"
    known = bool(readable)
    return Decision(
        *person,
        ethnicity=ethnicity,
        leading=top[0] if len(top) == 1 else "",
        probability=mean[LABELS.index(judged)] if known else math.nan,
        agreement=_votes_for(judged, readable) / len(readable) if known else math.nan,
        entropy=float(scipy.stats.entropy(mean, base=2)) if known else math.nan,
        n_clips=n_clips,
        n_errors=len(votes) - len(readable),
        source=HUMAN if override else "+".join(sorted({vote.annotator for vote in votes})),
        reason=reason,
        age_decade=_age_decade(votes),
        gender=_gender(votes),
        probabilities=mean,
        votes=tuple(sorted(votes, key=lambda vote: (vote.clip, vote.annotator))),
    )


def _doubts(
    readable: Sequence[Vote],
    mean: Sequence[float],
    top: Sequence[str],
    n_clips: int,
    thresholds: Thresholds,
) -> list[str]:
    """Everything that speaks against giving the most probable label."""
    if not readable:
        return ["no readable vote"]
    doubts = []
    if n_clips < (needed := thresholds.clips_for(readable)):
        doubts.append(f"{n_clips} of at least {needed} clips")
    agreement = _votes_for(top[0], readable) / len(readable)
    if agreement < thresholds.min_agreement:
        doubts.append(f"agreement {agreement:.2f} below {thresholds.min_agreement:g}")
    if max(mean) < thresholds.min_probability:
        doubts.append(f"probability {max(mean):.2f} below {thresholds.min_probability:g}")
    if len(top) > 1:
        doubts.append(f"tie between {' and '.join(top)}")
    return doubts


def _mean(readable: Sequence[Vote]) -> tuple[float, ...]:
    """Mean probabilities; `fsum` is exact, so the order of the votes cannot matter."""
    if not readable:
        return ()
    columns = zip(*(vote.probabilities for vote in readable), strict=True)
    return tuple(math.fsum(column) / len(readable) for column in columns)


def _most_probable(mean: Sequence[float]) -> list[str]:
    """The labels with the largest mean: several where they are level, none without votes."""
    return [LABELS[index] for index, value in enumerate(mean) if value == max(mean)]


def _votes_for(label: str, readable: Sequence[Vote]) -> int:
    return sum(vote.label == label for vote in readable)


def _age_decade(votes: Sequence[Vote]) -> int:
    known = [vote.age_decade for vote in votes if vote.age_decade >= 0]
    return statistics.median_low(known) if known else -1


def _gender(votes: Sequence[Vote]) -> str:
    known = [vote.gender for vote in votes if vote.gender != "unknown"]
    modes = statistics.multimode(known)
    return modes[0] if len(modes) == 1 else "unknown"
