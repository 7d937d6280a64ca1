"""The audit page of an annotation: per subject the votes, the agreement, the decision, why.

One self-contained HTML file without scripts, pictures or links to other files. It
shows no faces: the databases' licences do not allow to pass them on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jinja2

from data_builders.ethnicity import agreement
from data_builders.ethnicity.consolidation import CLIPS_SEEN, HUMAN, Decision, Thresholds
from data_builders.ethnicity.votes import LABELS, Vote
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.schema import UNKNOWN

FILE_NAME = "ethnicity.html"
_TEMPLATE = "ethnicity_audit.html"


@dataclasses.dataclass(frozen=True)
class Audit:
    """What the page tells; everything but the first two fields follows from them.

    Attributes:
      decisions: one per subject.
      thresholds: under which they were taken.
    """

    decisions: Sequence[Decision]
    thresholds: Thresholds

    @property
    def votes(self) -> list[Vote]:
        """All votes."""
        return [vote for decision in self.decisions for vote in decision.votes]

    @property
    def open(self) -> list[Decision]:
        """Subjects without a label, which a human might settle."""
        return [
            decision
            for decision in self.decisions
            if decision.ethnicity == UNKNOWN and decision.source != HUMAN
        ]

    @property
    def counts(self) -> dict[str, int]:
        """Subjects by label."""
        given = [decision.ethnicity for decision in self.decisions]
        return {label: given.count(label) for label in (*LABELS, UNKNOWN)}

    @property
    def annotators(self) -> dict[str, agreement.Consistency]:
        """How far each annotator agrees with itself."""
        return {
            name: agreement.consistency(self._by(name))
            for name in sorted({vote.annotator for vote in self.votes})
        }

    @property
    def kappas(self) -> list[agreement.Kappa]:
        """Of each pair of annotators with clips in common, and of each with the decisions."""
        labels = {decision.person: decision.ethnicity for decision in self.decisions}
        return [
            *(kappa for kappa in agreement.between_annotators(self.votes) if kappa.shared),
            *(
                agreement.with_subjects(self._by(name), labels, "the labels decided on")
                for name in self.annotators
            ),
        ]

    @property
    def strangers(self) -> list[agreement.Kappa]:
        """Pairs of annotators that no clip has in common: nothing can be said of them."""
        return [kappa for kappa in agreement.between_annotators(self.votes) if not kappa.shared]

    def _by(self, annotator: str) -> list[Vote]:
        return [vote for vote in self.votes if vote.annotator == annotator]


def render(audit: Audit) -> str:
    """The page, as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_builders"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["bits"] = labels.decimal
    return environment.get_template(_TEMPLATE).render(
        audit=audit,
        thresholds=audit.thresholds,
        clips_seen=CLIPS_SEEN,
        labels=LABELS,
        unknown=UNKNOWN,
        human=HUMAN,
    )


def _number(value: float, digits: int = 2) -> str:
    return labels.score(value, digits)
