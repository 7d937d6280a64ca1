"""Prints what every backbone weighs and costs: `python -m ethnicmer_jax.models.summary`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import pandas as pd
from absl import flags
from tqdm import tqdm

from ethnicmer_jax import cli
from ethnicmer_jax.models import registry

_SIZE = flags.DEFINE_integer(
    "size", 0, "Image size in px for every backbone; 0 is each one's own.", lower_bound=0
)


@dataclasses.dataclass(frozen=True)
class Summary:
    """One model, without running or allocating it.

    Attributes:
      parameters: of backbone and heads.
      gflops: 10⁹ floating-point operations of one image's forward pass, two for each
        multiply-add, as XLA counts them before it optimises.
      features: width of what the final head reads.
    """

    parameters: int
    gflops: float
    features: int


def summarise(config: Mapping[str, Any]) -> Summary:
    """Summarises the classifier that a model config describes (see `registry.build`).

    Raises:
      UserError: the config names no model.
    """
    model = registry.build(config)
    inputs = jax.eval_shape(lambda: registry.example_inputs(config))
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), inputs)
    forward = jax.jit(lambda v, x: model.apply(v, x, train=False))
    cost = forward.lower(variables, inputs).cost_analysis()
    outputs = jax.eval_shape(forward, variables, inputs)
    leaves = jax.tree.leaves(variables["params"])
    return Summary(
        parameters=sum(math.prod(leaf.shape) for leaf in leaves),
        gflops=cost["flops"] / 1e9,
        features=outputs.features.shape[-1],
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
        summary = summarise(config)
        rows[label] = {
            "input": "{0}×{0}×3".format(registry.image_sizes(config)["emotion"]),
            "parameters": f"{summary.parameters:,}",
            "GFLOPs": f"{summary.gflops:.3g}",
            "features": summary.features,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def main(argv: Sequence[str]) -> None:
    """Prints every backbone, blind to ethnicity, then every fusion of STSTNet branches."""
    del argv
    backbones = {
        name: {"emotion_backbone": name, "image_size": _SIZE.value} for name in registry.BACKBONES
    }
    fusions = {f"ststnet, {name}": {"fusion": name} for name in registry.FUSIONS}
    print(table({**backbones, **fusions}).to_string())  # noqa: T201 - it is what was asked for


if __name__ == "__main__":
    cli.run(main)
