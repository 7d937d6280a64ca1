"""What a fold trains on: its constants, and the order of its clips in every epoch.

A fold's stream depends on (run, fold, seed) and the epoch alone, never on its place
among the folds in flight, so an interrupted or differently spread run repeats it.
"""

from __future__ import annotations

import dataclasses
import zlib

import ml_collections
import numpy as np
from flax import struct
from jaxtyping import Float32, Int, Int32

from ethnicmer_jax.data import adaptation
from ethnicmer_jax.data import targets as targets_of
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models.shapes import Leaf
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training.standardised import Statistics


@struct.dataclass
class Constants:
    """What distinguishes a fold from the others throughout its training.

    Attributes:
      identity: uint32 [2], seed and name of the fold's random stream.
      emotion_weights: float32 [classes].
      emotion_shares: float32 [classes], log of the share of each class in training.
      ethnic_weights: float32 [ethnicities].
      stratum_weights: float32 [strata + 1]; the last one of clips in no stratum.
      strata_there: bool [strata], which of them the fold trains on.
      test: int32 [t], the clips to predict, then anything.
      n_test: int32 [], how many of them are meant.
      flow: branch -> what its flow is standardised by; None where none is.
    """

    identity: Leaf
    emotion_weights: Leaf
    emotion_shares: Leaf
    ethnic_weights: Leaf
    stratum_weights: Leaf
    strata_there: Leaf
    test: Leaf
    n_test: Leaf
    flow: dict[str, Statistics] | None = None


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of several folds.

    Attributes:
      index: int32 [f, steps, batch], clips; where `weight` is 0, some training clip.
      weight: float32 [f, steps, batch], 1 for examples that count.
      steps: int32 [f], how many of the steps hold any example.
    """

    index: Int32[np.ndarray, "folds steps batch"]
    weight: Float32[np.ndarray, "folds steps batch"]
    steps: Int32[np.ndarray, " folds"]


def constants(
    config: ml_collections.ConfigDict, targets: Targets, folds: FoldTable, eval_batch: int
) -> Constants:
    """What distinguishes the folds, as arrays [f, ...]."""
    # Room for one batch at least, where no fold tests anything.
    room = max(1, -(-int(folds.test.sizes.max()) // eval_batch)) * eval_batch
    test = np.zeros((len(folds), room), np.int32)
    for row, size in enumerate(folds.test.sizes):
        test[row, :size] = folds.test.clips(row)
    streams = np.asarray([identity(folds, row) for row in range(len(folds))])

    def weights(labels: np.ndarray, names: tuple[str, ...], balanced: bool) -> np.ndarray:
        if not balanced:
            return np.ones((len(folds), len(names)), np.float32)
        return balancing_weights(labels, len(names), folds.train)

    stratum = np.full(folds.train.n, -1) if targets.stratum is None else targets.stratum
    names = targets.stratum_names
    by_stratum = weights(stratum, names, config.loss.balanced_over != "none")
    in_none = np.ones((len(folds), 1), np.float32)
    return Constants(
        streams.astype(np.uint32),
        weights(targets.emotion, targets.emotion_names, config.loss.class_balanced),
        log_shares(targets.emotion, len(targets.emotion_names), folds.train),
        weights(targets.ethnic, targets.ethnic_names, config.loss.ethnic_balanced),
        np.concatenate([by_stratum, in_none], axis=1),
        folds.train.counts(stratum, len(names)) > 0,
        test,
        folds.test.sizes.astype(np.int32),
    )


def notes(config: ml_collections.ConfigDict, targets: Targets, folds: FoldTable) -> tuple[str, ...]:
    """Lines on folds in which a setting that weighs strata, or an adversary, does nothing."""
    told = []
    if targets_of.target_of(config.model) == "database":
        counts = folds.train.counts(targets.ethnic, len(targets.ethnic_names))
        told.append(("model.adversarial_target=database", counts))
    if targets.stratum is not None and targets.stratum_names:
        counts = folds.train.counts(targets.stratum, len(targets.stratum_names))
        told += [
            (f"loss.{name}={config.loss[name]}", counts)
            for name in ("balanced_over", "robust")
            if config.loss[name] != "none"
        ]
    found = [adaptation.note_of_one(what, (counts > 0).sum(1)) for what, counts in told]
    return tuple(filter(None, found))


def identity(folds: FoldTable, row: int) -> tuple[int, int]:
    """The seed of a fold and a number that stands for its run and name."""
    return int(folds.seed[row]), zlib.crc32(folds.name(row).encode())


def steps_per_epoch(folds: FoldTable, batch_size: int) -> int:
    """Steps that the largest training set of the table needs."""
    return -(-int(folds.train.sizes.max()) // batch_size)


def epoch(folds: FoldTable, number: int, batch_size: int, steps: int) -> Epoch:
    """A fresh random order of every fold's training clips.

    Args:
      folds: f rows.
      number: the epoch, from 0.
      batch_size: examples per step; the last step of an epoch may be partly empty.
      steps: room for so many steps, at least `steps_per_epoch`.
    """
    shape = (len(folds), steps * batch_size)
    index, weight = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for row in range(len(folds)):
        clips = folds.train.clips(row)
        order = np.random.default_rng([*identity(folds, row), number]).permutation(clips)
        index[row] = order[0]
        index[row, : len(order)] = order
        weight[row, : len(order)] = 1
    used = -(-folds.train.sizes // batch_size)
    blocks = (len(folds), steps, batch_size)
    return Epoch(index.reshape(blocks), weight.reshape(blocks), used.astype(np.int32))


def log_shares(
    labels: Int[np.ndarray, " clips"], classes: int, train: ClipSets
) -> Float32[np.ndarray, "folds {classes}"]:
    """Log of the share of each class in each fold's training set.

    Args:
      labels: int [n].
      classes: how many.
      train: f sets of the n clips.

    Returns:
      float32 [f, classes]; a class that the fold does not train on counts as half a clip.
    """
    counts = np.maximum(train.counts(labels, classes), 0.5)
    return np.log(counts / counts.sum(1, keepdims=True)).astype(np.float32)


def balancing_weights(
    labels: Int[np.ndarray, " clips"], classes: int, train: ClipSets
) -> Float32[np.ndarray, "folds {classes}"]:
    """Weights that make every class count the same in each fold's training set.

    Args:
      labels: int [n], negative for none.
      classes: how many.
      train: f sets of the n clips.

    Returns:
      float32 [f, classes]: examples / (classes there × examples of the class); 0 for a
      class that the fold does not train on.
    """
    counts = train.counts(labels, classes).astype(np.float64)
    present = np.maximum((counts > 0).sum(1, keepdims=True), 1)
    total = counts.sum(1, keepdims=True)
    return np.where(counts > 0, total / (present * np.maximum(counts, 1)), 0).astype(np.float32)
