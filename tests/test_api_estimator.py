"""The classifier as scikit-learn sees it, on flow that has something to learn."""

import os
import pathlib
import pickle
import subprocess
import sys

import jax
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import ethnicmer_jax as em
from ethnicmer_jax.api.estimator import NoImageWarning
from ethnicmer_jax.jobs import preparation

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRAINING = (
    # Checks that train: of other numbers of classes and clips, which are other programs.
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_1feature",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_supervised_y_2d",
)


def clips(n=36, size=8, seed=0):
    """Flow of which a third moves: where, is the class; six people."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, size, size, 3)).astype(np.float32)
    y = np.arange(n) % 3
    for image, label in zip(X, y, strict=True):
        image[label * size // 3 : (label + 1) * size // 3] += 4
    return X, np.array(["negative", "positive", "surprise"])[y], np.arange(n) // 3 % 6


def classifier(**changed):
    return em.MicroExpressionClassifier(**{"epochs": 3, "random_state": 0, **changed})


@pytest.fixture(scope="module")
def fitted():
    X, y, subjects = clips()
    return classifier().fit(X, y, groups=subjects)


def test_it_learns_and_tells_probabilities(fitted):
    X, y, _ = clips(seed=1)
    p = fitted.predict_proba(X)
    assert p.shape == (36, 3)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (fitted.predict(X) == fitted.classes_[p.argmax(axis=1)]).all()
    assert fitted.score(X, y) > 0.8
    assert fitted.features(X).shape[0] == 36


def test_flattened_images_are_the_same_images(fitted):
    X, y, _ = clips()
    rows = X.reshape(len(X), -1)
    assert fitted.n_features_in_ == 192
    assert fitted.image_shape_ == (8, 8, 3)
    expected = fitted.predict_proba(X)
    assert (fitted.predict_proba(rows) == expected).all()
    assert (fitted.predict_proba(list(X)) == expected).all()
    assert (classifier().fit(rows, y).predict_proba(X) == expected).all()


def test_a_clip_s_answer_does_not_depend_on_its_company(fitted):
    X, _, _ = clips()
    whole = fitted.predict_proba(X)
    assert np.allclose(fitted.predict_proba(X[5:6]), whole[5:6], atol=1e-6)
    assert np.allclose(fitted.predict_proba(X[::-1])[::-1], whole, atol=1e-6)


def test_the_seed_decides_and_nothing_else(fitted):
    X, y, _ = clips()
    assert (clone(fitted).fit(X, y).predict_proba(X) == fitted.predict_proba(X)).all()
    other = classifier(random_state=1).fit(X, y)
    assert (other.predict_proba(X) != fitted.predict_proba(X)).any()


def test_pickled_it_answers_alike(fitted):
    X, _, _ = clips()
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()


@pytest.mark.slow
def test_pickled_it_answers_alike_in_another_process(fitted, tmp_path):
    X, _, _ = clips()
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    code = (
        "import pickle, numpy as np\n"
        "model = pickle.load(open('model.pickle', 'rb'))\n"
        "np.save('p.npy', model.predict_proba(np.load('x.npy')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    assert np.allclose(np.load(tmp_path / "p.npy"), fitted.predict_proba(X), atol=1e-6)


def test_it_goes_into_cross_validation_searches_and_pipelines():
    X, y, subjects = clips()
    predicted = cross_val_predict(
        classifier(epochs=10), X, y, groups=subjects, cv=LeaveOneGroupOut(), method="predict_proba"
    )
    assert (np.array(sorted(set(y)))[predicted.argmax(1)] == y).mean() > 0.8
    pipeline = make_pipeline(FunctionTransformer(lambda rows: 2 * rows), classifier())
    search = GridSearchCV(pipeline, {"microexpressionclassifier__epochs": [1, 3]}, cv=GroupKFold(2))
    search.fit(X.reshape(len(X), -1), y, groups=subjects)
    assert search.best_params_ == {"microexpressionclassifier__epochs": 3}


def test_whoever_taught_is_not_predicted(fitted):
    X, _, subjects = clips()
    for ask in (fitted.predict, fitted.predict_proba, fitted.features):
        with pytest.raises(ValueError, match="taught"):
            ask(X, groups=subjects)
    assert len(fitted.predict(X, groups=subjects + 100)) == len(X)


def test_with_metadata_routing_a_splitter_that_mixes_people_is_found_out():
    X, y, subjects = clips()
    with sklearn.config_context(enable_metadata_routing=True):
        asked = classifier(epochs=1).set_fit_request(groups=True).set_score_request(groups=True)
        arguments = {"params": {"groups": subjects}, "error_score": "raise"}
        cross_validate(asked, X, y, cv=GroupKFold(2), **arguments)
        with pytest.raises(ValueError, match="taught"):
            cross_validate(asked, X, y, cv=KFold(2, shuffle=True, random_state=0), **arguments)


def test_rows_that_are_no_images_are_taken_with_a_warning():
    X, y, _ = clips()
    rows = X.reshape(len(X), -1)[:, :100]
    with pytest.warns(NoImageWarning, match="100 features"):
        model = classifier(epochs=1).fit(rows, y)
    assert model.image_shape_ == (6, 6, 3)
    assert model.predict(rows).shape == (36,)


def test_an_oblong_image_needs_its_shape():
    X, y, _ = clips()
    model = classifier(epochs=1, image_shape=(6, 8, 3)).fit(X[:, :6].reshape(36, -1), y)
    assert (model.predict_proba(X[:, :6]) == model.predict_proba(X[:, :6].reshape(36, -1))).all()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"epochs": 0}, r"optim\.epochs"),
        ({"backbone": "resnet"}, "ststnet"),
        ({"scaling": "log"}, "minmax"),
        ({"image_shape": (4, 4, 3)}, "image_shape"),
        ({"overrides": {"model.fusion": "mtl"}}, "fusion"),
        ({"overrides": {"optim.epoch": 2}}, "did you mean"),
        ({"random_state": -1}, "seed"),
        ({"overrides": {"init.path": "runs/pretrained"}}, "starts at random"),
        ({"overrides": {"loss.balanced_over": "group"}}, "is not told databases"),
        ({"overrides": {"loss.robust": "database"}}, "is not told databases"),
        ({"overrides": {"data.standardise": "database"}}, "is not told databases"),
    ],
)
def test_parameters_that_cannot_be_are_value_errors(changed, says):
    X, y, _ = clips()
    with pytest.raises(ValueError, match=says):
        classifier(**changed).fit(X.reshape(36, -1), y)


def test_images_that_cannot_be_are_value_errors(fitted):
    X, y, _ = clips()
    with pytest.raises(ValueError, match="one class"):
        classifier().fit(X, np.zeros(36))
    with pytest.raises(ValueError, match="u, v, strain"):
        classifier().fit(X[..., :2], y)
    with pytest.raises(ValueError, match="fit has seen"):
        fitted.predict(X.reshape(36, 4, 16, 3))
    with pytest.raises(ValueError, match="inconsistent"):
        classifier().fit(X, y, groups=[1, 2])


QUICK = [
    pytest.param(check, id=check.func.__name__)
    for _, check in estimator_checks_generator(em.MicroExpressionClassifier())
    if check.func.__name__ not in TRAINING
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", QUICK)
def test_checks_of_scikit_learn_that_train_nothing(check):
    check(em.MicroExpressionClassifier(epochs=1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_check_of_scikit_learn():
    """With the defaults, and no check expected to fail."""
    check_estimator(em.MicroExpressionClassifier())


@pytest.mark.slow
def test_it_is_the_final_model_of_a_job_on_the_same_clips(tmp_path):
    """One engine, one stream: no second way to train."""
    made = em.config("smoke", {"data.data_dir": tmp_path, "engine.devices": 1})
    prepared = preparation.prepare(made)
    (row,) = np.flatnonzero(prepared.plan.folds.test.sizes == 0)
    states = dict(prepared.trainer.trained())
    drawn = {f"data.{name}": made.data[name] for name in ("simulated", "detector", "flow_method")}
    X, y, _ = em.open_database("simulated", data_dir=tmp_path, overrides=drawn).xy()
    ours = em.MicroExpressionClassifier(epochs=made.optim.epochs, random_state=made.seed)
    found = ours.fit(X, y).network_.variables["params"]
    expected = states[int(row)].params
    alike = jax.tree.map(lambda a, b: (np.asarray(b) == a).all(), found, dict(expected))
    assert jax.tree.all(alike)
