"""Features in a plane: known clouds are scored as what they are."""

import numpy as np
import pytest

from ethnicmer_jax.analysis.feature_space import MIN_CLIPS, FeatureSpace
from ethnicmer_jax.report import feature_figures

BY = {"emotion": "by emotion", "group": "by group"}


def clouds(n=20):
    """Two clouds far apart by emotion; groups are dealt without regard to them."""
    rng = np.random.default_rng(0)
    emotion = np.repeat(["negative", "positive"], n)
    features = rng.normal(size=(2 * n, 6)).astype(np.float32)
    features[emotion == "positive"] += 8
    return features, {"emotion": emotion, "group": np.tile(["Asian", "Non-Asian"], n)}


@pytest.fixture(scope="module")
def space():
    return FeatureSpace.of(*clouds())


def test_a_label_that_the_features_tell_has_a_high_silhouette_and_another_has_not(space):
    assert space.silhouette("emotion") > 0.6
    assert abs(space.silhouette("group")) < 0.1
    assert 0.5 < space.explained <= 1
    apart = space.points.groupby("emotion")["pca_x"].mean()
    assert abs(apart["negative"] - apart["positive"]) > 3


def test_the_same_seed_gives_the_same_plane():
    first, again = (FeatureSpace.of(*clouds(5), seed=3).points for _ in range(2))
    assert first.equals(again)


def test_what_is_no_cloud_is_not_drawn_and_one_value_has_no_score():
    features, labels = clouds()
    few = {name: values[: MIN_CLIPS - 1] for name, values in labels.items()}
    assert FeatureSpace.of(features[: MIN_CLIPS - 1], few) is None
    assert FeatureSpace.of(np.zeros_like(features), labels) is None
    alike = FeatureSpace.of(features[::3], {"emotion": np.full(len(features[::3]), "negative")})
    assert np.isnan(alike.silhouette("emotion"))


@pytest.mark.filterwarnings("error")
def test_the_figure_tells_its_scores(space):
    drawn = feature_figures.scatter(space, BY, name="n", caption="c", alt="A.")
    assert "Silhouettes: by emotion ." in drawn.alt
    assert "nan" not in drawn.svg
