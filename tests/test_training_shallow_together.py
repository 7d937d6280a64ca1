"""Folds fitted side by side are those of scikit-learn, each whatever the others are."""

import numpy as np
import pytest

from ethnicmer_jax.training.shallow import together
from ethnicmer_jax.training.shallow.classifier import Recipe, run_fold


def world(clips=60, width=12, classes=3, copies=2, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(clips) % classes)
    centres = rng.normal(size=(classes, width))
    features = 0.7 * centres[labels] + rng.normal(size=(copies, clips, width)) + 5
    features[..., 0] = 3.0  # a feature that never changes
    return features.astype(np.float32), labels


def folds(count, clips=60, seed=1):
    return (
        np.random.default_rng(seed).random((count, clips)) < np.linspace(0.3, 0.8, count)[:, None]
    )


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("c", [0.01, 1.0])
def test_they_are_those_of_scikit_learn(balanced, c):
    features, labels = world()
    recipe, train = Recipe("logistic", c, balanced), folds(5)
    made = together.probabilities(recipe, features, labels, train, 3)
    everything = np.ones(60, bool)
    for row, own in zip(made, train, strict=True):
        one = run_fold(recipe, features, labels, own, everything, 3)
        np.testing.assert_allclose(row, one, atol=0.005)
    np.testing.assert_allclose(made.sum(axis=2), 1, atol=1e-5)


def test_a_fold_is_the_same_in_any_company():
    features, labels = world()
    recipe, train = Recipe("logistic", 0.01, True), folds(40)
    among = together.probabilities(recipe, features, labels, train, 3)
    alone = together.probabilities(recipe, features, labels, train[7:8], 3)
    np.testing.assert_allclose(among[7], alone[0], atol=1e-5)


def test_a_fold_without_a_class_never_predicts_it():
    features, labels = world()
    train = folds(2) & ((np.arange(2)[:, None] == 1) | (labels != 2))
    recipe = Recipe("logistic", 0.01, True)
    made = together.probabilities(recipe, features, labels, train, 3)
    assert (made[0, :, 2] == 0).all()
    assert (made[1, :, 2] > 0).all()


def test_two_classes_are_those_of_scikit_learn():
    features, labels = world(classes=2)
    recipe, train = Recipe("logistic", 0.01, True), folds(1)
    made = together.probabilities(recipe, features, labels, train, 2)
    one = run_fold(recipe, features, labels, train[0], np.ones(60, bool), 2)
    np.testing.assert_array_equal(made[0], one)


def test_another_classifier_is_refused():
    features, labels = world()
    with pytest.raises(ValueError, match="svm cannot be fitted side by side"):
        together.probabilities(Recipe("svm", 1.0, True), features, labels, folds(1), 3)
