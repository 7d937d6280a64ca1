"""Features of clips in a plane, and how far the clips of one label lie together.

Two projections of standardised features: principal components, which keep distances as far as
two axes can, and t-SNE (van der Maaten and Hinton, JMLR 2008), which keeps neighbours and
nothing else: its distances, sizes and gaps mean nothing. The score is the mean silhouette
(Rousseeuw 1987) over all features, not over the plane: 1 where clips lie by their own label,
0 where labels mix, below 0 where clips lie nearer to another label. It is a description: clips
of one subject are not independent.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

MIN_CLIPS = 8
"""Fewer are no cloud to look at."""

_EXACT = 600
"""Clips up to which t-SNE sums over all pairs."""

PROJECTIONS = {"pca": "PCA", "tsne": "t-SNE"}


@dataclasses.dataclass(frozen=True)
class FeatureSpace:
    """n clips in the features of one network, or of several.

    Attributes:
      points: one row per clip: every label, and <projection>_x and <projection>_y.
      scores: columns label, values (different ones), silhouette; NaN where it is undefined.
      explained: share of the variance that the two principal components hold.
    """

    points: pd.DataFrame
    scores: pd.DataFrame
    explained: float

    def silhouette(self, label: str) -> float:
        """The score of a label."""
        return float(self.scores.set_index("label")["silhouette"][label])

    @classmethod
    def of(
        cls,
        features: Float[np.ndarray, "clips _"],
        labels: Mapping[str, Shaped[np.ndarray, " clips"]],
        *,
        seed: int = 0,
    ) -> FeatureSpace | None:
        """Projects and scores; None for fewer than MIN_CLIPS clips or features that are all alike.

        Args:
          features: of every clip.
          labels: name -> the value of each clip, such as its emotion, group or fold.
          seed: of t-SNE.
        """
        if len(features) < MIN_CLIPS or not np.ptp(features, axis=0).any():
            return None
        scaled = StandardScaler().fit_transform(features.astype(np.float64))
        components = PCA(2, svd_solver="full") if scaled.shape[1] > 1 else None
        plane = components.fit_transform(scaled) if components else np.repeat(scaled, 2, axis=1)
        perplexity = min(30.0, (len(scaled) - 1) / 3)
        # The exact method is the same on any number of threads, and slow with many clips.
        method = "exact" if len(scaled) <= _EXACT else "barnes_hut"
        neighbours = TSNE(
            perplexity=perplexity, init="random", random_state=seed, method=method, max_iter=500
        )
        planes = {"pca": plane, "tsne": neighbours.fit_transform(scaled)}
        points = pd.DataFrame(dict(labels))
        for name, values in planes.items():
            points[[f"{name}_x", f"{name}_y"]] = values
        scores = [
            {
                "label": name,
                "values": len(set(values)),
                "silhouette": _silhouette(scaled, np.asarray(values)),
            }
            for name, values in labels.items()
        ]
        explained = float(components.explained_variance_ratio_.sum()) if components else 1.0
        return cls(points, pd.DataFrame(scores), explained)


def _silhouette(
    features: Float[np.ndarray, "clips _"], values: Shaped[np.ndarray, " clips"]
) -> float:
    if not 2 <= len(set(values)) < len(values):
        return math.nan
    return float(silhouette_score(features, values))
