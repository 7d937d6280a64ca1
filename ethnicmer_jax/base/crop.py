"""Where the eyes lie in an aligned face crop: what faces, simulator and face regions agree on."""

from __future__ import annotations

import dataclasses

import numpy as np

MARGIN = 0.1
"""Share of the face's size that databases add on every side, unless told otherwise."""

EYE_DISTANCE = 1 / 3
"""Distance between the pupils in an aligned crop without margin, as a share of its side:
a face from forehead to chin is about three eye distances high."""

EYE_HEIGHT = 0.38
"""Height of the pupils in an aligned crop without margin, from its top."""


@dataclasses.dataclass(frozen=True)
class CropGeometry:
    """Where the pupils lie in every crop of a database.

    Points of a face are in face units: the origin midway between the pupils, x to the
    image's right, y down, and the distance between the pupils as unit.

    Attributes:
      distance: between the pupils, as a share of the crop's side.
      height: of the pupils from the top, as a share of the crop's side.
    """

    distance: float
    height: float

    @classmethod
    def of_margin(cls, margin: float = MARGIN) -> CropGeometry:
        """Of our own aligned crops.

        Args:
          margin: share of the face's size that is added on every side.
        """
        shown = 1 + 2 * margin
        return cls(EYE_DISTANCE / shown, 0.5 + (EYE_HEIGHT - 0.5) / shown)

    @property
    def centre(self) -> np.ndarray:
        """float64 [2]: the crop's middle, in face units."""
        return np.array([0.0, (0.5 - self.height) / self.distance])

    @property
    def half_side(self) -> float:
        """Half of the crop's side, in face units."""
        return 0.5 / self.distance

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Face units [..., 2] to shares of the crop's width and height [..., 2]."""
        return np.array([0.5, self.height]) + np.asarray(points) * self.distance
