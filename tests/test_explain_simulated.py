"""On clips whose moving regions are known, maps of trained networks find them.

STSTNet reads its last map place by place, so what is tested here is Grad-CAM with the
gradient of every place (HiResCAM), to which plain Grad-CAM is equal where a network averages
its map. With one weight a channel the peak lies in the moving region hardly more often than
with random weights; the page of explanations says so of every method.
"""

import cv2
import jax
import numpy as np
import pytest
import worlds

from data_builders.simulation.options import BALANCED, SimulatedOptions
from data_builders.sources import simulated
from ethnicmer_jax import dataset
from ethnicmer_jax.explain import folds, sanity, views

OPTIONS = SimulatedOptions(seed=3, effect=0.0, cohorts=BALANCED, clips_per_subject=10.0)


def moving_cells(spec):
    """Bool [GRID, GRID]: cells of the crop of which more than half really moves."""
    left, top, right, bottom = simulated.crop_box(spec)
    region = np.pad(simulated.moving_region(spec).astype(np.float32), 400)
    crop = region[top + 400 : bottom + 400, left + 400 : right + 400]
    return cv2.resize(crop, (folds.GRID, folds.GRID), interpolation=cv2.INTER_AREA) > 0.5


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(truth, trained, random): regions of every clip, and maps of both kinds of networks."""
    data = dataset.from_records(simulated.draw_motion_fields(OPTIONS))
    truth = {spec.key: moving_cells(spec) for spec in simulated.specs(OPTIONS)}
    config = worlds.config(
        optim__epochs=15, optim__batch_size=32, checkpoint__keep="final", protocol__name="lodo"
    )
    engine = worlds.engine(config, data)
    workdir = tmp_path_factory.mktemp("lodo")
    engine.train(workdir)
    explainer = folds.Explainer(engine, views.choose(engine.learner.model), ["gradcam", "hirescam"])
    tests = {row: np.flatnonzero(mask) for row, mask in enumerate(engine.folds.test)}
    runs = engine.folds.run
    states = ((row, state.variables) for row, state in engine.states(workdir))
    trained = folds.explain(explainer, states, tests, runs)
    random = folds.explain(
        explainer,
        sanity.random_states(explainer, list(tests), seed=0),
        tests,
        runs,
        classes=sanity.classes_of(trained, runs, tests),
    )
    return np.stack([truth[key] for key in data.key]), trained, random


def rate(truth, explained, method):
    (maps,) = [maps for (name, _), maps in explained.maps.items() if name == method]
    return sanity.peak_hits(maps, truth[explained.clip]).mean()


def test_the_peak_lies_where_the_face_moves_three_times_as_often_as_by_chance(found):
    truth, trained, _ = found
    assert rate(truth, trained, "hirescam") > 3 * truth.mean()


def test_maps_collapse_under_random_weights(found):
    truth, trained, random = found
    # Not down to chance: the input is motion, and random networks answer to what moves, too.
    assert rate(truth, random, "hirescam") < 0.35 * rate(truth, trained, "hirescam")
    assert rate(truth, random, "hirescam") < 3 * truth.mean()
    for name, maps in random.maps.items():
        same = sanity.similarity(trained.maps[name], maps)
        assert abs(np.nanmean(same)) < 0.2


def test_a_clip_is_explained_by_the_class_that_its_fold_predicts(found):
    _, trained, random = found
    np.testing.assert_array_equal(trained.classes["final"], trained.predicted["final"])
    np.testing.assert_array_equal(random.classes["final"], trained.predicted["final"])
    assert (random.predicted["final"] != trained.predicted["final"]).any()
    assert jax.tree.all(jax.tree.map(lambda x: (x >= 0).all(), trained.maps))
