"""The maps of a batch of clips: Grad-CAM and HiResCAM from gradients, occlusion without them.

Grad-CAM and HiResCAM tell which places of a feature map raise a logit. Where a network
averages its last map before a linear head, both are the same up to a factor. STSTNet and
VGG-Face read the map place by place: there only HiResCAM weighs every place as the network
does. At earlier layers neither follows from the network. Occlusion tells how far a logit
falls when a square of the image shows nothing; it changes what the network sees and needs no
gradient, so it tells whether a gradient map says anything about the network.

References: Selvaraju et al., Grad-CAM, ICCV 2017, equations 1 and 2; Draelos and Carin,
Use HiResCAM instead of Grad-CAM for faithful explanations, arXiv 2011.08891, equation 3;
Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014,
section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain.views import HEADS, View
from ethnicmer_jax.models.backbones import tap
from ethnicmer_jax.models.classifier import EthnicAwareClassifier

OCCLUSION = "occlusion"
GRADIENT_METHODS = ("gradcam", "hirescam")
METHODS = (*GRADIENT_METHODS, OCCLUSION)

SQUARE_SHARE = 4
"""An occluding square is a SQUARE_SHARE-th of the image wide ..."""
STEPS = 10
"""... and put at STEPS × STEPS places."""

Variables = Mapping[str, Any]
Inputs = Mapping[str, jax.Array]
"""What the classifier is called with; images, not prepared."""
Scores = Callable[[Inputs], Mapping[str, Float[Array, " batch"]]]
"""Inputs of a batch -> head -> the logit that is explained."""


def logits(
    model: EthnicAwareClassifier, variables: Variables, inputs: Inputs
) -> dict[str, Float[Array, "batch _"]]:
    """The logits of every head that the classifier has, not training; classes differ by head."""
    outputs = model.apply(variables, inputs, train=False)
    of_head = {head: getattr(outputs, field) for head, field in HEADS.items()}
    return {head: values for head, values in of_head.items() if values is not None}


def feature_maps(
    model: EthnicAwareClassifier, variables: Variables, inputs: Inputs
) -> dict[str, dict[str, Float[Array, "batch _ _ _"]]]:
    """Backbone's module -> layer -> its feature map [batch, h, w, channels]."""
    _, state = model.apply(variables, inputs, train=False, mutable=[tap.MAPS])
    if tap.MAPS not in state:
        raise UserError("this backbone shows no feature map (backbones/tap.py): it has no maps")
    return state[tap.MAPS]


def check_layer(model: EthnicAwareClassifier, inputs: Inputs, layer: str) -> None:
    """Traces the classifier, which takes no weights.

    Raises:
      UserError: a backbone has no such layer.
    """
    key = jax.random.key(0)
    variables = jax.eval_shape(lambda: model.init(key, inputs, train=False))
    shapes = jax.eval_shape(lambda weights: feature_maps(model, weights, inputs), variables)
    for module, layers in shapes.items():
        if layer not in layers:
            raise UserError(
                f"{module} has no layer {layer!r} (--layer); "
                f"choose from {', '.join(sorted(layers))}"
            )


def gradient_maps(
    model: EthnicAwareClassifier,
    variables: Variables,
    inputs: Inputs,
    views: Sequence[View],
    classes: Mapping[str, Int[Array, " batch"]],
    layer: str = tap.LAST,
) -> dict[str, dict[View, Float[Array, "batch _ _"]]]:
    """The Grad-CAM and HiResCAM maps of a batch.

    Args:
      model: see `views.differentiable`.
      variables: of the classifier.
      inputs: what it is called with.
      views: what to explain.
      classes: head -> the class whose logit is explained.
      layer: which map of every backbone, see `tap`.

    Returns:
      Method -> view -> map, not negative, height and width those of the branch's feature map.
    """
    values = {
        module: {layer: layers[layer]}
        for module, layers in feature_maps(model, variables, inputs).items()
    }
    out: dict[str, dict[View, jax.Array]] = {method: {} for method in GRADIENT_METHODS}
    for head in dict.fromkeys(view.head for view in views):
        slopes = _slopes(model, variables, inputs, head, classes[head], values)
        for view in (view for view in views if view.head == head):
            module = f"{view.branch}_backbone"
            value = values[module][layer].astype(jnp.float32)
            slope = slopes[module][layer].astype(jnp.float32)
            out["gradcam"][view] = gradcam(value, slope)
            out["hirescam"][view] = hirescam(value, slope)
    return out


def gradcam(
    values: Float[Array, "batch h w channels"], slope: Float[Array, "batch h w channels"]
) -> Float[Array, "batch h w"]:
    """Channels of a feature map weighted by the mean of a logit's gradient there."""
    return jax.nn.relu((slope.mean((1, 2), keepdims=True) * values).sum(-1))


def hirescam(
    values: Float[Array, "batch h w channels"], slope: Float[Array, "batch h w channels"]
) -> Float[Array, "batch h w"]:
    """As `gradcam`, every place weighted by its own gradient."""
    return jax.nn.relu((slope * values).sum(-1))


def _slopes(model, variables, inputs, head, classes, like) -> dict[str, dict[str, jax.Array]]:
    """The gradient of each clip's logit with respect to the feature maps."""

    def total(shifts: Mapping[str, Mapping[str, jax.Array]]) -> jax.Array:
        scores = logits(model, {**variables, tap.SHIFTS: shifts}, inputs)[head]
        # Clips do not mix in evaluation mode: the gradient of the sum is each one's own.
        return jnp.take_along_axis(scores, classes[:, None], axis=1).sum()

    return jax.grad(total)(jax.tree.map(jnp.zeros_like, like))


def occlusion_maps(
    score: Scores, inputs: Inputs, views: Sequence[View]
) -> dict[View, Float[np.ndarray, "batch 10 10"]]:
    """The occlusion maps of a batch.

    Args:
      score: compiled, since it is called once per square.
      inputs: what the classifier is called with.
      views: what to explain; one branch's image is occluded at a time.

    Returns:
      A cell is the mean fall of the logit over the squares that cover it. Negative where the
      logit rises.
    """
    before = score(inputs)
    out: dict[View, np.ndarray] = {}
    for branch in dict.fromkeys(view.branch for view in views):
        heads = [view.head for view in views if view.branch == branch]
        image = inputs[branch]
        squares, blank = _squares(image.shape[1]), nothing(image)
        falls: dict[str, list[np.ndarray]] = {head: [] for head in heads}
        for square in squares:
            after = score({**inputs, branch: cover(image, blank, square)})
            for head in heads:
                falls[head].append(np.asarray(before[head] - after[head]))
        share = _coverage(squares)
        for head in heads:
            out[View(head, branch)] = np.einsum("pb,phw->bhw", np.stack(falls[head]), share)
    return out


def nothing(image: Num[Array, "batch s s channels"]) -> Num[Array, "batch 1 1 channels"]:
    """Each clip's median; most of a face does not move."""
    return jnp.median(image, axis=(1, 2), keepdims=True)


@jax.jit
def cover(
    image: Num[Array, "batch s s channels"],
    blank: Num[Array, "batch 1 1 channels"],
    square: Bool[Array, "s s"],
) -> Num[Array, "batch s s channels"]:
    """The image with `blank` where `square` holds."""
    return jnp.where(square[None, :, :, None], blank, image)


def _squares(size: int) -> Bool[np.ndarray, "100 _ _"]:
    """STEPS² squares whose centres lie on a regular grid."""
    centres = (np.arange(STEPS) + 0.5) * size / STEPS
    pixels = np.arange(size) + 0.5
    strip = np.abs(pixels - centres[:, None]) < size / SQUARE_SHARE / 2
    return (strip[:, None, :, None] & strip[None, :, None, :]).reshape(-1, size, size)


def _coverage(squares: Bool[np.ndarray, "100 s s"]) -> Float[np.ndarray, "100 10 10"]:
    """Each square's weight in the mean of each of STEPS × STEPS cells."""
    size = squares.shape[-1]
    places = ((np.arange(STEPS) + 0.5) * size / STEPS).astype(int)
    covers = squares[:, places][:, :, places].astype(np.float32)
    return covers / covers.sum(0)
