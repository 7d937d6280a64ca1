"""Films a clip: any of its frames, and the true motion between onset and apex."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from data_builders.simulation import motion
from data_builders.simulation.anatomy import FRAME_SIZE, REST, Pose
from data_builders.simulation.drawing import draw_face
from data_builders.simulation.people import Person
from data_builders.simulation.scenario import ClipSpec


def film(spec: ClipSpec, number: int, sensor_noise: float) -> np.ndarray:
    """One frame of a clip.

    Args:
      spec: the clip.
      number: frame number from spec.onset to spec.offset.
      sensor_noise: standard deviation of the camera's noise, grey levels.

    Returns:
      uint8 [FRAME_SIZE, FRAME_SIZE, 3] RGB; three equal channels for a grey camera.

    Raises:
      ValueError: the clip has no such frame.
    """
    position = motion.resting_position(displacement(spec, number))
    frame = cv2.remap(
        _face(spec.subject.person),
        cv2.transform(position, spec.pose.matrix_to(REST)),
        None,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _expose(frame, spec, number, sensor_noise)


def displacement(spec: ClipSpec, number: int) -> np.ndarray:
    """Where each pixel of the onset frame has gone by a frame of the clip.

    Skin motion and head drift together: what an ideal flow estimate would see.

    Returns:
      float32 [FRAME_SIZE, FRAME_SIZE, 2], (u, v) in pixels.

    Raises:
      ValueError: the clip has no such frame.
    """
    if not spec.onset <= number <= spec.offset:
        raise ValueError(f"{spec.key} has frames {spec.onset} to {spec.offset}, not {number}")
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    skin = _strength(spec, number) * skin_motion(spec, axis, axis)
    return skin + drift(spec, axis, axis, skin, _elapsed(spec, number))


def skin_motion(spec: ClipSpec, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """What the Action Units alone move from onset to apex; see `motion.field`."""
    return motion.field(spec.subject.person.anatomy, spec.pose, spec.movements, xs, ys)


def drift(
    spec: ClipSpec, xs: np.ndarray, ys: np.ndarray, skin: np.ndarray, elapsed: float = 1.0
) -> np.ndarray:
    """What the head's drift adds to a skin motion: float32 [H, W, 2] in pixels."""
    matrix = spec.pose.matrix_to(_between(spec.pose, spec.apex_pose, elapsed))
    moved = np.dstack(np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))) + skin
    return cv2.transform(moved, matrix - np.eye(2, 3))


@functools.lru_cache(maxsize=16)
def _face(person: Person) -> np.ndarray:
    face = draw_face(person)
    face.setflags(write=False)
    return face


def _strength(spec: ClipSpec, number: int) -> float:
    """0 at onset, 1 at apex, 0 at offset, smooth between."""
    turn = spec.offset if number > spec.apex else spec.onset
    return 0.5 + 0.5 * float(np.cos(np.pi * (number - spec.apex) / (turn - spec.apex)))


def _elapsed(spec: ClipSpec, number: int) -> float:
    return (number - spec.onset) / (spec.apex - spec.onset)


def _between(start: Pose, end: Pose, share: float) -> Pose:
    values = zip(dataclasses.astuple(start), dataclasses.astuple(end), strict=True)
    return Pose(*(first + share * (last - first) for first, last in values))


def _expose(frame: np.ndarray, spec: ClipSpec, number: int, sensor_noise: float) -> np.ndarray:
    rng = np.random.default_rng([spec.noise, number])
    if spec.subject.cohort.grey:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
    noisy = frame + sensor_noise * rng.standard_normal(frame.shape, dtype=np.float32)
    levels = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    return np.repeat(levels, 3, axis=-1) if spec.subject.cohort.grey else levels
