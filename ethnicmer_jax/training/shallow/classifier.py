"""One fold of a shallow classifier: fitted on its training clips, asked about its test clips.

Everything that is estimated (means and deviations of the standardisation, class weights,
the classifier) comes from the fold's training clips alone.
"""

from __future__ import annotations

import dataclasses

import ml_collections
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

DEFAULT_C = {"svm": 100.0, "logistic": 0.01}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a classifier is fitted.

    Attributes:
      name: "svm" (RBF kernel) or "logistic".
      c: inverse strength of the regularisation.
      balanced: whether every class counts the same.
    """

    name: str
    c: float
    balanced: bool

    @classmethod
    def of(cls, config: ml_collections.ConfigDict) -> Recipe:
        """The recipe of a config; `shallow.c` of 0 is the classifier's own."""
        name = config.classifier
        return cls(name, config.shallow.c or DEFAULT_C[name], config.loss.class_balanced)

    def __str__(self) -> str:
        what = "RBF support vector machine" if self.name == "svm" else "logistic regression"
        return f"{what}, C = {self.c:g}, {'' if self.balanced else 'not '}class-balanced"

    def unfitted(self) -> Pipeline:
        """Standardisation and classifier."""
        weight = "balanced" if self.balanced else None
        if self.name == "svm":
            # Ties between the pairwise votes go to the most confident class, not to the first.
            last: ClassifierMixin = SVC(C=self.c, class_weight=weight, break_ties=True)
        else:
            last = LogisticRegression(C=self.c, class_weight=weight, max_iter=10_000)
        return make_pipeline(StandardScaler(), last)


def fit(
    recipe: Recipe,
    features: Float[np.ndarray, "copies clips features"],
    labels: Int[np.ndarray, " clips"],
) -> BaseEstimator:
    """Fits a classifier; all copies of a clip are examples of their own.

    Args:
      recipe: see there.
      features: float [copies, m, d] of the m training clips.
      labels: int [m]. Where all are the same, so are all answers.
    """
    several = len(np.unique(labels)) > 1
    model = recipe.unfitted() if several else DummyClassifier(strategy="prior")
    rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
    return model.fit(rows, np.tile(labels, len(features)))


def probabilities(
    model: BaseEstimator, features: Float[np.ndarray, "copies clips features"], classes: int
) -> Float[np.ndarray, "clips {classes}"]:
    """Class probabilities: the mean over the copies of a clip.

    A support vector machine has none. Its scores (one against the rest, from the pairwise
    votes) go through a softmax instead: of one copy, the largest is always the class that
    the machine itself decides for. That orders clips by confidence but is not calibrated;
    scikit-learn's calibration is not used, as it splits the clips of a subject at random.

    Args:
      model: what `fit` returned.
      features: float [copies, t, d].
      classes: how many there are, also those that the model has not seen.

    Returns:
      float64 [t, classes]; 0 for classes that the model has not seen.
    """
    rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
    p = np.zeros((len(rows), classes))
    p[:, model.classes_] = _of_seen(model, rows)
    return p.reshape(*features.shape[:2], classes).mean(0)


def run_fold(
    recipe: Recipe,
    features: Float[np.ndarray, "copies clips features"],
    labels: Int[np.ndarray, " clips"],
    train: Bool[np.ndarray, " clips"],
    test: Bool[np.ndarray, " clips"],
    classes: int,
) -> Float[np.ndarray, "test {classes}"]:
    """Fits a fold and predicts its test clips.

    Args:
      recipe: see there.
      features: float [copies, n, d].
      labels: int [n].
      train: bool [n].
      test: bool [n], t of them.
      classes: how many.

    Returns:
      float64 [t, classes].
    """
    # With several threads, sums are rounded otherwise on another machine.
    with threadpool_limits(1):
        model = fit(recipe, features[:, train], labels[train])
        return probabilities(model, features[:, test], classes)


def _of_seen(model: BaseEstimator, rows: np.ndarray) -> np.ndarray:
    """Float64 [rows, classes that the model has seen]."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(rows)
    scores = model.decision_function(rows)
    # Of two classes there is one score: how much more the second one is likely.
    return softmax(scores if scores.ndim > 1 else np.stack([-scores / 2, scores / 2], 1), axis=1)
