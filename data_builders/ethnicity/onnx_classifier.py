"""The annotator `onnx`: any face classifier in an ONNX file.

What the file does not say (the meaning of its outputs, how pixels are normalised)
has to be given.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import onnxruntime
from scipy.special import softmax

from data_builders.ethnicity.frame_annotator import Judgement
from data_builders.ethnicity.votes import columns_of
from ethnicmer_jax.base.imagenet import IMAGENET_MEAN, IMAGENET_STD
from ethnicmer_jax.base.schema import UserError

SCORES = ("logits", "probabilities")
DEFAULT_SIZE = 224


@dataclasses.dataclass(frozen=True)
class OnnxSpec:
    """What an ONNX file does not say about itself.

    Attributes:
      path: the file; its first output is float [1, classes].
      classes: what each output stands for, a key of `votes.LABEL_OF`; classes that
        stand for the same label are summed.
      mean, std: per RGB channel; the input is (pixel / 255 - mean) / std.
      scores: "logits" (a softmax is applied) or "probabilities".
      margin: share of the face's size around the face in the crops it was trained on.
      name: how the annotator is called in the results.
    """

    path: pathlib.Path
    classes: Sequence[str]
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    scores: str = "logits"
    margin: float = 0.25
    name: str = "onnx"

    def __post_init__(self):
        if self.scores not in SCORES:
            raise UserError(f"the model's scores are one of {SCORES}, not {self.scores!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise UserError("mean and std need three numbers each (R, G, B), std above 0")


class OnnxClassifier:
    """`Classifier` over an ONNX file, on one CPU thread so that results repeat.

    Raises:
      UserError: the file cannot be read, or is not a classifier of RGB images with
        the classes that the spec names.
    """

    def __init__(self, spec: OnnxSpec):
        self.name, self.margin = spec.name, spec.margin
        self._spec = spec
        self._to_labels = columns_of(spec.classes)
        self._session = _open(spec.path)
        entry = self._session.get_inputs()[0]
        self._input = entry.name
        self._channels_last, self.size = _layout(spec.path, entry)
        try:
            self.judge(np.zeros((self.size, self.size, 3), np.uint8))
        except ValueError as error:
            raise UserError(f"{spec.path}: {error}") from error

    def judge(self, face: np.ndarray) -> Judgement:
        """See `Classifier.judge`.

        Raises:
          ValueError: the output is not one score per class.
        """
        pixels = (face.astype(np.float32) / 255 - np.float32(self._spec.mean)) / np.float32(
            self._spec.std
        )
        if not self._channels_last:
            pixels = pixels.transpose(2, 0, 1)
        output = self._session.run(None, {self._input: np.ascontiguousarray(pixels[None])})[0]
        scores = np.asarray(output, np.float64)
        if scores.shape != (1, len(self._spec.classes)):
            raise ValueError(
                f"the model's output has shape {scores.shape}, "
                f"but {len(self._spec.classes)} classes are named"
            )
        if not np.isfinite(scores).all():
            raise ValueError("the model's output is not finite")
        return Judgement(tuple(map(float, self._probabilities(scores[0]) @ self._to_labels)))

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        if self._spec.scores == "logits":
            return softmax(scores)
        if (scores < 0).any() or abs(scores.sum() - 1) > 1e-3:
            raise ValueError("the model's output is no probabilities; name its scores logits")
        return scores / scores.sum()


def _open(path: pathlib.Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise UserError(f"there is no ONNX file {path}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own classes, without a common base
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} cannot be read as an ONNX model ({reason})") from error


def _layout(path: pathlib.Path, entry: onnxruntime.NodeArg) -> tuple[bool, int]:
    """Whether channels come last, and the side of the square input in pixels."""
    shape = entry.shape
    if entry.type != "tensor(float)" or len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise UserError(
            f"{path} takes {entry.type} {shape}, not float [1, 3, H, W] or [1, H, W, 3]"
        )
    channels_last = shape[1] != 3
    sides = [
        side for side in (shape[1:3] if channels_last else shape[2:4]) if isinstance(side, int)
    ]
    if len(set(sides)) > 1:
        raise UserError(f"{path} takes images of {sides[0]}×{sides[1]} px; crops are square")
    return channels_last, sides[0] if sides else DEFAULT_SIZE
