"""Cuts the face out of the two frames of a clip, alike in both.

The face is looked for once, in the onset frame, and the same transform is applied
to the apex frame: a box of its own for each frame would jitter by up to 3 px, which
is more than a micro-expression moves, and would be read as motion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from data_builders.pixels.detection import Detector, Face, check_frame, retinaface
from ethnicmer_jax.base import crop
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import UserError

DETECTORS = ("retinaface", "none")

MIN_EYE_DISTANCE = 0.2
"""Eyes closer than this share of the box's width (a profile, a wrong landmark) do not
carry an alignment."""

BOX_HEIGHT, BOX_ABOVE = 2.85, 1.1
"""Height of RetinaFace's box, and how far it reaches above the pupils, in eye distances (drawn
faces 2.91 and 1.15, a photographed one 2.78 and 1.06): where there are no eyes to go by, the
box tells where they should be."""

MAX_OUTSIDE = 0.2
"""A crop that reaches out of the frame by more than this share of its area is reported."""


class FaceNotFound(ValueError):  # noqa: N818 - a finding about a clip, reported as such
    """No face where one was expected.

    Attributes:
      clip: key of the clip, "" where the caller named none.
    """

    def __init__(self, message: str, clip: str = ""):
        super().__init__(f"{clip}: {message}" if clip else message)
        self.clip = clip


@dataclasses.dataclass(frozen=True)
class FaceOptions:
    """How faces are found and cut out.

    Attributes:
      detector: "retinaface", or "none" for a database that comes cropped: its
        frames are then resized to a square and nothing else.
      size: side of the crops in pixels.
      margin: share of the crop's side added on every side.
      align: bring the eyes to the same place in every crop (rotation, scale and
        shift); otherwise the crop is upright and shows about the same, going by the box.
      whole_head: the upright square around the whole box instead, hair to chin, as
        classifiers of portraits want it.
      min_score: detections below this confidence are not faces.

    Raises:
      UserError: an option is out of its range.
    """

    detector: str = "retinaface"
    size: int = 224
    margin: float = crop.MARGIN
    align: bool = True
    whole_head: bool = False
    min_score: float = 0.9

    def __post_init__(self):
        if self.detector not in DETECTORS:
            raise UserError(f"detector must be one of {DETECTORS}, got {self.detector!r}")
        if self.size < 8:
            raise UserError(f"the crop size must be at least 8 pixels, got {self.size}")
        if not 0 <= self.margin <= 2:
            raise UserError(
                f"the margin must lie in 0 to 2 (a share of the crop), got {self.margin}"
            )
        if not 0 < self.min_score < 1:
            raise UserError(f"the lowest face score must lie between 0 and 1, got {self.min_score}")

    @property
    def geometry(self) -> CropGeometry | None:
        """Where the pupils lie in every crop; None where crops are not aligned by the eyes."""
        aligned = self.align and not self.whole_head and self.detector != "none"
        return CropGeometry.of_margin(self.margin) if aligned else None


@dataclasses.dataclass(frozen=True)
class CroppedPair:
    """The face at onset and at apex.

    Attributes:
      onset, apex: uint8 [size, size, 3] RGB.
      box: x, y, width, height of the face in the onset frame, in pixels.
      score: the detector's confidence in [0, 1]; NaN without a detector.
      transform: float64 [2, 3]; frame pixels -> crop pixels, the same for both frames.
      n_faces: faces found in the onset frame; 0 without a detector.
      notes: what a human might want to look at, one line each; not errors.
    """

    onset: np.ndarray
    apex: np.ndarray
    box: tuple[int, int, int, int]
    score: float
    transform: np.ndarray
    n_faces: int
    notes: tuple[str, ...] = ()


def crop_pair(
    onset: np.ndarray,
    apex: np.ndarray,
    options: FaceOptions,
    *,
    clip: str = "",
    detector: Detector | None = None,
) -> CroppedPair:
    """Cuts the face at onset, and the same region at apex.

    Args:
      onset: uint8 [H, W, 3] RGB.
      apex: uint8 [H, W, 3] RGB, of the onset's size.
      options: see `FaceOptions`.
      clip: the clip's key, for messages.
      detector: replaces the one that the options name.

    Raises:
      FaceNotFound: the onset frame shows no face.
      ValueError: a frame is not uint8 [H, W, 3], or the two differ in size.
      UserError: the face detector is not installed as it should be.
    """
    check_frame(onset, "onset frame")
    check_frame(apex, "apex frame")
    if onset.shape != apex.shape:
        raise ValueError(f"onset {onset.shape[:2]} and apex {apex.shape[:2]} differ in size")
    if options.detector == "none" and detector is None:
        return _resize_only(onset, apex, options.size)
    faces = (detector or retinaface(options.min_score)).detect(onset)
    if not faces:
        raise FaceNotFound(
            f"no face in the onset frame ({onset.shape[1]}×{onset.shape[0]} px); "
            "look at it, or use --detector=none for frames that come cropped",
            clip,
        )
    face = main_face(faces, onset.shape[:2])
    transform, notes = _transform(face, options)
    if len(faces) > 1:
        notes += (f"{len(faces)} faces in the onset frame: took the largest central one",)
    notes += _outside(transform, onset.shape[:2], options.size)
    return CroppedPair(
        onset=warp(onset, transform, options.size),
        apex=warp(apex, transform, options.size),
        box=face.box,
        score=face.score,
        transform=transform,
        n_faces=len(faces),
        notes=notes,
    )


def main_face(faces: Sequence[Face], frame_size: tuple[int, int]) -> Face:
    """The largest central face: box area, discounted towards 0 at the frame's corners."""
    center = np.array(frame_size[::-1]) / 2

    def prominence(face: Face) -> float:
        offset = np.linalg.norm(face.center - center) / np.linalg.norm(center)
        return face.area * (1 - offset)

    return max(faces, key=prominence)


def warp(frame: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Applies frame -> crop `transform` [2, 3]; uint8 [size, size, 3].

    Shrinking by more than two goes through an area-averaged copy, since bilinear
    sampling alone would skip pixels; outside the frame its border is repeated, since
    a black edge would be the strongest feature of the crop.
    """
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if scale < 0.5:
        height, width = frame.shape[:2]
        shrunk = max(1, round(width * scale)), max(1, round(height * scale))
        ratio = np.array([shrunk[0] / width, shrunk[1] / height])
        # OpenCV's pixel centres lie on integers: a resize by r maps x to r (x + .5) - .5.
        enlarge = np.array([1 / ratio[0], 1 / ratio[1]])
        shift = 0.5 * enlarge - 0.5
        transform = np.column_stack(
            [transform[:, :2] * enlarge, transform[:, 2] + transform[:, :2] @ shift]
        )
        frame = cv2.resize(frame, shrunk, interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(
        frame, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _resize_only(onset: np.ndarray, apex: np.ndarray, size: int) -> CroppedPair:
    height, width = onset.shape[:2]
    shrinks = size < max(height, width)
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    ratio = size / np.array([width, height])
    return CroppedPair(
        onset=cv2.resize(onset, (size, size), interpolation=how),
        apex=cv2.resize(apex, (size, size), interpolation=how),
        box=(0, 0, width, height),
        score=float("nan"),
        transform=np.column_stack([np.diag(ratio), 0.5 * ratio - 0.5]),
        n_faces=0,
    )


def _transform(face: Face, options: FaceOptions) -> tuple[np.ndarray, tuple[str, ...]]:
    """Frame -> crop [2, 3], and a note where the alignment had to be given up."""
    if options.whole_head:
        return _around_box(face, options), ()
    geometry = CropGeometry.of_margin(options.margin)
    expected = _eyes_of_box(face)
    if not options.align:
        return alignment(expected, geometry, options.size), ()
    left, right = face.eyes
    if right[0] - left[0] < MIN_EYE_DISTANCE * face.box[2]:
        note = "the eyes are too close together to align by: cropped upright, by the box"
        return alignment(expected, geometry, options.size), (note,)
    return alignment(face.eyes, geometry, options.size), ()


def alignment(eyes: np.ndarray, geometry: CropGeometry, size: int) -> np.ndarray:
    """The similarity that takes the two eyes to their places in a crop.

    With points as complex numbers it is z -> a z + b, and two points determine a and b.

    Args:
      eyes: float [2, 2]; (x, y) of the eye on the image's left, then of the other.
      geometry: where the pupils lie in the crop.
      size: side of the crop in pixels.

    Returns:
      float64 [2, 3]; frame pixels -> crop pixels.
    """
    half = geometry.distance / 2
    places = np.array([0.5 - half, 0.5 + half]) + 1j * geometry.height
    targets = places * size - (0.5 + 0.5j)  # OpenCV's pixel centres lie on integers
    left, right = eyes[:, 0] + 1j * eyes[:, 1]
    a = (targets[1] - targets[0]) / (right - left)
    b = targets[0] - a * left
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _eyes_of_box(face: Face) -> np.ndarray:
    """Where the eyes of an upright face in such a box should be, float64 [2, 2]."""
    _, top, _, height = face.box
    unit = height / BOX_HEIGHT
    middle = np.array([face.center[0], top + BOX_ABOVE * unit])
    return middle + unit * np.array([[-0.5, 0.0], [0.5, 0.0]])


def _around_box(face: Face, options: FaceOptions) -> np.ndarray:
    """Scale and shift: the square around the box, with its margin, fills the crop."""
    side = max(face.box[2:]) * (1 + 2 * options.margin)
    scale = options.size / side
    return np.column_stack([scale * np.eye(2), options.size / 2 - scale * face.center])


def _outside(transform: np.ndarray, frame_size: tuple[int, int], size: int) -> tuple[str, ...]:
    """A note where a large part of the crop lies outside the frame."""
    height, width = frame_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners @ transform[:, :2].T.astype(np.float32) + transform[:, 2].astype(np.float32)
    square = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
    inside = cv2.intersectConvexConvex(seen.astype(np.float32), square)[0] / size**2
    if inside >= 1 - MAX_OUTSIDE:
        return ()
    return (f"{1 - inside:.0%} of the crop lies outside the frame: its border was repeated",)
