"""The network as an estimator of scikit-learn: fit, predict, predict_proba."""

from __future__ import annotations

import dataclasses
import math
import numbers
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import ml_collections
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ethnicmer_jax.api import arrays
from ethnicmer_jax.api import config as configs
from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError
from ethnicmer_jax.data import adaptation

_CHANNELS = 3
_UNIT = "percent_of_width"
_SEEDS = 2**31 - 1


class NoImageWarning(UserWarning):
    """Rows of numbers that are no image of u, v and strain were given to a network for images."""


class MicroExpressionClassifier(ClassifierMixin, BaseEstimator):
    """A network for optical flow of micro-expressions, with scikit-learn's habits.

    One network is trained on everything that `fit` is given, by the engine that trains the
    folds of a job; it goes into `cross_val_predict`, `GridSearchCV`, `Pipeline`, `clone` and
    pickle like any classifier. It does not know ethnicities: fusions are for `em.run`.

    X is flow, float [n, H, W, 3]: u, v and optical strain from onset to apex, as in
    `em.Database.flow`. It may be flattened to [n, H·W·3]; without `image_shape`, rows of
    3·S² numbers are S×S images. Any other row of numbers is filled up with zeros to the next
    such image, neither scaled nor mirrored, and a `NoImageWarning` says so.

    People: whoever cross-validates passes subjects to the splitter (`groups=subjects` with
    LeaveOneGroupOut or StratifiedGroupKFold). `fit(X, y, groups=subjects)` also remembers who
    taught, and `predict` and `score` with groups then refuse clips of these people. With
    metadata routing (`set_fit_request(groups=True)`, `set_score_request(groups=True)`)
    `cross_validate(..., error_score="raise")` passes them itself.

    Args:
      backbone: "ststnet" (28×28, fast), "off_apexnet", "dual_inception", "rcn",
        "dual_atme", "htnet", "resnet18", "tiny_vit_5m", "tiny_vit_21m", "swin_b" or "vgg_face".
      epochs: passes over the clips; nothing stops early.
      learning_rate: Adam's, which falls by 2% an epoch.
      batch_size: clips in a step.
      dropout: share of the features that are dropped in training, in [0, 1).
      mirror: whether clips are mirrored at random in training, and both copies averaged in
        prediction.
      scaling: of u, v and strain, clip by clip: "minmax", "median", "rms" or "none".
      class_balanced: whether every class counts the same.
      image_shape: (H, W, 3) of flattened images.
      overrides: further settings, such as {"optim.weight_decay": 0.01}; see `em.config`.
        Not `init.path` and `init.ethnic_path`: `em.run` checks whom weights have learnt from.
      random_state: int or RandomState. An int is the seed itself.

    Attributes:
      classes_: [classes], the distinct labels.
      n_features_in_: numbers in a row of X, H·W·3.
      image_shape_: (H, W, 3) of the images.
      groups_: the people that taught; None where `fit` was not told.
      network_: the trained network.

    Example:
      >>> import ethnicmer_jax as em
      >>> from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
      >>> X, y, subjects = em.open_database("simulated").xy()  # doctest: +SKIP
      >>> model = em.MicroExpressionClassifier(random_state=0)
      >>> cross_val_predict(  # doctest: +SKIP
      ...     model, X, y, groups=subjects, cv=LeaveOneGroupOut())
    """

    def __init__(
        self,
        backbone: str = "ststnet",
        *,
        epochs: int = 20,
        learning_rate: float = 1e-3,
        batch_size: int = 32,
        dropout: float = 0.5,
        mirror: bool = True,
        scaling: str = "minmax",
        class_balanced: bool = True,
        image_shape: tuple[int, int, int] | None = None,
        overrides: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.backbone = backbone
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.dropout = dropout
        self.mirror = mirror
        self.scaling = scaling
        self.class_balanced = class_balanced
        self.image_shape = image_shape
        self.overrides = overrides
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Trains a network on all clips.

        Args:
          X: [n, H, W, 3], or flattened; see the class.
          y: [n], classes; at least two different ones.
          groups: [n], the person of each clip, whom `predict` then refuses. Training itself
            does not depend on them.

        Raises:
          ValueError: X, y or a parameter is not possible.
        """
        rows, shape = _unfolded(X)
        rows, y = validate_data(self, rows, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(column_or_1d(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"MicroExpressionClassifier needs two classes or more, and y holds only one "
                f"class: {self.classes_[0]!r}"
            )
        self.groups_ = None if groups is None else np.unique(_groups(groups, rows))
        self.image_shape_ = _image_shape(rows.shape[1], shape or self.image_shape)
        self._is_image = math.prod(self.image_shape_) == rows.shape[1]
        if not self._is_image:
            warnings.warn(_no_image(rows.shape[1], self.image_shape_), NoImageWarning, 2)
        self.network_ = self._fitted(rows, labels.astype(np.int32))
        return self

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
        """The most probable class of each clip, [n].

        Args:
          X: [n, H, W, 3], or flattened, as in `fit`.
          groups: [n], the person of each clip.

        Raises:
          ValueError: a clip shows somebody who taught this network.
        """
        best = self.predict_proba(X, groups).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
        """The probability of each class under this network, float64 [n, classes].

        Args:
          X: [n, H, W, 3], or flattened, as in `fit`.
          groups: [n], the person of each clip.

        Raises:
          ValueError: a clip shows somebody who taught this network.
        """
        clips = self._clips(X, groups)
        values = self.network_.probabilities(clips).astype(np.float64)
        return values / values.sum(axis=1, keepdims=True)

    def features(self, X: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
        """What the network's last layer reads of each clip, not mirrored, float32 [n, d].

        Args:
          X: [n, H, W, 3], or flattened, as in `fit`.
          groups: [n], the person of each clip.

        Raises:
          ValueError: a clip shows somebody who taught this network.
        """
        clips = self._clips(X, groups)
        return self.network_.features(clips)

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> float:
        """The accuracy on these clips, in [0, 1].

        Args:
          X: [n, H, W, 3], or flattened, as in `fit`.
          y: [n], the true classes.
          sample_weight: [n], how much each clip counts.
          groups: [n], the person of each clip.

        Raises:
          ValueError: a clip shows somebody who taught this network.
        """
        return float(accuracy_score(y, self.predict(X, groups), sample_weight=sample_weight))

    def _fitted(self, rows: np.ndarray, labels: np.ndarray) -> Any:
        # Importing JAX takes seconds; a search that is set up does not need it.
        from ethnicmer_jax.data.targets import Targets
        from ethnicmer_jax.training import one_network

        names = tuple(f"class{number}" for number in range(len(self.classes_)))
        ethnic = np.full(len(rows), -1, np.int32)
        ethnic_names = tuple(name for name in ETHNICITIES if name != UNKNOWN)
        images = arrays.clips(self._images(rows), _UNIT)
        dataset = dataclasses.replace(images, emotion=labels, emotion_names=names)
        targets = Targets(labels, names, ethnic, ethnic_names)
        try:
            return one_network.fit(self._config(), dataset, targets)
        except UserError as error:
            raise ValueError(str(error)) from None

    def _config(self) -> ml_collections.ConfigDict:
        seed = self.random_state
        if not isinstance(seed, numbers.Integral):
            seed = check_random_state(seed).randint(_SEEDS)
        settings = {
            "name": "estimator",
            "seed": int(seed),
            "engine.devices": 1,
            "model.emotion_backbone": self.backbone,
            "model.dropout": self.dropout,
            "optim.epochs": self.epochs,
            "optim.learning_rate": self.learning_rate,
            "optim.batch_size": self.batch_size,
            "data.mirror": self.mirror and self._is_image,
            "data.flow_scaling": self.scaling if self._is_image else "none",
            "loss.class_balanced": self.class_balanced,
        }
        made = configs.config("common", {**settings, **(self.overrides or {})})
        if made.model.fusion != "none" or made.model.emotion_input != "flow":
            raise UserError(
                "MicroExpressionClassifier sees flow alone: leave model.fusion at none and "
                "model.emotion_input at flow, or use em.run"
            )
        told = [*adaptation.by_database(made), *adaptation.by_group(made)]
        if told:
            raise UserError(
                f"MicroExpressionClassifier is not told databases and ethnicities, and {told[0]} "
                "needs them: leave it out, or use em.run"
            )
        if reason := reportable.fault(made.to_dict()):
            raise UserError(f"MicroExpressionClassifier sees no test clips; leave out: {reason}")
        if made.init.path or made.init.ethnic_path:
            raise UserError(
                "MicroExpressionClassifier starts at random, since it does not know whom weights "
                "have learnt from: leave init.path and init.ethnic_path empty, or use em.run"
            )
        return made

    def _clips(self, X: ArrayLike, groups: ArrayLike | None) -> Any:
        check_is_fitted(self)
        rows, shape = _unfolded(X)
        if shape is not None and shape != self.image_shape_:
            raise ValueError(f"X holds images {shape}; fit has seen {self.image_shape_}")
        rows = validate_data(self, rows, dtype=np.float32, reset=False)
        if groups is not None and self.groups_ is not None:
            taught = np.intersect1d(_groups(groups, rows), self.groups_)
            if len(taught):
                raise ValueError(
                    f"{len(taught)} people of these clips taught this network, such as "
                    f"{taught[0]!r}: hold them out with groups in the splitter"
                )
        return arrays.clips(self._images(rows), _UNIT)

    def _images(self, rows: np.ndarray) -> np.ndarray:
        images = np.zeros((len(rows), math.prod(self.image_shape_)), np.float32)
        images[:, : rows.shape[1]] = rows
        return images.reshape(-1, *self.image_shape_)


def _unfolded(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """X as rows, and the shape of its images where it has images."""
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) == 3:
        X = np.asarray(X)
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) != 4:
        return X, None
    if shape[3] != _CHANNELS or not shape[0]:
        raise ValueError(f"X is {list(shape)}; images are [n, H, W, 3] with n > 0: u, v, strain")
    return np.asarray(X).reshape(shape[0], -1), tuple(shape[1:])


def _image_shape(features: int, given: Sequence[int] | None) -> tuple[int, int, int]:
    if given is not None:
        if len(given) != 3 or given[2] != _CHANNELS or math.prod(given) != features:
            raise ValueError(f"image_shape {given} is not (H, W, 3) of {features} features")
        height, width, channels = given
        return height, width, channels
    side = math.isqrt(max(-(-features // _CHANNELS) - 1, 0)) + 1
    return side, side, _CHANNELS


def _groups(groups: ArrayLike, rows: np.ndarray) -> np.ndarray:
    people = column_or_1d(groups)
    check_consistent_length(people, rows)
    return people


def _no_image(features: int, shape: tuple[int, int, int]) -> str:
    return (
        f"{features} features are no image of u, v and strain: they are filled up with zeros to "
        f"{' × '.join(map(str, shape))}, and neither scaled nor mirrored"
    )
