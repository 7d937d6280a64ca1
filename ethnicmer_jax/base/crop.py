"""What a face crop shows: brows to chin, as the cropped frames of the field's databases do.

Faces, face regions, simulator and explanations all take it from here (docs/crops.md).
"""

from __future__ import annotations

import dataclasses

import numpy as np

ABOVE = 0.5
"""How far a crop without margin reaches above the pupils, in eye distances: over the brows."""

BELOW = 1.63
"""How far it reaches below the pupils: to the chin. In the public flow clips of CASME II and
SAMM optical strain shows the pupils .47 of the width apart at .235 of the height."""

SIDE = ABOVE + BELOW
"""Width and height of a crop without margin, in eye distances."""

MARGIN = 0.0
"""Share of its side that is added to a crop on every side, unless told otherwise."""


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
          margin: share of the crop's side that is added on every side.
        """
        added = margin * SIDE
        side = SIDE + 2 * added
        return cls(1 / side, (ABOVE + added) / side)

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
