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
5. An expression moves its cells together: the first principal component over the clip is its
   pattern, and the frames' shares in it are the curve. It averages over the whole pattern
   what a mean of magnitudes would leave in as noise.
6. The curve is smoothed over a time in proportion to the clip; its highest point is the apex.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from data_builders.pixels import faces, skin_motion
from ethnicmer_jax.base.crop import CropGeometry

SIZE = 128
"""Side of the crops that motion is measured on, pixels."""

_SMOOTHING = 1 / 16
"""Standard deviation of the curve's smoothing, as a share of the clip's frames."""


@dataclasses.dataclass(frozen=True)
class FoundApex:
    """The apex of a clip and what it was found by.

    Attributes:
      numbers: frame numbers of the clip.
      index: position of the apex among them, at least 1.
      confidence: how sure, 0 to 1; see `docs/apex.md`.
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
    curve = together(skin_motion.of_crops(crops, geometry))
    smooth = _smoothed(curve)
    index = 1 + int(np.argmax(smooth[1:]))
    top = smooth[index] if smooth[index] > 0 else 1.0
    return FoundApex(tuple(numbers), index, _confidence(curve, smooth, index), curve / top)


def together(moved: np.ndarray) -> np.ndarray:
    """How far the cells have moved in their common pattern.

    Args:
      moved: float [frames, cells, 2], see `skin_motion.of_crops`.

    Returns:
      float64 [frames], 0 at onset, pixels of the crop (root of the sum of squares over cells).
    """
    flat = moved.reshape(len(moved), -1).astype(np.float64)
    centred = flat - flat.mean(axis=0)
    pattern = np.linalg.svd(centred, full_matrices=False)[2][0]
    shares = flat @ pattern
    shares = shares - shares[0]
    smooth = _smoothed(shares)
    return shares if smooth.max() >= -smooth.min() else -shares


def _smoothed(curve: np.ndarray) -> np.ndarray:
    sigma = max(0.6, _SMOOTHING * len(curve))
    row = curve[None].astype(np.float64)
    return cv2.GaussianBlur(row, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)[0]


def _confidence(curve: np.ndarray, smooth: np.ndarray, index: int) -> float:
    noise = float(np.std(curve - smooth)) + 1e-9
    return float(np.clip((smooth[index] / noise - 1) / 10, 0, 1))
