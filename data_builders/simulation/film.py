"""Films a clip: any of its frames, and where the true motion has taken each pixel by then."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from data_builders.simulation import motion, nuisance
from data_builders.simulation.anatomy import FRAME_SIZE, REST, Pose
from data_builders.simulation.drawing import close_lids, draw_face
from data_builders.simulation.people import Person
from data_builders.simulation.scenario import ClipSpec, Subject


def film(spec: ClipSpec, number: int, sensor_noise: float, jpeg: int = 0) -> np.ndarray:
    """One frame of a clip.

    Args:
      spec: the clip.
      number: frame number from spec.onset to spec.offset.
      sensor_noise: standard deviation of the camera's noise, grey levels.
      jpeg: quality of the camera's compression, 1 to 100; 0 for none.

    Returns:
      uint8 [FRAME_SIZE, FRAME_SIZE, 3] RGB; three equal channels for a grey camera.

    Raises:
      ValueError: the clip has no such frame.
    """
    seconds = _seconds(spec, number)
    return shot(
        spec.subject,
        spec.pose,
        displacement(spec, number),
        lids=nuisance.closed(spec.nuisance, seconds),
        light=nuisance.brightness(spec.nuisance, seconds, FRAME_SIZE),
        rng=np.random.default_rng([spec.noise, number]),
        sensor_noise=sensor_noise,
        jpeg=jpeg,
    )


def shot(
    subject: Subject,
    pose: Pose,
    moved: np.ndarray,
    *,
    lids: float,
    light: np.ndarray | None,
    rng: np.random.Generator,
    sensor_noise: float,
    jpeg: int = 0,
) -> np.ndarray:
    """A frame of a face whose every pixel has gone somewhere.

    Args:
      subject: who.
      pose: where the head was before it moved.
      moved: float32 [FRAME_SIZE, FRAME_SIZE, 2], where each pixel has gone, in pixels.
      lids: share of the eyes that the lids cover.
      light: factor [FRAME_SIZE, FRAME_SIZE] of the brightness; None for 1.
      rng: of the camera's noise.
      sensor_noise: see `film`.
      jpeg: see `film`.

    Returns:
      See `film`.
    """
    face = _face(subject.person)
    frame = cv2.remap(
        close_lids(face, subject.person, lids) if lids > 0 else face,
        cv2.transform(motion.resting_position(moved), pose.matrix_to(REST)),
        None,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    lit = frame if light is None else frame * light[..., None]
    return _compress(_expose(lit, rng, sensor_noise, subject.cohort.grey), jpeg)


def displacement(spec: ClipSpec, number: int) -> np.ndarray:
    """Where each pixel of the onset frame has gone by a frame of the clip.

    Skin motion, head drift and sway together: what an ideal flow estimate would see.

    Returns:
      float32 [FRAME_SIZE, FRAME_SIZE, 2], (u, v) in pixels.

    Raises:
      ValueError: the clip has no such frame.
    """
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    skin = skin_displacement(spec, number)
    return skin + drift(spec, axis, axis, skin, _head(spec, number))


def skin_displacement(spec: ClipSpec, number: int) -> np.ndarray:
    """What the Action Units alone have moved by a frame: `displacement` of a head held still.

    Returns:
      float32 [FRAME_SIZE, FRAME_SIZE, 2], (u, v) in pixels of the onset frame.

    Raises:
      ValueError: the clip has no such frame.
    """
    _check(spec, number)
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    return _strength(spec, number) * skin_motion(spec, axis, axis)


def skin_motion(spec: ClipSpec, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """What the Action Units alone move from onset to apex; see `motion.field`."""
    anatomy = spec.subject.person.anatomy
    return motion.field(anatomy, spec.pose, spec.movements, xs, ys, spec.skin)


def drift(
    spec: ClipSpec, xs: np.ndarray, ys: np.ndarray, skin: np.ndarray, pose: Pose | None = None
) -> np.ndarray:
    """What the head's movement adds to a skin motion.

    Args:
      spec: the clip.
      xs: float [W], pixel columns at which it is wanted.
      ys: float [H], pixel rows.
      skin: [H, W, 2], the skin motion.
      pose: where the head has gone; None for the apex.

    Returns:
      float32 [H, W, 2] in pixels.
    """
    matrix = spec.pose.matrix_to(_head(spec, spec.apex) if pose is None else pose)
    moved = np.dstack(np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))) + skin
    return cv2.transform(moved, matrix - np.eye(2, 3))


def _check(spec: ClipSpec, number: int) -> None:
    if not spec.onset <= number <= spec.offset:
        raise ValueError(f"{spec.key} has frames {spec.onset} to {spec.offset}, not {number}")


def _head(spec: ClipSpec, number: int) -> Pose:
    """Where the head is in a frame: steady drift through the apex's pose, and sway."""
    drifted = _between(spec.pose, spec.apex_pose, _elapsed(spec, number))
    return nuisance.swayed(spec.nuisance, drifted, _seconds(spec, number))


@functools.lru_cache(maxsize=16)
def _face(person: Person) -> np.ndarray:
    face = draw_face(person)
    face.setflags(write=False)
    return face


def _strength(spec: ClipSpec, number: int) -> float:
    """0 at onset, 1 at apex, 0 at offset, smooth between."""
    turn = spec.offset if number > spec.apex else spec.onset
    return 0.5 + 0.5 * float(np.cos(np.pi * (number - spec.apex) / (turn - spec.apex)))


def _seconds(spec: ClipSpec, number: int) -> float:
    return (number - spec.onset) / spec.fps


def _elapsed(spec: ClipSpec, number: int) -> float:
    return (number - spec.onset) / (spec.apex - spec.onset)


def _between(start: Pose, end: Pose, share: float) -> Pose:
    values = zip(dataclasses.astuple(start), dataclasses.astuple(end), strict=True)
    return Pose(*(first + share * (last - first) for first, last in values))


def _expose(
    frame: np.ndarray, rng: np.random.Generator, sensor_noise: float, grey: bool
) -> np.ndarray:
    if grey:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
    noisy = frame + sensor_noise * rng.standard_normal(frame.shape, dtype=np.float32)
    levels = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    return np.repeat(levels, 3, axis=-1) if grey else levels


def _compress(frame: np.ndarray, quality: int) -> np.ndarray:
    """The frame as a JPEG file would give it back."""
    if quality == 0:
        return frame
    grey = bool((frame == frame[..., :1]).all())
    stored = frame[..., 0] if grey else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
