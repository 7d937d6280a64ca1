"""What a branch takes over from a network of ours: its backbone, heads and parts of the fusion."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import ml_collections

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import branch_weights, registry
from ethnicmer_jax.training import saved_network
from ethnicmer_jax.training.saved_network import SavedNetwork

_CLASSES_OF: Mapping[str, tuple[str, ...]] = {
    "head": ("emotion",),
    "emotion_head": ("emotion",),
    "ethnic_head": ("ethnic",),
    "embedding": ("ethnic",),
    "bias": ("emotion", "ethnic"),
}
"""Part of a fusion -> whose classes number its rows or columns; other parts have none."""


@dataclasses.dataclass(frozen=True)
class Taken:
    """Parts of a fusion that are taken over.

    Attributes:
      entries: by their place in the fusion.
      note: which they are, and why others are not.
    """

    entries: dict[str, Any]
    note: str


def backbone(
    network: SavedNetwork,
    branch: str,
    path: str,
    model: ml_collections.ConfigDict,
    shapes: Mapping[str, Any],
) -> dict[str, Any]:
    """The backbone of a branch: "params" and, where it has BatchNorm, "batch_stats".

    Args:
      network: where it comes from.
      branch: "emotion" or "ethnic".
      path: what the config calls the network.
      model: `config.model` of the classifier that takes it over.
      shapes: of that classifier's variables.

    Raises:
      UserError: one of the two has no such branch, or another backbone in it.
    """
    found = saved_network.of_branch(network.variables, branch)
    wanted = saved_network.of_branch(shapes, branch)
    if not wanted:
        raise UserError(f"this fusion has no {branch} branch to take weights for")
    if not found:
        raise UserError(
            f"{path} has no {branch} branch: it was trained with fusion "
            f"{network.config.model.fusion}"
        )
    theirs, ours = (registry.branch(each, branch) for each in (network.config.model, model))
    if (theirs.name, theirs.options) != (ours.name, ours.options):
        there, here = (f"{b.name} {b.options or ''}".strip() for b in (theirs, ours))
        raise UserError(
            f"{path} has {there} in its {branch} branch and this config {here}; "
            f"set model.{branch}_backbone and model.{branch}_options alike"
        )
    if _shapes(found) != _shapes(wanted):
        raise UserError(
            f"{path} has learnt from images of {theirs.image_size} px, and its {theirs.name} does "
            f"not fit those of {ours.image_size} px"
        )
    return found


def fusion(
    network: SavedNetwork,
    branch: str,
    config: ml_collections.ConfigDict,
    shapes: Mapping[str, Any],
    targets: Targets | None,
) -> Taken:
    """What of a network's fusion goes into the classifier's.

    All of it where the fusion is the same and every branch starts from this network;
    otherwise the branch's own head. Either way a part is taken over only if its shape fits
    and its classes have the same names in the same order.

    Args:
      network: where it comes from.
      branch: "emotion" or "ethnic".
      config: of the classifier that takes it over.
      shapes: of that classifier's fusion.
      targets: its classes; None takes no part that depends on classes.
    """
    theirs = network.variables["params"]["fusion"]
    places = _places(network, branch, config, theirs, shapes)
    differ = _differing(network, targets)
    entries, left = {}, {}
    for place, source in places.items():
        if source not in theirs:
            left[place] = f"there is no {source} there"
        elif reasons := [differ[side] for side in _CLASSES_OF.get(source, ()) if side in differ]:
            left[place] = " and ".join(reasons)
        elif _shapes(theirs[source]) != _shapes(shapes[place]):
            left[place] = "its shape does not fit"
        else:
            entries[place] = theirs[source]
    return Taken(entries, "; ".join(_lines(network, branch, config, entries, left)))


def _places(
    network: SavedNetwork,
    branch: str,
    config: ml_collections.ConfigDict,
    theirs: Mapping[str, Any],
    ours: Mapping[str, Any],
) -> dict[str, str]:
    """Place in the fusion -> what it may come from in the network's."""
    if branch == "ethnic":
        return {"ethnic_head": "ethnic_head"} if "ethnic_head" in ours else {}
    has_ethnic_branch = bool(saved_network.of_branch(network.variables, "ethnic"))
    from_here = not has_ethnic_branch or config.init.ethnic_path == config.init.path
    if from_here and config.model.fusion == network.config.model.fusion:
        # The ethnic branch brings its own head.
        return {place: place for place in ours if not has_ethnic_branch or place != "ethnic_head"}
    return {branch_weights.head_place(ours, branch): branch_weights.head_place(theirs, branch)}


def _differing(network: SavedNetwork, targets: Targets | None) -> dict[str, str]:
    """Why the classes of "emotion" and "ethnic" are not the same, where they are not."""
    if targets is None:
        return dict.fromkeys(("emotion", "ethnic"), "classes are not known yet")
    pairs = {
        "emotion": (network.emotion_names, targets.emotion_names),
        "ethnic": (network.ethnic_names, targets.ethnic_names),
    }
    return {
        side: f"its classes are {', '.join(there)}"
        for side, (there, here) in pairs.items()
        if there != here
    }


def _lines(
    network: SavedNetwork,
    branch: str,
    config: ml_collections.ConfigDict,
    entries: Mapping[str, Any],
    left: Mapping[str, str],
) -> Iterator[str]:
    yield f"taken over with it: {', '.join(entries) or 'nothing'}"
    if left:
        yield f"at random: {', '.join(f'{place} ({why})' for place, why in left.items())}"
    there, here = (
        (c.model[f"{branch}_input"], c.data.flow_scaling) for c in (network.config, config)
    )
    if there != here:
        seen = (f"{which} (scaled: {scaling})" for which, scaling in (there, here))
        yield "it has learnt from {} and sees {} here".format(*seen)


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: tuple(leaf.shape), tree)
