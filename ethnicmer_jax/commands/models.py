"""Prints what every backbone weighs and costs: `python -m ethnicmer_jax models`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from absl import flags
from tqdm import tqdm

from ethnicmer_jax.models import cost, registry

_SIZE = flags.DEFINE_integer(
    "size", 0, "Image size in px for every backbone; 0 is each one's own.", lower_bound=0
)


def table(configs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each model.

    Args:
      configs: label of the row -> model config.

    Raises:
      UserError: a config names no model.
    """
    rows = {}
    for label, config in tqdm(configs.items(), desc="models"):
        each = cost.of(config)
        rows[label] = {
            "input": "{0}×{0}×3".format(registry.image_sizes(config)["emotion"]),
            "parameters": f"{each.parameters:,}",
            "GFLOPs": f"{each.gflops:.3g}",
            "features": each.features,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    """Prints every backbone, blind to ethnicity, then every fusion of STSTNet branches."""
    backbones = {
        name: {"emotion_backbone": name, "image_size": _SIZE.value} for name in registry.BACKBONES
    }
    fusions = {f"ststnet, {name}": {"fusion": name} for name in registry.FUSIONS}
    print(table({**backbones, **fusions}).to_string())  # noqa: T201 - it is what was asked for
