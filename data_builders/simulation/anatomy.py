"""Where the parts of a face are, and where the face is in the frame.

Face coordinates: the origin lies midway between the pupils, x points to the image's
right, y down, and the unit is the distance between the pupils. The subject looks at
the camera, so the image's right is the subject's left, FACS side L.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

SIDES: Mapping[str, int] = {"L": 1, "R": -1}
"""FACS side -> sign of x."""


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """Proportions of one face, in face units; widths are half widths.

    Attributes:
      cheek_width: half width of the head at the cheekbones.
      jaw_width: half width of the head at the mouth.
      chin: y of the chin.
      hairline: y of the hairline, negative.
      brow_height: height of the brows above the pupils.
      eye_width, eye_height: half width and half height of the eye opening.
      eye_tilt: how much higher the outer corner of the eye lies than the inner.
      nose_length: y of the nose's tip.
      nose_width: half width at the nostrils.
      mouth_height: y of the line between the lips.
      mouth_width: half width of the mouth.
      lip_fullness: height of the lower lip.
    """

    cheek_width: float = 1.10
    jaw_width: float = 0.84
    chin: float = 1.80
    hairline: float = -0.98
    brow_height: float = 0.36
    eye_width: float = 0.25
    eye_height: float = 0.095
    eye_tilt: float = 0.03
    nose_length: float = 0.66
    nose_width: float = 0.26
    mouth_height: float = 1.12
    mouth_width: float = 0.41
    lip_fullness: float = 0.13

    def landmarks(self) -> dict[str, tuple[float, float]]:
        """Points that muscles move, on the subject's left (x >= 0), in face units."""
        wing = self.nose_length + 0.04
        corner = (self.mouth_width, self.mouth_height)
        return {
            "forehead_inner": (0.25, -self.brow_height - 0.28),
            "forehead_outer": (0.65, -self.brow_height - 0.28),
            "brow_inner": (0.27, -self.brow_height + 0.02),
            "brow_middle": (0.50, -self.brow_height - 0.02),
            "brow_outer": (0.76, -self.brow_height + 0.02),
            "lid_upper": (0.50, -self.eye_height),
            "lid_lower": (0.50, self.eye_height + 0.04),
            "eye_outer": (0.50 + self.eye_width + 0.08, 0.03),
            "cheek": (0.60, 0.52),
            "nose_root": (0.10, 0.05),
            "nose_wing": (self.nose_width, wing),
            "nasolabial": (0.5 * (self.nose_width + corner[0]) + 0.08, 0.5 * (wing + corner[1])),
            "lip_corner": corner,
            "beside_lip_corner": (corner[0] + 0.24, corner[1] - 0.04),
            "lip_upper": (0.45 * self.mouth_width, self.mouth_height - 0.08),
            "lip_lower": (0.40 * self.mouth_width, self.mouth_height + self.lip_fullness),
            "chin": (0.12, self.chin - 0.26),
            "jaw": (0.45, self.chin - 0.36),
        }


@dataclasses.dataclass(frozen=True)
class Pose:
    """A similarity transform from face units to pixels of a frame.

    Attributes:
      x, y: pixel position of the face's origin.
      unit: pixels per face unit.
      roll: rotation in radians, clockwise as seen in the image.
    """

    x: float
    y: float
    unit: float
    roll: float = 0.0

    @property
    def linear(self) -> np.ndarray:
        """float64 [2, 2]: rotation times scale."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return self.unit * np.array([[cos, -sin], [sin, cos]])

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Face units [..., 2] to pixels [..., 2]."""
        return np.asarray(points) @ self.linear.T + (self.x, self.y)

    def matrix_to(self, other: Pose) -> np.ndarray:
        """float64 [2, 3]: takes pixels of this pose to the same face point's in the other."""
        linear = other.linear @ np.linalg.inv(self.linear)
        shift = np.array([other.x, other.y]) - linear @ (self.x, self.y)
        return np.column_stack([linear, shift])


FRAME_SIZE = 400
"""Height and width of a drawn frame in pixels."""

REST = Pose(x=(FRAME_SIZE - 1) / 2, y=(FRAME_SIZE - 1) / 2 - 8, unit=78.0)
"""Where the resting face is in the frame in which it is drawn."""
