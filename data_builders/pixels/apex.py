"""Finds the apex of a clip: the frame in which the face is farthest from the onset.

The method is that of the field's apex spotting, a curve of motion over the clip whose highest
point is the apex (Yan and Chen 2017 measure feature differences to the onset in regions of
interest; Liong et al. 2015 optical strain; Li et al. 2018 add the removal of head motion),
made for movements of a pixel under noise, compression, blinks and moving heads:

1. The face is found in the onset frame, and all frames are cropped alike, small and grey.
2. Dense flow from the onset to each frame (DIS; Kroeger et al. 2016), averaged over cells.
3. What a moving head explains, a similarity for each frame fitted robustly over the cells, is
   taken away; what is left is movement of the skin.
4. Cells of the eyes count only where no blink has hidden the iris.
5. An expression moves its cells together, there and back: after smoothing over a time in
   proportion to the clip, and without what goes steadily from its first frame to its last, the
   first principal component is the pattern, and the frames' shares in it are the curve. It
   averages over the whole pattern what a mean of magnitudes would leave in as noise.
6. The highest point of the smoothed curve is the apex; how much of the motion there is in the
   pattern tells the confidence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from data_builders.pixels import faces, skin_motion
from ethnicmer_jax.base.crop import CropGeometry

SIZE = 128
"""Side of the crops that motion is measured on, pixels."""

_SMOOTHING = 1 / 24
"""Standard deviation of the smoothing over time, as a share of the clip's frames."""

_INTERCEPT, _OF_COHERENCE, _OF_FRAMES = 2.74, 1.33, -1.35
"""Coefficients of `confidence`."""


@dataclasses.dataclass(frozen=True)
class FoundApex:
    """The apex of a clip and what it was found by.

    Attributes:
      numbers: frame numbers of the clip.
      index: position of the apex among them, at least 1.
      confidence: see `confidence`.
      curve: float64 [frames], skin motion against the onset as a share of its highest value.
    """

    numbers: tuple[int, ...]
    index: int
    confidence: float
    curve: np.ndarray

    @property
    def number(self) -> int:
        """The apex's frame number."""
        return self.numbers[self.index]


def find(frames: Iterable[tuple[int, np.ndarray]], detector: str = "retinaface") -> FoundApex:
    """Looks for the apex among the frames of a clip.

    Args:
      frames: number and uint8 [H, W, 3] RGB frame, the onset first, at least two; read once,
        one at a time.
      detector: one of `faces.DETECTORS`; "none" for frames that come cropped.

    Raises:
      FaceNotFound: the onset frame shows no face.
      ValueError: there are fewer than two frames, one is unreadable, or sizes differ.
    """
    options = faces.FaceOptions(detector, SIZE, margin=0.0)
    numbers, crops = [], []
    transform: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    for number, frame in frames:
        if transform is None:
            transform, shape = faces.crop_pair(frame, frame, options).transform, frame.shape
        if frame.shape != shape:
            raise ValueError(
                f"frame {number} is {frame.shape[1]}×{frame.shape[0]} and the onset "
                f"{shape[1]}×{shape[0]} pixels: the frames of a clip must be of one size"
            )
        numbers.append(number)
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        crops.append(faces.warp(grey, transform, SIZE))
    if len(numbers) < 2:
        raise ValueError(f"an apex can be found among two frames or more, not in {len(numbers)}")
    return of_crops(np.stack(crops), options.geometry or CropGeometry.of_margin(0.0), numbers)


def of_crops(crops: np.ndarray, geometry: CropGeometry, numbers: Sequence[int]) -> FoundApex:
    """The apex of a clip whose frames are cropped already.

    Args:
      crops: uint8 [frames, SIZE, SIZE], grey, onset first, all cropped alike.
      geometry: where the pupils lie in them.
      numbers: the frames' numbers.
    """
    common = together(skin_motion.of_crops(crops, geometry))
    index = 1 + int(np.argmax(common.smooth[1:]))
    top = common.smooth[index]
    curve = common.curve / top if top > 0 else common.curve
    return FoundApex(tuple(numbers), index, confidence(common, index), curve)


@dataclasses.dataclass(frozen=True)
class CommonMotion:
    """What the cells of a face do together.

    Attributes:
      curve: float64 [frames], how far they have moved in their common pattern, 0 at onset;
        pixels of the crop (root of the sum of squares over cells).
      smooth: float64 [frames], the same, smoothed over time.
      coherence: float64 [frames], share of all smoothed motion since the onset that is in the
        pattern, 0 to 1 (a cosine).
    """

    curve: np.ndarray
    smooth: np.ndarray
    coherence: np.ndarray


def together(moved: np.ndarray) -> CommonMotion:
    """The pattern in which cells move there and back, and how far they have gone in it.

    Args:
      moved: float [frames, cells, 2], see `skin_motion.of_crops`.
    """
    flat = moved.reshape(len(moved), -1).astype(np.float64)
    smooth = _smoothed(flat)
    bent = smooth
    if len(flat) > 3:
        # What goes steadily from one end of the clip to the other is no expression but what is
        # left of the head's drift and of changing light. The onset itself is free of noise.
        bent = smooth - np.linspace(smooth[1 if len(flat) > 8 else 0], smooth[-1], len(flat))
    pattern = np.linalg.svd(bent - bent.mean(axis=0), full_matrices=False)[2][0]
    curve = (flat - flat[0]) @ pattern
    row = _smoothed(curve[:, None])[:, 0]
    sign = 1.0 if row.max() >= -row.min() else -1.0
    since = smooth - smooth[0]
    length = np.linalg.norm(since, axis=1)
    coherence = np.abs(since @ pattern) / np.where(length > 0, length, 1.0)
    return CommonMotion(sign * curve, sign * row, coherence)


def confidence(common: CommonMotion, index: int) -> float:
    """The chance that an apex is at most two frames from the true one.

    A logistic function of the coherence at the apex and of the clip's number of frames, fitted
    to 1,464 films of the simulator, weak and disturbed ones among them (`docs/apex.md`).

    Args:
      common: the motion of the clip.
      index: position of the apex.
    """
    share = float(np.clip(common.coherence[index], 0.01, 0.9999))
    score = _INTERCEPT + _OF_COHERENCE * np.log(share / (1 - share))
    return float(1 / (1 + np.exp(-(score + _OF_FRAMES * np.log(len(common.curve))))))


def _smoothed(series: np.ndarray) -> np.ndarray:
    """Series [frames, n] smoothed over time by a Gaussian."""
    sigma = max(0.6, _SMOOTHING * len(series))
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
    return cv2.filter2D(series, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
