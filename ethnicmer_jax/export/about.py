"""What a file's reader has to know of the networks in it: plain data for JSON."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import ethnicmer_jax
from ethnicmer_jax.base import environment, files
from ethnicmer_jax.models import registry
from ethnicmer_jax.training.saved_network import SavedNetwork

SCALINGS = {
    "minmax": "clip by clip and channel by channel: the least value at -1, the greatest at 1; "
    "a channel without motion is 0",
    "median": "clip by clip and channel by channel: (x - median) / ((max - min) / 2)",
    "rms": "clip by clip and channel by channel: (x - median) / sqrt(mean((x - median)^2))",
    "none": "as stored; 8-bit flow images as 2 * x / 255 - 1",
}
_CONTENT = {
    "flow": "optical flow from onset to apex: u (to the right), v (down), optical strain; scaled "
    "{scaling}",
    "apex": "the apex frame, RGB in [0, 1], less ImageNet's mean, divided by its deviation",
}
USE = (
    "Probabilities of classes under these networks, for research. They do not say what a person "
    "feels, and nothing about a person may be decided by them."
)


def networks(chosen: Sequence[SavedNetwork]) -> dict[str, Any]:
    """Recipe, classes, teachers and expected score of networks of one work directory."""
    first = chosen[0]
    teachers = frozenset[str]().union(*(network.taught.persons for network in chosen))
    return {
        "recipe": first.config.name,
        "networks": {network.name: network.fingerprint for network in chosen},
        "classes": list(first.emotion_names),
        "model": first.config.model.to_dict(),
        "learnt_from": {
            "subjects": len(teachers),
            "databases": sorted({person.partition("/")[0] for person in teachers}),
        },
        "expected": _expected(first.directory),
        "use": USE,
        "made_by": f"ethnicmer_jax {ethnicmer_jax.__version__}",
        "code": environment.code(),
    }


def images(network: SavedNetwork, branch: str) -> dict[str, Any]:
    """What the images of a branch have to be."""
    config = network.config
    size = registry.image_sizes(config.model)[branch]
    content = _CONTENT[config.model[f"{branch}_input"]]
    return {
        "shape": ["batch", size, size, 3],
        "dtype": "float32",
        "content": content.format(scaling=SCALINGS[config.data.flow_scaling]),
    }


def _expected(directory: pathlib.Path) -> Any:
    """What the recipe reaches on people whom it has not seen, where that is known."""
    path = directory / "final.json"
    return files.read_json(path).get("expected") if path.is_file() else None
