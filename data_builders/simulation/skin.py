"""How skin moves less tidily than a table of pulls says: spread, pulled along, off its place.

Skin hangs together, so that a pull reaches beyond where it acts and takes cheek and jaw along;
muscles are never quite where the landmarks are; and lids move a little in most clips.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from data_builders.simulation.anatomy import SIDES

_FARTHER = 2.0
"""How much wider the diffuse part of a pull spreads."""

_FOLLOW = ("cheek", "jaw")
_FOLLOW_SPREAD = 0.32
_MOUTH = 0.4
"""Pulls below it, in face units, take cheek and jaw along."""

_LID_SPREAD = (0.15, 0.08)


@dataclasses.dataclass(frozen=True)
class Skin:
    """What is particular to the skin of one clip.

    Attributes:
      seed: of what strays.
      spread: factor of every pull's spread.
      diffuse: share of a pull that spreads twice as far as the rest.
      coupling: how far cheek and jaw follow the mouth, as a share of its motion.
      irregular: standard deviation of a pull's place, in face units; its size and direction
        stray accordingly.
      lids: how far the upper lids go down on the subject's left and right, in percent of
        the pupils' distance.
    """

    seed: int = 0
    spread: float = 1.0
    diffuse: float = 0.0
    coupling: float = 0.0
    irregular: float = 0.0
    lids: tuple[float, float] = (0.0, 0.0)


PLAIN = Skin()


def varied(
    table: np.ndarray, skin: Skin, landmarks: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """The pulls of a face, with what the skin makes of them.

    Args:
      table: float64 [K, 6]; rows (x, y, u, v, width, height) in face units.
      skin: of this clip.
      landmarks: see `Anatomy.landmarks`.

    Returns:
      float64 [K', 6]; the table itself for PLAIN.
    """
    if skin.spread != 1:
        table = table * np.repeat([1.0, skin.spread], [4, 2])
    if skin.irregular > 0:
        table = _strayed(table, np.random.default_rng(skin.seed), skin.irregular)
    if skin.coupling > 0:
        table = np.concatenate([table, _following(table, skin.coupling, landmarks)])
    if skin.diffuse > 0:
        table = np.concatenate([table * _scaled(1 - skin.diffuse), table * _scaled(skin.diffuse)])
        table[len(table) // 2 :, 4:] *= _FARTHER
    if any(skin.lids):
        x, y = landmarks["lid_upper"]
        rows = [
            (sign * x, y, 0.0, 0.01 * down, *_LID_SPREAD)
            for sign, down in zip(SIDES.values(), skin.lids, strict=True)
        ]
        table = np.concatenate([table, rows])
    return table


def _scaled(share: float) -> np.ndarray:
    return np.array([1.0, 1.0, share, share, 1.0, 1.0])


def _strayed(table: np.ndarray, rng: np.random.Generator, far: float) -> np.ndarray:
    """Places stray by `far`, spreads by three times as much (relative), directions by five."""
    places, spreads = rng.normal(size=(2, len(table), 2))
    turn = np.exp(1j * 5 * far * rng.normal(size=len(table)))
    vector = (table[:, 2] + 1j * table[:, 3]) * turn
    strayed = [table[:, :2] + far * places, vector.real[:, None], vector.imag[:, None]]
    return np.column_stack([*strayed, table[:, 4:] * np.exp(3 * far * spreads)])


def _following(
    table: np.ndarray, share: float, landmarks: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """Rows of what follows the mouth, on each side as far as that side moves."""
    rows = []
    for sign in SIDES.values():
        side = table[(sign * table[:, 0] > 0) & (table[:, 1] > _MOUTH)]
        if len(side):
            u, v = share * side[:, 2:4].mean(axis=0)
            for name in _FOLLOW:
                x, y = landmarks[name]
                rows.append((sign * x, y, u, v, _FOLLOW_SPREAD, _FOLLOW_SPREAD))
    return np.array(rows).reshape(-1, 6)
