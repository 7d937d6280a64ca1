"""Draws the resting face of a made-up person: the texture that the motion then moves.

A head is an ellipsoid under one light, with soft shading for relief, fine grain fixed
to the skin (without it no flow could be seen) and painted eyes, brows, nose and lips.
"""

from __future__ import annotations

import cv2
import numpy as np

from data_builders.simulation.anatomy import FRAME_SIZE, REST, SIDES, Anatomy
from data_builders.simulation.canvas import Canvas, ellipse, smooth_outline
from data_builders.simulation.people import Person

_BACKGROUND = np.array([0.50, 0.53, 0.55], np.float32)
_CLOTHES = (0.22, 0.24, 0.30)
_SCLERA = (0.88, 0.86, 0.84)
_DARK = (0.07, 0.05, 0.05)
_PUPIL = (0.02, 0.02, 0.02)
_SPARK = (0.97, 0.97, 0.97)
_NOSTRIL = (0.10, 0.05, 0.04)
_SEAM = (0.16, 0.06, 0.06)


def draw_face(person: Person) -> np.ndarray:
    """The resting face.

    Args:
      person: who.

    Returns:
      uint8 [FRAME_SIZE, FRAME_SIZE, 3] RGB, without sensor noise, in the pose REST.
    """
    image = np.full((FRAME_SIZE, FRAME_SIZE, 3), _BACKGROUND, np.float32)
    canvas = Canvas(image, REST)
    rng = np.random.default_rng(person.texture)
    face = person.anatomy
    _body(canvas, person)
    head = _head(canvas, person, rng)
    thickness = float(rng.uniform(0.045, 0.065))
    for sign in SIDES.values():
        _eye(canvas.window(sign * 0.5, 0.0, 0.40, 0.30), person, sign)
        _brow(canvas.window(sign * 0.5, -face.brow_height, 0.60, 0.25), person, sign, thickness)
        _nostril(canvas.window(sign * 0.2, face.nose_length, 0.35, 0.30), person, sign)
    _mouth(canvas.window(0.0, face.mouth_height, 0.70, 0.40), person)
    _grain(canvas, head, rng)
    _hair(canvas, person, rng)
    lens = cv2.GaussianBlur(canvas.image, (0, 0), 0.6)
    return np.round(255 * np.clip(lens, 0.0, 1.0)).astype(np.uint8)


def close_lids(image: np.ndarray, person: Person, share: float) -> np.ndarray:
    """The resting face with its upper lids down.

    Args:
      image: uint8 [FRAME_SIZE, FRAME_SIZE, 3], from `draw_face` of this person.
      person: who.
      share: how much of the eyes the lids cover, 0 to 1.

    Returns:
      uint8 [FRAME_SIZE, FRAME_SIZE, 3].
    """
    canvas = Canvas(image.astype(np.float32) / 255, REST)
    for sign in SIDES.values():
        _lower_lid(canvas.window(sign * 0.5, 0.0, 0.40, 0.30), person, sign, share)
    return np.round(255 * np.clip(canvas.image, 0.0, 1.0)).astype(np.uint8)


def head_outline(anatomy: Anatomy) -> np.ndarray:
    """The outline of the head without ears, float64 [n, 2] in face units."""
    right = [
        (0.62, -1.55),
        (anatomy.cheek_width * 0.96, -0.95),
        (anatomy.cheek_width, -0.15),
        (anatomy.cheek_width * 0.95, 0.50),
        (anatomy.jaw_width, 1.12),
        (0.45, anatomy.chin - 0.13),
    ]
    left = [(-x, y) for x, y in reversed(right)]
    return smooth_outline([(0.0, -1.72), *right, (0.0, anatomy.chin), *left], 96)


def _both(points: list[tuple[float, float]], sign: int) -> np.ndarray:
    """A smooth outline on the subject's left (sign 1) or mirrored (sign -1)."""
    return smooth_outline(points) * (sign, 1)


def _body(canvas: Canvas, person: Person) -> None:
    neck = smooth_outline([(-0.56, 0.9), (0.56, 0.9), (0.66, 2.6), (-0.66, 2.6)])
    clothes = smooth_outline([(-2.9, 3.2), (-1.7, 2.25), (0.0, 2.3), (1.7, 2.25), (2.9, 3.2)])
    behind = ellipse(0.0, -0.62, person.anatomy.cheek_width + 0.20, 1.32, 64)
    canvas.fill(canvas.mask(behind, 0.05), person.hair)
    canvas.fill(canvas.mask(neck, 0.03), 0.66 * np.array(person.skin))
    canvas.fill(canvas.mask(clothes, 0.04), _CLOTHES)
    for sign in SIDES.values():
        ear = ellipse(sign * (person.anatomy.cheek_width + 0.03), 0.22, 0.12, 0.30)
        canvas.fill(canvas.mask(ear, 0.02), 0.80 * np.array(person.skin))


def _head(canvas: Canvas, person: Person, rng: np.random.Generator) -> np.ndarray:
    """Paints skin, light and relief; returns the head's mask."""
    mask = canvas.mask(head_outline(person.anatomy), 0.02)
    canvas.fill(mask, person.skin)
    light = _ellipsoid_light(canvas, person)
    relief = np.exp(canvas.bumps(_relief(person.anatomy)))
    canvas.scale(1.0 + mask * (light * relief - 1.0))
    blush = canvas.bumps([(sign * 0.60, 0.62, 0.24, 0.20, 0.10) for sign in SIDES.values()])
    canvas.fill(mask * blush, 0.85 * np.array(person.lips))
    for x, y in rng.uniform((-0.8, 0.2), (0.8, 1.5), size=(int(rng.integers(2, 6)), 2)):
        mole = canvas.mask(ellipse(x, y, 0.013, 0.013), 0.008)
        canvas.fill(mole, 0.5 * np.array(person.skin), 0.7)
    return mask


def _ellipsoid_light(canvas: Canvas, person: Person) -> np.ndarray:
    """Lambert shading [size, size] of an ellipsoid, about 1 where the light is full."""
    x, y = canvas.grid()
    across, along = x / 1.30, (y - 0.10) / 2.05
    depth = np.sqrt(np.clip(1.0 - across**2 - along**2, 0.02, None))
    length = np.sqrt(across**2 + along**2 + depth**2)
    toward = np.array([person.light, -0.45, 0.90])
    toward /= np.linalg.norm(toward)
    lambert = (across * toward[0] + along * toward[1] + depth * toward[2]) / length
    return 0.52 + 0.53 * np.clip(lambert, 0.0, 1.0)


def _relief(anatomy: Anatomy) -> list[tuple[float, float, float, float, float]]:
    """Log-brightness bumps of the face's relief, mirrored where paired."""
    tip, wing, lip = anatomy.nose_length, anatomy.nose_width, anatomy.mouth_height
    middle = [
        (0.0, 0.25, 0.060, 0.32, 0.14),
        (0.0, tip, 0.095, 0.085, 0.17),
        (0.0, tip + 0.19, 0.19, 0.05, -0.26),
        (0.0, lip - 0.18, 0.035, 0.08, -0.08),
        (0.0, lip + 0.27, 0.22, 0.06, -0.16),
        (0.0, anatomy.chin - 0.22, 0.20, 0.13, 0.08),
        (0.0, -0.68, 0.45, 0.22, 0.08),
    ]
    paired = [
        (0.47, -0.08, 0.27, 0.15, -0.17),
        (0.17, -0.02, 0.07, 0.12, -0.14),
        (0.16, 0.32, 0.055, 0.26, -0.13),
        (wing - 0.02, tip + 0.02, 0.04, 0.08, -0.10),
        (0.62, 0.42, 0.22, 0.16, 0.09),
        (0.50, 0.22, 0.20, 0.035, -0.07),
        (wing + 0.16, 0.5 * (tip + lip) + 0.05, 0.04, 0.16, -0.10),
        (anatomy.mouth_width + 0.05, lip, 0.05, 0.06, -0.14),
        (0.86, 0.75, 0.13, 0.30, -0.08),
        (1.0, -0.45, 0.12, 0.32, -0.14),
    ]
    mirrored = [
        (sign * x, y, w, h, light) for sign in SIDES.values() for x, y, w, h, light in paired
    ]
    return [*middle, *mirrored]


_Points = list[tuple[float, float]]


def _eye_opening(face: Anatomy) -> tuple[_Points, _Points, _Points]:
    """The edge of the opening on the subject's left: upper lid, outer corner, lower lid."""
    wide, high, tilt = face.eye_width, face.eye_height, face.eye_tilt
    upper = [(0.5 - wide, 0.02), (0.5 - 0.45 * wide, -0.8 * high), (0.5 + 0.1 * wide, -high)]
    outer = [(0.5 + 0.65 * wide, -0.72 * high), (0.5 + wide, -tilt)]
    lower = [(0.5 + 0.5 * wide, 0.62 * high), (0.5, 0.9 * high), (0.5 - 0.5 * wide, 0.7 * high)]
    return upper, outer, lower


def _eye(canvas: Canvas, person: Person, sign: int) -> None:
    face = person.anatomy
    wide, high = face.eye_width, face.eye_height
    upper, outer, lower = _eye_opening(face)
    almond = canvas.mask(_both([*upper, *outer, *lower], sign), 0.008)
    canvas.fill(almond, _SCLERA)
    canvas.fill(almond * canvas.bumps([(sign * 0.5, -high, wide, 0.5 * high, 0.5)]), _DARK)
    for radius, colour in ((0.098, _DARK), (0.078, person.iris), (0.039, _PUPIL)):
        canvas.fill(almond * canvas.mask(ellipse(sign * 0.5, 0.0, radius, radius)), colour)
    spark = canvas.mask(ellipse(sign * 0.5 + 0.03, -0.035, 0.016, 0.016), 0.006)
    canvas.fill(almond * spark, _SPARK, 0.9)
    _lids(canvas, person, sign, [*upper, *outer], lower)


def _lids(canvas: Canvas, person: Person, sign: int, upper: list, lower: list) -> None:
    lash = _stroke(upper, 0.022)
    canvas.fill(canvas.mask(lash * (sign, 1), 0.008), _DARK, 0.85)
    rim = _stroke([upper[-1], *lower, upper[0]], 0.010)
    canvas.fill(canvas.mask(rim * (sign, 1), 0.012), 0.45 * np.array(person.skin), 0.6)
    crease = _stroke([(x, y - 0.065) for x, y in upper], 0.012)
    shade = 0.50 * np.array(person.skin)
    canvas.fill(canvas.mask(crease * (sign, 1), 0.012), shade, 0.75 * person.lid_crease)


def _lower_lid(canvas: Canvas, person: Person, sign: int, share: float) -> None:
    """Skin from above the eye down to the lid's edge, and the lashes there."""
    upper, outer, lower = _eye_opening(person.anatomy)
    above, below = np.array([*upper, *outer]), np.array([upper[0], *reversed(lower), outer[-1]])
    edge = above.copy()
    edge[:, 1] += share * (np.interp(above[:, 0], *below.T) - above[:, 1])
    skin = canvas.image[: canvas.image.shape[0] // 6].mean(axis=(0, 1))
    lid = np.vstack([above - (0.0, 0.03), edge[::-1]])
    canvas.fill(canvas.mask(lid * (sign, 1), 0.008), 0.9 * skin)
    lash = _stroke([(float(x), float(y)) for x, y in edge], 0.022)
    canvas.fill(canvas.mask(lash * (sign, 1), 0.008), _DARK, 0.85)


def _stroke(points: list[tuple[float, float]], thickness: float) -> np.ndarray:
    """A band of constant height along an open curve, tapered to its ends."""
    path = np.array(points)
    along = np.linspace(0, len(path) - 1, 32)
    x, y = (np.interp(along, np.arange(len(path)), column) for column in path.T)
    half = 0.5 * thickness * np.sin(np.linspace(0.15, np.pi - 0.15, 32))
    return np.column_stack([np.r_[x, x[::-1]], np.r_[y - half, (y + half)[::-1]]])


def _brow(canvas: Canvas, person: Person, sign: int, thickness: float) -> None:
    height = person.anatomy.brow_height
    outline = [
        (0.22, -height + 0.05),
        (0.26, -height - thickness + 0.04),
        (0.58, -height - thickness - 0.03),
        (0.90, -height + 0.04),
        (0.60, -height + 0.01),
    ]
    canvas.fill(canvas.mask(_both(outline, sign), 0.016), 0.8 * np.array(person.hair), 0.8)


def _nostril(canvas: Canvas, person: Person, sign: int) -> None:
    wide, tip = person.anatomy.nose_width, person.anatomy.nose_length
    nostril = ellipse(sign * 0.50 * wide, tip + 0.115, 0.30 * wide, 0.026)
    canvas.fill(canvas.mask(nostril, 0.014), _NOSTRIL, 0.85)
    wing = [(wide - 0.03, tip - 0.10), (wide + 0.01, tip + 0.02), (wide - 0.04, tip + 0.12)]
    fold = _stroke(wing, 0.03) * (sign, 1)
    canvas.fill(canvas.mask(fold, 0.02), 0.42 * np.array(person.skin), 0.35)


def _mouth(canvas: Canvas, person: Person) -> None:
    face = person.anatomy
    wide, line, full = face.mouth_width, face.mouth_height, face.lip_fullness
    upper = [(0.0, line - 0.075), (0.24 * wide, line - 0.10), (0.65 * wide, line - 0.055)]
    seam = [(wide, line + 0.005), (0.5 * wide, line + 0.012), (0.0, line + 0.02)]
    mirror = [(-x, y) for x, y in reversed(upper[1:])]
    canvas.fill(
        canvas.mask(np.array([*upper, *seam, (-wide, line + 0.005), *mirror]), 0.012),
        0.82 * np.array(person.lips),
        0.9,
    )
    below = [(0.62 * wide, line + 0.72 * full), (0.25 * wide, line + full), (0.0, line + full)]
    left = [(-x, y) for x, y in reversed(below[:-1])]
    lower = np.array([(-wide, line + 0.005), (wide, line + 0.005), *below, *left])
    canvas.fill(canvas.mask(lower, 0.015), person.lips, 0.9)
    canvas.scale(np.exp(canvas.bumps([(0.0, line + 0.55 * full, 0.16, 0.035, 0.22)])))
    whole = [(-wide, line), (-0.4 * wide, line + 0.018), (0.0, line + 0.008)]
    seam_line = [*whole, (0.4 * wide, line + 0.018), (wide, line)]
    canvas.fill(canvas.mask(_stroke(seam_line, 0.026), 0.008), _SEAM, 0.85)


def _grain(canvas: Canvas, head: np.ndarray, rng: np.random.Generator) -> None:
    """Pores and blotches at three scales, fixed to the skin."""
    grain = sum(
        gain * _noise(rng, canvas.image.shape[:2], scale, scale)
        for scale, gain in ((0.9, 0.035), (2.5, 0.028), (8.0, 0.022))
    )
    canvas.scale(1.0 + head * grain)


def _hair(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    face = person.anatomy
    edge = [
        (face.cheek_width + 0.04, 0.02),
        (face.cheek_width - 0.09, -0.45),
        (face.cheek_width - 0.25, face.hairline + 0.08),
        (0.30, face.hairline - 0.04),
    ]
    top = [(face.cheek_width + 0.20, -0.75), (0.75, -1.75), (0.0, -2.0)]
    right = [*reversed(top), *edge]
    left = [(-x, y) for x, y in reversed(right[1:])]
    mask = canvas.mask(smooth_outline([*right, *left], 128), 0.03)
    streaks = 1.0 + 0.16 * _noise(rng, mask.shape, 1.0, 9.0)
    canvas.fill(mask, person.hair)
    canvas.scale(1.0 + mask * (streaks - 1.0))


def _noise(
    rng: np.random.Generator, shape: tuple[int, int], across: float, along: float
) -> np.ndarray:
    """White noise smoothed by a Gaussian, scaled to unit deviation."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), sigmaX=across, sigmaY=along)
    return smooth / smooth.std()
