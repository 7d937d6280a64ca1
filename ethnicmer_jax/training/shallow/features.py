"""What a shallow classifier sees of a clip: a row of numbers that no fold has a say in.

A clip's features depend on that clip alone (and on weights that none of the clips has
trained), so they are computed once for all folds and leak nothing.
"""

from __future__ import annotations

import dataclasses

import ml_collections
import numpy as np

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import inputs
from ethnicmer_jax.data.dataset import Dataset


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of n clips.

    Attributes:
      by_seed: seed -> float32 [copies, n, d]; the clips as they are, then (where copies
        = 2) mirrored. Only random backbones differ from seed to seed.
      note: what they are, in a few words.
    """

    by_seed: dict[int, np.ndarray]
    note: str


def extract(config: ml_collections.ConfigDict, dataset: Dataset, seeds: np.ndarray) -> Features:
    """The features that `config.shallow.features` names.

    Args:
      config: the whole config.
      dataset: n clips.
      seeds: int [f], the seeds of the folds.

    Raises:
      UserError: the input is missing, or smaller than the grid.
    """
    which = config.shallow.features
    distinct = np.unique(seeds).tolist()
    if which == "backbone":
        # JAX takes seconds to import, and only backbones need it.
        from ethnicmer_jax.training.shallow import backbone

        by_seed, note = backbone.features(config, dataset, distinct)
        return Features(by_seed, note)
    values, note = _grid(config, dataset) if which == "grid" else _pixels(config, dataset)
    return Features(dict.fromkeys(distinct, values), note)


def _pixels(config: ml_collections.ConfigDict, dataset: Dataset) -> tuple[np.ndarray, str]:
    images = _images(config, dataset)
    size = images.shape[2]
    return images.reshape(*images.shape[:2], -1), f"{size}×{size} px of {_named(config)}"


def _grid(config: ml_collections.ConfigDict, dataset: Dataset) -> tuple[np.ndarray, str]:
    images, cells = _images(config, dataset), config.shallow.grid
    size = images.shape[2]
    if not 1 <= cells <= size:
        raise UserError(f"shallow.grid is {cells}; it must be between 1 and {size}, the image size")
    averaged = np.stack([inputs.resized(copy, cells) for copy in images])
    return averaged.reshape(*images.shape[:2], -1), (
        f"{_named(config)} averaged over {cells}×{cells} cells"
    )


def _images(config: ml_collections.ConfigDict, dataset: Dataset) -> np.ndarray:
    """Float32 [copies, n, S, S, 3], in the stored size unless the config asks for another."""
    which = config.model.emotion_input
    stored = dataset.flow if which == "flow" else dataset.apex_image
    size = config.model.image_size or (0 if stored is None else stored.shape[1])
    pixels = inputs.images(dataset, which, config.data.flow_scaling, size)
    return inputs.with_copies(pixels, which, config.data.mirror)


def _named(config: ml_collections.ConfigDict) -> str:
    return "flow" if config.model.emotion_input == "flow" else "the apex frame"
