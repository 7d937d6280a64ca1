"""From a dataset's flow and frames to the images that a branch of the network sees.

Every clip is scaled by itself alone: no constant is estimated over clips, so no
test clip can leak into training through normalisation.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32, Shaped

from ethnicmer_jax.base.imagenet import IMAGENET_MEAN, IMAGENET_STD
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset

INPUTS = ("flow", "apex")
FLOW_SCALINGS = ("minmax", "median", "rms", "none")


def images(
    dataset: Dataset, which: str, scaling: str, size: int
) -> Float32[np.ndarray, "clips {size} {size} 3"]:
    """The images of one branch.

    Args:
      dataset: n clips.
      which: "flow" (u, v, strain) or "apex" (the RGB apex frame, ImageNet-normalised).
      scaling: see `scaled_flow`; of no effect on frames.
      size: width and height in px.

    Returns:
      float32 [n, size, size, 3].

    Raises:
      UserError: a name is wrong, apex frames are asked for and a clip has none, or the flow of a
        clip is no finite numbers once it is scaled.
    """
    if which not in INPUTS:
        raise UserError(f"input {which!r} is not known; choose one of {', '.join(INPUTS)}")
    if which == "flow":
        flow = resized(scaled_flow(dataset.flow, dataset.flow_unit, scaling), size)
        _check_finite(flow, dataset, scaling)
        return flow
    if dataset.apex_image is None:
        raise UserError(
            "the apex frame is asked for, but this database comes without frames; "
            "set model.emotion_input and model.ethnic_input to flow"
        )
    pixels = resized(dataset.apex_image.astype(np.float32) / 255, size)
    return (pixels - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)


def _check_finite(
    flow: Float32[np.ndarray, "clips height width 3"], dataset: Dataset, scaling: str
) -> None:
    """Refuses flow with which every fold that learns from it would diverge."""
    for clip in np.flatnonzero(~np.isfinite(flow).all(axis=(1, 2, 3))):
        raise UserError(
            f"the flow of {dataset.key[clip]} is not finite once it is scaled "
            f"(data.flow_scaling={scaling}): it holds NaN, infinity or numbers near 3e38; mend "
            "its file, or take the clip out, and build the database again"
        )


def scaled_flow(
    flow: Float32[np.ndarray, "clips height width 3"],
    unit: Shaped[np.ndarray, " clips"],
    scaling: str,
) -> Float32[np.ndarray, "clips height width 3"]:
    """Brings the flow of every clip to a common range, clip by clip.

    Args:
      flow: float32 [n, H, W, 3], u, v, strain.
      unit: str [n], each one of FLOW_UNITS.
      scaling: how u, v and strain are scaled, each channel by itself:
        "minmax": to [-1, 1], the least and greatest value of the clip at the ends;
        "median": the clip's median (an estimate of no motion: most of a face is still
          in a micro-expression) at 0, the range at length 2;
        "rms": the clip's median at 0, the root of the mean square at 1, which single
          pixels at the rim of the face move less than they move the range;
        "none": as stored; 8-bit flow is only moved from [0, 1] to [-1, 1].

    Returns:
      float32 [n, H, W, 3]. A channel without any motion is 0 everywhere.

    Raises:
      UserError: another scaling, or "none" for clips of different units.
    """
    if scaling not in FLOW_SCALINGS:
        raise UserError(f"data.flow_scaling {scaling!r}: choose from {', '.join(FLOW_SCALINGS)}")
    if scaling == "none":
        if len(np.unique(unit)) > 1:
            raise UserError(
                "clips differ in flow unit; set data.flow_scaling to minmax, median or rms"
            )
        return 2 * flow - 1 if unit[0] == "normalised" else flow
    centre, unit_length = _centre_and_length(flow, scaling)
    moving = unit_length > np.finfo(np.float32).eps
    return np.where(moving, (flow - centre) / np.where(moving, unit_length, 1), 0).astype(
        np.float32
    )


def _centre_and_length(
    flow: Float32[np.ndarray, "clips height width 3"], scaling: str
) -> tuple[Float32[np.ndarray, "clips 1 1 3"], Float32[np.ndarray, "clips 1 1 3"]]:
    """What comes to lie at 0, and what becomes 1: float32 [n, 1, 1, 3] each."""
    low = flow.min((1, 2), keepdims=True)
    half = (flow.max((1, 2), keepdims=True) - low) / 2
    if scaling == "minmax":
        return low + half, half
    median = np.median(flow, axis=(1, 2), keepdims=True)
    if scaling == "median":
        return median, half
    return median, np.sqrt(np.square(flow - median).mean((1, 2), keepdims=True))


def mirrored(
    pixels: Float[np.ndarray, "clips height width 3"], which: str
) -> Float[np.ndarray, "clips height width 3"]:
    """Left and right exchanged; what moved right then moves left, so u changes sign.

    Args:
      pixels: float32 [n, H, W, 3] of `images`.
      which: "flow" or "apex".
    """
    flipped = pixels[:, :, ::-1].copy()
    if which == "flow":
        flipped[..., 0] *= -1
    return flipped


def with_copies(
    pixels: Float[np.ndarray, "clips height width 3"], which: str, mirror: bool
) -> Float[np.ndarray, "copies clips height width 3"]:
    """The copies of every clip that a classifier sees: as it is and, if asked, mirrored.

    Args:
      pixels: float32 [n, S, S, 3] of `images`.
      which: "flow" or "apex".
      mirror: whether there is a second copy.

    Returns:
      float32 [copies, n, S, S, 3].
    """
    return np.stack([pixels, mirrored(pixels, which)] if mirror else [pixels])


def resized(
    pixels: Float[np.ndarray, "clips height width 3"], size: int
) -> Float[np.ndarray, "clips {size} {size} 3"]:
    """Float32 [n, H, W, 3] at [n, size, size, 3]; areas are averaged when shrinking."""
    if pixels.shape[1:3] == (size, size):
        return pixels
    how = cv2.INTER_AREA if size < pixels.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (size, size), interpolation=how) for image in pixels])
