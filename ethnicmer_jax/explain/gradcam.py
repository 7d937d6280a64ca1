"""Grad-CAM and HiResCAM: which places of a feature map raise a logit.

References: Selvaraju et al., Grad-CAM, ICCV 2017, equations 1 and 2; Draelos and Carin,
Use HiResCAM instead of Grad-CAM for faithful explanations, arXiv 2011.08891, equation 3.
Where a network averages its last map before a linear head, both are the same up to a
factor. STSTNet and VGG-Face read the map place by place: there only HiResCAM weighs
every place as the network does. At earlier layers neither follows from the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain.views import HEADS, View
from ethnicmer_jax.models.backbones import tap
from ethnicmer_jax.models.classifier import EthnicAwareClassifier

METHODS = ("gradcam", "hirescam")


def logits(
    model: EthnicAwareClassifier, variables: Mapping[str, Any], inputs: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """The logits [batch, classes] of every head that the classifier has, not training."""
    outputs = model.apply(variables, inputs, train=False)
    named = {head: getattr(outputs, field) for head, field in HEADS.items()}
    return {head: value for head, value in named.items() if value is not None}


def maps(
    model: EthnicAwareClassifier,
    variables: Mapping[str, Any],
    inputs: Mapping[str, jax.Array],
    views: Sequence[View],
    classes: Mapping[str, jax.Array],
    layer: str = tap.LAST,
) -> dict[str, dict[View, jax.Array]]:
    """The maps of a batch.

    Args:
      model: see `views.differentiable`.
      variables: of the classifier.
      inputs: what it is called with; images, not prepared.
      views: what to explain.
      classes: head -> int32 [batch], the class whose logit is explained.
      layer: which map of every backbone, see `tap`.

    Returns:
      Method -> view -> float32 [batch, h, w], not negative, h and w those of the
      branch's feature map.
    """
    shown = {
        module: {layer: of[layer]} for module, of in feature_maps(model, variables, inputs).items()
    }
    out: dict[str, dict[View, jax.Array]] = {method: {} for method in METHODS}
    for head in dict.fromkeys(view.head for view in views):
        slopes = _slopes(model, variables, inputs, head, classes[head], shown)
        for view in views:
            if view.head == head:
                values = shown[_module(view)][layer].astype(jnp.float32)
                slope = slopes[_module(view)][layer].astype(jnp.float32)
                out["gradcam"][view] = gradcam(values, slope)
                out["hirescam"][view] = hirescam(values, slope)
    return out


def check_layer(model: EthnicAwareClassifier, inputs: Mapping[str, jax.Array], layer: str) -> None:
    """Traces the classifier, which takes no weights.

    Raises:
      UserError: a backbone has no such layer.
    """
    key = jax.random.key(0)
    variables = jax.eval_shape(lambda: model.init(key, inputs, train=False))
    shown = jax.eval_shape(lambda made: feature_maps(model, made, inputs), variables)
    for module, of in shown.items():
        if layer not in of:
            raise UserError(
                f"{module} has no layer {layer!r} (--layer); choose from {', '.join(sorted(of))}"
            )


def gradcam(values: jax.Array, slope: jax.Array) -> jax.Array:
    """[batch, h, w] of a feature map and a logit's gradient there, [batch, h, w, channels]."""
    return jax.nn.relu((slope.mean((1, 2), keepdims=True) * values).sum(-1))


def hirescam(values: jax.Array, slope: jax.Array) -> jax.Array:
    """As `gradcam`, every place weighted by its own gradient."""
    return jax.nn.relu((slope * values).sum(-1))


def feature_maps(
    model: EthnicAwareClassifier, variables: Mapping[str, Any], inputs: Mapping[str, jax.Array]
) -> dict[str, dict[str, jax.Array]]:
    """Backbone's module -> layer -> its feature map [batch, h, w, channels]."""
    _, state = model.apply(variables, inputs, train=False, mutable=[tap.MAPS])
    return state[tap.MAPS]


def _slopes(model, variables, inputs, head, classes, like) -> dict[str, dict[str, jax.Array]]:
    """The gradient of each clip's logit with respect to the feature maps."""

    def total(shifts: Mapping[str, Mapping[str, jax.Array]]) -> jax.Array:
        scores = logits(model, {**variables, tap.SHIFTS: shifts}, inputs)[head]
        # Clips do not mix in evaluation mode: the gradient of the sum is each one's own.
        return jnp.take_along_axis(scores, classes[:, None], axis=1).sum()

    return jax.grad(total)(jax.tree.map(jnp.zeros_like, like))


def _module(view: View) -> str:
    return f"{view.branch}_backbone"
