"""Networks as one program in StableHLO, which any later JAX runs without this package."""

from __future__ import annotations

import functools
import json
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
from jax.typing import ArrayLike

from ethnicmer_jax.base import files
from ethnicmer_jax.export import about
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.classifier import EthnicAwareClassifier
from ethnicmer_jax.training.saved_network import SavedNetwork

PROGRAM, ABOUT = "model.stablehlo", "about.json"
"""What the file, a zip archive, holds."""


def write(
    path: pathlib.Path, networks: Sequence[SavedNetwork], platforms: Sequence[str]
) -> dict[str, Any]:
    """Writes the mean of some networks' probabilities as a program, whole or not at all.

    Args:
      path: the file, a zip archive of PROGRAM and ABOUT.
      networks: of one work directory.
      platforms: that the program shall run on.

    Returns:
      What ABOUT holds.
    """
    exported = lowered(networks, platforms)
    values = {
        **about.networks(networks),
        "inputs": _inputs(networks[0]),
        "outputs": _outputs(networks[0]),
        "mirrored": networks[0].config.data.mirror,
        "platforms": list(exported.platforms),
        "jax": jax.__version__,
        "calling_convention": exported.calling_convention_version,
    }
    with files.atomic(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        archive.writestr(PROGRAM, exported.serialize())
        archive.writestr(ABOUT, json.dumps(values, indent=2) + "\n")
    return values


def lowered(networks: Sequence[SavedNetwork], platforms: Sequence[str]) -> jax.export.Exported:
    """The program, for any number of clips at a time."""
    (batch,) = jax.export.symbolic_shape("batch")
    inputs = {
        name: jax.ShapeDtypeStruct((batch, *what["shape"][1:]), what["dtype"])
        for name, what in _inputs(networks[0]).items()
    }
    members = [network.variables for network in networks]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    function = functools.partial(mean_probabilities, model(networks[0]), networks[0], stacked)
    return jax.export.export(jax.jit(function), platforms=tuple(platforms))(**inputs)


def mean_probabilities(
    model: EthnicAwareClassifier,
    network: SavedNetwork,
    members: Mapping[str, Any],
    **inputs: ArrayLike,
) -> dict[str, jax.Array]:
    """Class probabilities, as the engine predicts them, averaged over networks.

    Args:
      model: of all of them.
      network: any of them.
      members: their variables, stacked [m, ...].
      **inputs: see `about.images`, and "ethnicity" where the fusion reads it.

    Returns:
      "p": float32 [batch, classes]; "q": [batch, ethnicities] where there is an ethnic head.
    """
    copies = [inputs]
    if network.config.data.mirror:
        copies.append(_mirrored(network, inputs))

    def one(variables: Mapping[str, Any]) -> dict[str, jax.Array]:
        outputs = [model.apply(variables, copy, train=False) for copy in copies]
        heads = {
            "p": [output.logits for output in outputs],
            "q": [output.ethnic_logits for output in outputs],
        }
        return {
            name: sum(map(jax.nn.softmax, logits)) / len(logits)
            for name, logits in heads.items()
            if logits[0] is not None
        }

    return jax.tree.map(lambda x: x.mean(0), jax.lax.map(one, members))


def _mirrored(network: SavedNetwork, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Left and right exchanged, as `data.inputs.mirrored` does it."""
    mirrored = dict(inputs)
    for branch in ("emotion", "ethnic"):
        if branch in inputs:
            flow = network.config.model[f"{branch}_input"] == "flow"
            signs = jnp.asarray([-1 if flow else 1, 1, 1], jnp.float32)
            mirrored[branch] = inputs[branch][:, :, ::-1] * signs
    return mirrored


def model(network: SavedNetwork) -> EthnicAwareClassifier:
    """The classifier that a network's variables belong to."""
    sizes = {
        "n_emotions": len(network.emotion_names),
        "n_ethnicities": len(network.ethnic_names),
    }
    return registry.build(network.config.model.to_dict() | sizes)


def _inputs(network: SavedNetwork) -> dict[str, Any]:
    classifier = model(network)
    found = {"emotion": about.images(network, "emotion")}
    if classifier.ethnic_backbone is not None:
        found["ethnic"] = about.images(network, "ethnic")
    if classifier.fusion.reads_labels:
        names = ", ".join(f"{i} {name}" for i, name in enumerate(network.ethnic_names))
        content = f"-1 Unknown, {names}"
        found["ethnicity"] = {"shape": ["batch"], "dtype": "int32", "content": content}
    return found


def _outputs(network: SavedNetwork) -> dict[str, Any]:
    found = {"p": {"shape": ["batch", "classes"], "columns": list(network.emotion_names)}}
    if "ethnic_head" in network.variables["params"]["fusion"]:
        columns = list(network.ethnic_names)
        found["q"] = {"shape": ["batch", "ethnicities"], "columns": columns}
    return found
