"""What can be explained: a head of the network, seen through one of its branches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import fusion as fusions
from ethnicmer_jax.models.classifier import EthnicAwareClassifier

HEADS = {"final": "logits", "emotion": "emotion_logits", "ethnic": "ethnic_logits"}
"""Head -> its field of `fusion.Outputs`."""

REVERSED = -1.0
"""Strength at which a reversed gradient is the plain one."""


@dataclasses.dataclass(frozen=True, order=True)
class View:
    """A head explained through a branch.

    Attributes:
      head: one of HEADS.
      branch: "emotion" or "ethnic": whose last feature map, and whose image.
    """

    head: str
    branch: str

    def __str__(self) -> str:
        return f"{self.head}-{self.branch}"


def choose(model: EthnicAwareClassifier, heads: Sequence[str] = ()) -> tuple[View, ...]:
    """The views of a classifier.

    The final head of a network with two branches has a view through each; the ethnic
    head is seen through the ethnic branch where there is one, else through the only one.

    Args:
      model: the classifier.
      heads: those of HEADS that are wanted, in order; () for all that it has.

    Raises:
      UserError: this network has no such head.
    """
    known = {
        "final": ["emotion"],
        "emotion": ["emotion"] if isinstance(model.fusion, fusions.TwoBranches) else [],
        "ethnic": _ethnic(model.fusion),
    }
    if model.ethnic_backbone is not None:
        known["final"].append("ethnic")
    views = tuple(View(head, branch) for head in (heads or HEADS) for branch in known[head])
    missing = [head for head in heads if not known[head]]
    if missing:
        raise UserError(
            f"this network has no {missing[0]} head; it has "
            f"{', '.join(head for head, branches in known.items() if branches)}"
        )
    return views


def _ethnic(fusion: fusions.Fusion) -> list[str]:
    if fusion.needs_ethnic_branch:
        return ["ethnic"]
    alone = isinstance(fusion, fusions.MultiTask | fusions.Adversarial)
    return ["emotion"] if alone else []


def differentiable(model: EthnicAwareClassifier) -> EthnicAwareClassifier:
    """The same function, with the gradients that belong to it.

    Training may reverse or stop a gradient on purpose; a map has to follow the function.
    """
    fusion = model.fusion
    if isinstance(fusion, fusions.Adversarial):
        fusion = fusion.clone(strength=REVERSED)
    elif isinstance(fusion, fusions.Embed):
        fusion = fusion.clone(stop_gradient=False)
    return model.clone(fusion=fusion)
