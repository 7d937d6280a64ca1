"""Made-up people: proportions and colours of a face, with group-dependent means.

The group means are schematic, chosen so that a classifier can tell drawn groups
apart; they are no statement about real people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from data_builders.simulation.anatomy import Anatomy

Colour = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Person:
    """How one made-up subject looks. Colours are RGB in [0, 1].

    Attributes:
      anatomy: proportions of the face.
      skin, hair, iris, lips: colours.
      lid_crease: strength in [0, 1] of the fold above the eye.
      light: horizontal direction of the light in [-1, 1], -1 from the image's left.
      texture: seed of the skin's grain, moles and hair.
    """

    anatomy: Anatomy
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    lid_crease: float
    light: float
    texture: int


@dataclasses.dataclass(frozen=True)
class _Look:
    """Means of a group's appearance; `shape` holds the differences from `Anatomy()`."""

    skin: Colour
    hair: Colour
    iris: Colour
    lid_crease: float
    shape: Mapping[str, float]


_COMMON = _Look((0.80, 0.62, 0.51), (0.16, 0.11, 0.08), (0.30, 0.20, 0.13), 0.6, {})

_LOOKS: Mapping[str, _Look] = {
    "White": _Look(
        (0.88, 0.70, 0.60),
        (0.34, 0.23, 0.14),
        (0.36, 0.42, 0.45),
        0.9,
        {"nose_width": -0.02, "nose_length": 0.03, "eye_height": 0.008, "cheek_width": -0.03},
    ),
    "Black": _Look(
        (0.47, 0.32, 0.24),
        (0.07, 0.05, 0.05),
        (0.18, 0.11, 0.08),
        0.8,
        {"nose_width": 0.04, "lip_fullness": 0.04},
    ),
    "Asian": _Look(
        (0.85, 0.68, 0.53),
        (0.07, 0.06, 0.06),
        (0.20, 0.13, 0.09),
        0.2,
        {"eye_height": -0.014, "eye_tilt": 0.02, "nose_length": -0.03, "cheek_width": 0.04},
    ),
    "Indian": _Look(
        (0.64, 0.46, 0.34),
        (0.08, 0.06, 0.05),
        (0.20, 0.13, 0.09),
        0.9,
        {"brow_height": -0.02, "lip_fullness": 0.015},
    ),
    "Others": _Look((0.74, 0.56, 0.44), (0.12, 0.08, 0.06), (0.24, 0.16, 0.11), 0.7, {}),
}


LENGTH_OF: Mapping[str, int] = {"White": 1, "Asian": -1}
"""Ethnicity -> 1 for a long face, -1 for a short one, by convention only; others: neither."""

_LONG: Mapping[str, float] = {
    "brow_height": 1.0,
    "nose_length": 1.0,
    "mouth_height": 1.0,
    "chin": 1.0,
    "mouth_width": -0.5,
    "nose_width": -0.3,
}
"""What grows as a face becomes long and narrow, for one unit of length."""


def draw_person(
    rng: np.random.Generator, ethnicity: str, appearance: float, proportions: float = 0.0
) -> Person:
    """Draws a made-up subject.

    Args:
      rng: the subject's own random stream.
      ethnicity: one of schema.ETHNICITIES but Unknown.
      appearance: 0: all groups look alike; 1: each group has its own means.
      proportions: how much longer than the mean a long face is, in face units.

    Returns:
      A person; every proportion varies by about 4% and every colour by about 6%.
    """
    look = _LOOKS[ethnicity]
    length = proportions * LENGTH_OF.get(ethnicity, 0)
    skin = _blend(_COMMON.skin, look.skin, appearance)
    crease = _COMMON.lid_crease + appearance * (look.lid_crease - _COMMON.lid_crease)
    return Person(
        anatomy=_draw_anatomy(rng, look.shape, appearance, length),
        skin=_colour(rng, skin, 0.06),
        hair=_colour(rng, _blend(_COMMON.hair, look.hair, appearance), 0.15),
        iris=_colour(rng, _blend(_COMMON.iris, look.iris, appearance), 0.12),
        lips=_colour(rng, skin * (0.80, 0.60, 0.60), 0.05),
        lid_crease=float(np.clip(rng.normal(crease, 0.15), 0.0, 1.0)),
        light=float(rng.uniform(-0.5, 0.5)),
        texture=int(rng.integers(2**31)),
    )


def _draw_anatomy(
    rng: np.random.Generator, shape: Mapping[str, float], appearance: float, length: float
) -> Anatomy:
    usual = dataclasses.asdict(Anatomy())
    scales = rng.normal(1.0, 0.04, size=len(usual))

    def mean(name: str) -> float:
        return usual[name] + appearance * shape.get(name, 0.0) + length * _LONG.get(name, 0.0)

    return Anatomy(
        **{name: float(mean(name) * scale) for name, scale in zip(usual, scales, strict=True)}
    )


def _blend(common: Colour, group: Colour, appearance: float) -> np.ndarray:
    return (1.0 - appearance) * np.array(common) + appearance * np.array(group)


def _colour(rng: np.random.Generator, mean: np.ndarray, spread: float) -> Colour:
    """Mostly lighter or darker (`spread`, relative), a little redder or bluer."""
    tint = rng.normal(0.0, 0.2 * spread, 3)
    red, green, blue = np.clip(mean * (1.0 + rng.normal(0.0, spread) + tint), 0.02, 0.97)
    return float(red), float(green), float(blue)
