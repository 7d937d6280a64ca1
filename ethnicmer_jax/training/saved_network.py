"""One trained network of a work directory, read without its clips and without its engine."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np
from flax import traverse_util

from ethnicmer_jax.base import files, recorded_config, reportable
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.paths import exists, is_folder
from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError
from ethnicmer_jax.data import targets
from ethnicmer_jax.models import registry, torch_weights
from ethnicmer_jax.models.branch_weights import BranchWeights
from ethnicmer_jax.protocols import network_file
from ethnicmer_jax.protocols.network_file import Networks, Taught
from ethnicmer_jax.training.checkpoint import FoldCheckpoints


@dataclasses.dataclass(frozen=True)
class SavedNetwork:
    """A network, and what has to be known to use it.

    Attributes:
      name: "run/fold".
      directory: the work directory.
      config: that it was trained with.
      variables: "params" and "batch_stats" of the whole classifier, frozen backbones included.
      emotion_names: its classes, in the order of its outputs.
      ethnic_names: of its ethnic head, if it has one.
      taught: whom and what it has learnt from, its start's teachers included.
    """

    name: str
    directory: pathlib.Path
    config: ml_collections.ConfigDict
    variables: Mapping[str, Any]
    emotion_names: tuple[str, ...]
    ethnic_names: tuple[str, ...]
    taught: Taught

    @property
    def fingerprint(self) -> str:
        """Of its numbers."""
        return fingerprint(self.variables)


def is_place(text: str) -> bool:
    """Whether a setting names a network of a work directory, and no file."""
    return is_folder(pathlib.Path(_split(text)[0]))


def find(place: str) -> SavedNetwork:
    """The network that a text names.

    Args:
      place: DIR, whose final model of the first seed is meant, or DIR:RUN/FOLD.

    Raises:
      UserError: there is no such network, or none that says who has taught it.
    """
    text, name = _split(place)
    directory = pathlib.Path(text)
    networks = _networks(directory)
    row = _row(networks, name, directory) if name else _final_rows(networks, directory)[0]
    return _read(directory, networks, row)


def final(directory: pathlib.Path) -> tuple[SavedNetwork, ...]:
    """The final models of a work directory, one for each seed.

    Raises:
      UserError: there are none.
    """
    networks = _networks(directory)
    return tuple(_read(directory, networks, row) for row in _final_rows(networks, directory))


def fingerprint(tree: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that stand for names, shapes and numbers of a tree of arrays."""
    digest = hashlib.sha256()
    for where, value in sorted(traverse_util.flatten_dict(dict(tree)).items()):
        array = np.ascontiguousarray(value)
        digest.update(repr((where, array.shape, str(array.dtype))).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _split(place: str) -> tuple[str, str]:
    """The directory and the network's name; "" where none is given."""
    directory, colon, name = place.rpartition(":")
    if not colon or exists(pathlib.Path(place)):
        return place, ""
    return directory, name


def _networks(directory: pathlib.Path) -> Networks:
    reportable.refuse(directory, "whoever starts from or exports a network")
    path = directory / network_file.FILE_NAME
    if not path.is_file():
        raise UserError(
            f"{directory} holds no trained networks that say who has taught them "
            f"({network_file.FILE_NAME} is missing): train it with --config.protocol.final=True"
        )
    return network_file.read(path)


def _row(networks: Networks, name: str, directory: pathlib.Path) -> int:
    names = [f"{run}/{fold}" for run, fold in zip(networks.run, networks.fold, strict=True)]
    if name not in names:
        raise UserError(f"{directory} has no network {name}; it has {names[0]} and the like")
    return names.index(name)


def _final_rows(networks: Networks, directory: pathlib.Path) -> list[int]:
    """Of the final models, by seed."""
    rows = [row for row, run in enumerate(networks.run) if RunId.parse(str(run)).job == FINAL]
    if not rows:
        raise UserError(
            f"{directory} has no final model: train it with --config.protocol.final=True, or name "
            f"one of its networks, such as {networks.run[0]}/{networks.fold[0]}"
        )
    return sorted(rows, key=lambda row: networks.seed[row])


def _read(directory: pathlib.Path, networks: Networks, row: int) -> SavedNetwork:
    path = directory / "config.json"
    recorded = files.read_json(path)
    # With the fingerprints of what it started from, which are no settings.
    beside = {name: recorded[name] for name in recorded_config.BESIDE if name in recorded}
    config = ml_collections.ConfigDict(recorded_config.checked(recorded, path) | beside)
    if "network" not in config.classifier.split("+"):
        raise UserError(f"{directory} holds classifiers of kind {config.classifier}, no networks")
    if config.data.standardise != "none":
        raise UserError(
            f"the networks of {directory} see flow that is standardised within the databases of "
            f"their folds (data.standardise={config.data.standardise}): elsewhere they are not the "
            "same; predict with this work directory, or train without it"
        )
    name = f"{networks.run[row]}/{networks.fold[row]}"
    variables = FoldCheckpoints(directory / "checkpoints").network(name)
    target = targets.target_of(config.model)
    if target == "database":
        ethnic_names = networks.databases
    elif target == "group":
        ethnic_names = grouping(config.protocol.grouping, config.protocol.grouping_custom).names
    else:
        ethnic_names = tuple(each for each in ETHNICITIES if each != UNKNOWN)
    return SavedNetwork(
        name,
        directory,
        config,
        _with_frozen(directory, config, variables),
        tuple(networks.classes.tolist()),
        tuple(ethnic_names),
        networks.teachers(row),
    )


def _with_frozen(
    directory: pathlib.Path, config: ml_collections.ConfigDict, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The variables with the backbones that were frozen, which no checkpoint holds."""
    whole = {collection: dict(tree) for collection, tree in variables.items()}
    for branch, prefix in (("emotion", ""), ("ethnic", "ethnic_")):
        if not config.init[f"{prefix}freeze"]:
            continue
        module, path = f"{branch}_backbone", config.init[f"{prefix}path"]
        if is_place(path):
            source = find(path)
            found, mark = of_branch(source.variables, branch), source.fingerprint
        else:
            name, size, options = registry.branch(config.model, branch)
            weights = torch_weights.read(name, path, image_size=size, **options)
            found, mark = dict(weights.variables), torch_fingerprint(weights)
        known = config.get("starts", {}).get(branch, mark)
        if mark != known:
            raise UserError(
                f"{directory} has the frozen {branch} backbone of another {path} (fingerprint "
                f"{known} and not {mark}): bring back the one it was trained with"
            )
        for collection, tree in found.items():
            whole[collection][module] = tree
    return whole


def torch_fingerprint(weights: BranchWeights) -> str:
    """Of what a file of PyTorch weights holds."""
    return fingerprint({"variables": weights.variables, "head": weights.head or {}})


def of_branch(variables: Mapping[str, Any], branch: str) -> dict[str, Any]:
    """A branch's backbone in a classifier's variables: collection -> tree, {} without one."""
    module = f"{branch}_backbone"
    return {name: tree[module] for name, tree in variables.items() if module in tree}
