"""What is in the frames of a clip besides its expression: blinks, head sway, changing light.

All of it is a function of time since the onset, in seconds, so that a clip filmed at 25 and
at 200 frames a second shows the same events. Blinks last 0.1 to 0.4 s and close faster than
they open (Caffier et al. 2003); heads that are held still sway below some 2 Hz.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from data_builders.simulation.anatomy import Pose

_SWAY_TERMS = 3
_CLOSING = 0.4
"""Share of a blink's time in which the lid goes down."""


@dataclasses.dataclass(frozen=True)
class Blink:
    """One blink.

    Attributes:
      start: seconds after the clip's onset at which the lid begins to fall; may be negative.
      duration: seconds until the eye is open again.
      depth: share of the eye that the lid covers at its lowest, at most 1.
    """

    start: float
    duration: float
    depth: float


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """What a clip shows besides skin motion and steady head drift.

    Attributes:
      blinks: in no order.
      sway: rows of (frequency in Hz, phase, x, y, nearing, turn) with amplitudes in pixels at
        the head's centre (x, y) and edge (nearing, turn).
      light: changes of brightness per second as a share: of the whole frame, per frame width
        to the right, per frame height downwards.
      flicker: amplitude as a share, frequency in Hz and phase of mains flicker.
    """

    blinks: tuple[Blink, ...] = ()
    sway: tuple[tuple[float, ...], ...] = ()
    light: tuple[float, float, float] = (0.0, 0.0, 0.0)
    flicker: tuple[float, float, float] = (0.0, 0.0, 0.0)


NONE = Nuisance()


def draw(
    rng: np.random.Generator,
    blinks: float,
    sway: float,
    lighting: float,
    span: tuple[float, float] = (-0.5, 2.0),
) -> Nuisance:
    """Draws what disturbs one clip.

    Args:
      rng: a stream of the clip's own.
      blinks: mean number of blinks per second.
      sway: standard deviation of the head's sway between two moments far apart, in pixels.
      lighting: standard deviation of the change of brightness within a second, in percent; a
        gradient across the frame changes as much, mains flicker a quarter of it.
      span: seconds after the onset between which blinks begin.
    """
    terms = np.column_stack(
        [
            rng.uniform(0.3, 2.0, _SWAY_TERMS),
            rng.uniform(0, 2 * np.pi, _SWAY_TERMS),
            rng.normal(size=(_SWAY_TERMS, 4)) * sway / np.sqrt(_SWAY_TERMS),
        ]
    )
    whole, across, along, mains = map(float, rng.normal(size=4) * lighting / 100)
    flicker = 0.25 * mains, float(rng.uniform(95, 105)), float(rng.uniform(0, 2 * np.pi))
    return Nuisance(
        blinks=_draw_blinks(rng, blinks, span),
        sway=tuple(tuple(map(float, row)) for row in terms) if sway > 0 else (),
        light=(whole, across, along) if lighting > 0 else NONE.light,
        flicker=flicker if lighting > 0 else NONE.flicker,
    )


def closed(nuisance: Nuisance, seconds: float) -> float:
    """Share of the eyes that the lids cover, 0 to 1."""
    return max((_lid(blink, seconds) for blink in nuisance.blinks), default=0.0)


def swayed(nuisance: Nuisance, pose: Pose, seconds: float) -> Pose:
    """The pose after the sway since onset."""
    if not nuisance.sway:
        return pose
    terms = np.array(nuisance.sway)
    phase = 2 * np.pi * terms[:, 0] * seconds + terms[:, 1]
    right, down, nearer, turn = (np.sin(phase) - np.sin(terms[:, 1])) @ terms[:, 2:]
    return moved(pose, right, down, nearer, turn)


def moved(pose: Pose, right: float, down: float, nearer: float, turn: float) -> Pose:
    """A pose after a small movement.

    Args:
      pose: before.
      right: pixels.
      down: pixels.
      nearer: twice the pixels that the head's edge, about 1.5 units away, moves outwards.
      turn: twice the pixels that it turns, clockwise as seen in the image.
    """
    edge = 1.5 * pose.unit
    return Pose(
        x=pose.x + float(right),
        y=pose.y + float(down),
        unit=pose.unit * float(1.0 + 0.5 * nearer / edge),
        roll=pose.roll + float(0.5 * turn / edge),
    )


def brightness(nuisance: Nuisance, seconds: float, size: int) -> np.ndarray | None:
    """The factor [size, size] of the light since onset, float32; None where nothing changes."""
    if (nuisance.light, nuisance.flicker) == (NONE.light, NONE.flicker):
        return None
    whole, across, along = (seconds * change for change in nuisance.light)
    amplitude, frequency, phase = nuisance.flicker
    whole += amplitude * (np.sin(2 * np.pi * frequency * seconds + phase) - np.sin(phase))
    place = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    return np.float32(1 + whole) + across * place[None, :] + along * place[:, None]


def _draw_blinks(
    rng: np.random.Generator, rate: float, span: tuple[float, float]
) -> tuple[Blink, ...]:
    """Blinks that begin within the span."""
    times = rng.uniform(*span, rng.poisson((span[1] - span[0]) * rate))
    return tuple(
        Blink(float(start), float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.7, 1.0)))
        for start in times
    )


def _lid(blink: Blink, seconds: float) -> float:
    share = (seconds - blink.start) / blink.duration
    if not 0 < share < 1:
        return 0.0
    way = share / _CLOSING if share < _CLOSING else (1 - share) / (1 - _CLOSING)
    return blink.depth * float(0.5 - 0.5 * np.cos(np.pi * way))
