"""A network and a shallow classifier, each trained on its own: the mean of what they predict.

They differ in what they see and how they fail, so that their mean errs less than either
(Kuncheva, "Combining Pattern Classifiers", 2014, chapter 8). Both count the same whatever their
scores are: nothing is fitted.
"""

from __future__ import annotations

import pathlib
from typing import Any

import ml_collections

from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training.engine import Engine
from ethnicmer_jax.training.shallow import Shallow

NETWORK = "network"


class Mixed:
    """Trains and predicts the folds of one table with both.

    Attributes:
      dataset: the clips.
      notes: lines on what was decided that a reader of the results should know.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        dataset: Dataset,
        targets: Targets,
        folds: FoldTable,
    ):
        """Lays out both; nothing is trained yet.

        Args:
          config: the whole config; `classifier` is "network+logistic".
          dataset: n clips.
          targets: their labels.
          folds: f rows over the n clips.

        Raises:
          UserError: a setting of the config is not possible.
        """
        self.dataset = dataset
        self._network = Engine(config, dataset, targets, folds)
        self._shallow = Shallow(shallow_part(config), dataset, targets, folds)
        mean = "every prediction is the mean of a network's and another classifier's"
        self.notes: tuple[str, ...] = (mean, *self._network.notes, *self._shallow.notes)

    def train(self, workdir: pathlib.Path | None = None) -> Predictions | None:
        """Trains every fold that is not finished yet, and predicts its test clips.

        Args:
          workdir: see `Engine.train`.

        Returns:
          The mean predictions of all folds; None in all processes but the first one, and
          where no fold tests anything.
        """
        network = self._network.train(workdir)
        if network is None:
            return None
        # Within the folder of the network's own results, with which it is cleared.
        shallow = self._shallow.train(workdir / "parts" if workdir else None)
        assert shallow is not None, "both predict the same folds"
        return averaged(network, shallow)

    def environment(self) -> dict[str, Any]:
        """Versions, devices and command behind the results."""
        return self._network.environment()

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""
        self._network.clear(workdir)


def shallow_part(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The config of the shallow classifier of "network+logistic"."""
    own = config.copy_and_resolve_references()
    with own.unlocked():
        own.classifier = config.classifier.removeprefix(f"{NETWORK}+")
    return own


def averaged(network: Predictions, shallow: Predictions) -> Predictions:
    """The mean of the class probabilities of both; what a network alone predicts stays.

    Args:
      network: its predictions.
      shallow: of the same folds and clips, in the same order.
    """
    assert network.row_keys() == shallow.row_keys(), "both predict the same folds"
    table = network.table.copy()
    for column in (f"p_{name}" for name in network.classes):
        table[column] = (table[column] + shallow.table[column]) / 2
    return Predictions.from_table(table)
