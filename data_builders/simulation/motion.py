"""How the skin moves under an Action Unit: a smooth field, and the frame it makes.

Each AU pulls a few landmarks; a pull spreads as an axis-aligned Gaussian, so that a
field on a whole frame is one small matrix product. Directions and spreads follow the
verbal descriptions of the FACS manual; they are schematic, not measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from data_builders.simulation.anatomy import SIDES, Anatomy, Pose
from data_builders.simulation.skin import PLAIN, Skin, varied
from ethnicmer_jax.base.schema import ActionUnit


@dataclasses.dataclass(frozen=True)
class Pull:
    """One landmark's share in an AU.

    Attributes:
      landmark: a name of `Anatomy.landmarks`.
      lateral: displacement away from the face's midline, relative to the AU's other pulls.
      down: displacement downwards, relative to the AU's other pulls.
      width, height: standard deviations of the Gaussian spread, in face units.
    """

    landmark: str
    lateral: float
    down: float
    width: float
    height: float


PULLS: Mapping[int, tuple[Pull, ...]] = {
    1: (
        Pull("brow_inner", 0.0, -1.0, 0.16, 0.13),
        Pull("forehead_inner", 0.0, -0.5, 0.20, 0.20),
    ),
    2: (
        Pull("brow_outer", 0.05, -1.0, 0.18, 0.13),
        Pull("forehead_outer", 0.0, -0.5, 0.20, 0.20),
    ),
    4: (
        Pull("brow_inner", -0.45, 0.85, 0.16, 0.14),
        Pull("brow_middle", -0.30, 0.45, 0.18, 0.12),
    ),
    5: (Pull("lid_upper", 0.0, -1.0, 0.20, 0.10),),
    6: (
        Pull("cheek", 0.0, -0.8, 0.24, 0.20),
        Pull("eye_outer", -0.55, 0.1, 0.14, 0.16),
        Pull("lid_lower", 0.0, -0.4, 0.22, 0.10),
    ),
    7: (
        Pull("lid_lower", -0.15, -1.0, 0.22, 0.10),
        Pull("lid_upper", 0.0, 0.35, 0.20, 0.08),
    ),
    9: (
        Pull("nose_wing", 0.0, -0.9, 0.16, 0.20),
        Pull("nose_root", 0.0, 0.35, 0.14, 0.16),
        Pull("lip_upper", 0.0, -0.4, 0.18, 0.12),
    ),
    10: (
        Pull("lip_upper", 0.0, -1.0, 0.20, 0.12),
        Pull("nasolabial", 0.15, -0.55, 0.16, 0.18),
    ),
    12: (
        Pull("lip_corner", 0.70, -0.75, 0.20, 0.18),
        Pull("nasolabial", 0.30, -0.35, 0.18, 0.18),
        Pull("cheek", 0.10, -0.40, 0.24, 0.20),
    ),
    14: (
        Pull("lip_corner", 0.90, 0.10, 0.14, 0.15),
        Pull("beside_lip_corner", -0.80, 0.0, 0.17, 0.22),
    ),
    15: (
        Pull("lip_corner", 0.10, 1.0, 0.18, 0.16),
        Pull("jaw", 0.0, 0.30, 0.18, 0.18),
    ),
    17: (
        Pull("chin", 0.0, -1.0, 0.24, 0.20),
        Pull("lip_lower", 0.0, -0.5, 0.22, 0.10),
    ),
    20: (
        Pull("lip_corner", 1.0, 0.15, 0.22, 0.18),
        Pull("lip_lower", 0.40, 0.15, 0.20, 0.14),
    ),
    23: (
        Pull("lip_corner", -0.80, 0.0, 0.18, 0.14),
        Pull("lip_upper", -0.20, 0.40, 0.20, 0.08),
        Pull("lip_lower", -0.20, -0.40, 0.20, 0.08),
    ),
    24: (
        Pull("lip_upper", 0.0, 0.80, 0.22, 0.09),
        Pull("lip_lower", 0.0, -0.90, 0.22, 0.10),
    ),
    25: (
        Pull("lip_lower", 0.0, 0.85, 0.22, 0.12),
        Pull("lip_upper", 0.0, -0.35, 0.22, 0.08),
    ),
    26: (
        Pull("chin", 0.0, 1.0, 0.32, 0.26),
        Pull("jaw", 0.0, 0.60, 0.24, 0.26),
        Pull("lip_lower", 0.0, 0.50, 0.24, 0.12),
    ),
}
"""AU number -> what it pulls, on each side that acts."""


@dataclasses.dataclass(frozen=True)
class Movement:
    """An Action Unit that moves.

    Attributes:
      action_unit: which.
      amplitude: its peak displacement, in percent of the pupils' distance.
      balance: log of the subject's left over the right side's displacement; the side that
        moves more has the amplitude.
    """

    action_unit: ActionUnit
    amplitude: float
    balance: float = 0.0


def field(
    anatomy: Anatomy,
    pose: Pose,
    movements: Sequence[Movement],
    xs: np.ndarray,
    ys: np.ndarray,
    skin: Skin = PLAIN,
) -> np.ndarray:
    """The displacement that Action Units give to the skin.

    Args:
      anatomy: the face.
      pose: where the resting face is in the frame.
      movements: what moves, and how far.
      xs: float [W], pixel columns at which the field is wanted.
      ys: float [H], pixel rows.
      skin: what is particular to the clip's skin.

    Returns:
      float32 [H, W, 2], (u, v) in pixels of the pose's frame, at the resting position.

    Raises:
      ValueError: an Action Unit is not in PULLS.
    """
    centres, vectors, spreads = (pose.unit * part for part in _pulls(anatomy, movements, skin))
    rotation = pose.linear / pose.unit
    centres = centres @ rotation.T + (pose.x, pose.y)
    vectors = vectors @ rotation.T
    across = np.exp(-0.5 * ((xs - centres[:, :1]) / spreads[:, :1]) ** 2).astype(np.float32)
    along = np.exp(-0.5 * ((ys - centres[:, 1:]) / spreads[:, 1:]) ** 2)
    weighted = (vectors.T[:, :, None] * along).astype(np.float32)
    # Not BLAS: its threads cost more than they give here, and its rounding may depend on them.
    return np.einsum("ckh,kw->hwc", weighted, across)


def _pulls(
    anatomy: Anatomy, movements: Sequence[Movement], skin: Skin
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres, displacements and spreads [K, 2] of all pulls, in face units."""
    landmarks = anatomy.landmarks()
    tables = [_movement_pulls(landmarks, movement) for movement in movements]
    table = varied(np.concatenate([np.empty((0, 6)), *tables]), skin, landmarks)
    return table[:, :2], table[:, 2:4], table[:, 4:]


def _movement_pulls(landmarks: Mapping[str, tuple[float, float]], movement: Movement) -> np.ndarray:
    """Rows (x, y, u, v, width, height) of one AU, scaled so that its peak is its amplitude."""
    unit = movement.action_unit
    if unit.number not in PULLS:
        raise ValueError(f"the drawn face cannot move AU {unit.number}: use {sorted(PULLS)}")
    signs = [SIDES[unit.side]] if unit.side in SIDES else SIDES.values()
    table = np.array(
        [
            (sign * x, y, sign * pull.lateral, pull.down, pull.width, pull.height)
            for sign in signs
            for pull in PULLS[unit.number]
            for x, y in [landmarks[pull.landmark]]
        ]
    )
    # Pulls overlap, across the midline too: what counts is their sum where each is centred.
    apart = (table[:, None, :2] - table[None, :, :2]) / table[None, :, 4:]
    summed = np.exp(-0.5 * (apart**2).sum(axis=-1)) @ table[:, 2:4]
    table[:, 2:4] *= 0.01 * movement.amplitude / np.sqrt((summed**2).sum(axis=-1).max())
    if movement.balance:
        less = np.exp(np.minimum(0.0, np.sign(table[:, 0]) * movement.balance))
        table[:, 2:4] *= less[:, None]
    return table


def resting_position(displacement: np.ndarray) -> np.ndarray:
    """Where each pixel of the moved frame was before the motion.

    Solves p + d(p) = q for p by fixed-point iteration, which contracts because the
    fields' gradients are far below one.

    Args:
      displacement: float32 [H, W, 2], d in pixels, at the resting position.

    Returns:
      float32 [H, W, 2], the position p for each pixel q of the moved frame.
    """
    height, width = displacement.shape[:2]
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    target = pixels.astype(np.float32)
    position = target - displacement
    for _ in range(3):
        moved = cv2.remap(
            displacement, position, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        position = target - moved
    return position
