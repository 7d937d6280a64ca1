"""What a model weighs and costs, without running or allocating it."""

from __future__ import annotations

import dataclasses
import math

import jax

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import registry, sliding


@dataclasses.dataclass(frozen=True)
class Cost:
    """One model.

    Attributes:
      parameters: of backbone and heads.
      gflops: 10⁹ floating-point operations of one image's forward pass, two for each
        multiply-add, as XLA counts them for a CPU before it optimises, with those on zero
        padding, which is the usual way to count.
      features: width of what the final head reads.
    """

    parameters: int
    gflops: float
    features: int


def of(config: registry.ModelConfig) -> Cost:
    """The cost of the classifier that a model config describes (see `registry.build`).

    Raises:
      UserError: the config names no model, or JAX is kept from using the CPU.
    """
    model = registry.build(config)
    inputs = jax.eval_shape(lambda: registry.example_inputs(config))
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), inputs)
    forward = jax.jit(lambda v, x: model.apply(v, x, train=False))
    # XLA counts for the CPU alone: JAX's plugins of accelerators do not offer it.
    with jax.default_device(_cpu()), sliding.products_alone():
        cost = forward.lower(variables, inputs).cost_analysis()
    outputs = jax.eval_shape(forward, variables, inputs)
    leaves = jax.tree.leaves(variables["params"])
    return Cost(
        parameters=sum(math.prod(leaf.shape) for leaf in leaves),
        gflops=cost["flops"] / 1e9,
        features=outputs.features.shape[-1],
    )


def _cpu() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        raise UserError(
            "operations are counted for a CPU, which JAX_PLATFORMS hides: add cpu to it, as in "
            "JAX_PLATFORMS=cuda,cpu"
        ) from None


def row(config: registry.ModelConfig) -> dict[str, str]:
    """One row of a table of models: input size, parameters, operations and features as text.

    Of a backbone that does not take the image size, the row says which sizes it takes.

    Raises:
      UserError: the config names no model.
    """
    try:
        size = registry.image_sizes(config)["emotion"]
    except registry.SizeError as error:
        return {"input": str(error)}
    found = of(config)
    return {
        "input": f"{size}×{size}×3",
        "parameters": f"{found.parameters:,}",
        "GFLOPs": f"{found.gflops:.3g}",
        "features": str(found.features),
    }
