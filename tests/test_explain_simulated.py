"""On clips whose moving regions are known, maps of trained networks find them, others do not.

Grad-CAM is tested where one weight a channel can mean something: on a network that averages
its last map (ResNet-18), at a stage whose cells are smaller than what moves. STSTNet reads its
map place by place; there the same is asked of the gradient of every place (HiResCAM).
"""

import dataclasses

import cv2
import drawn_truth
import numpy as np
import pytest
import worlds

from data_builders.simulation.options import BALANCED, SimulatedOptions
from data_builders.sources import simulated
from ethnicmer_jax.data import dataset
from ethnicmer_jax.explain import folds, sanity, views

pytestmark = pytest.mark.slow

OPTIONS = SimulatedOptions(seed=1, effect=0.0, cohorts=BALANCED, clips_per_subject=10.0)
RANDOM_NETWORKS = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, and which map of it is tested."""

    method: str
    layer: str
    size: int
    config: dict


CASES = {
    "resnet18": Case(
        "gradcam",
        "stage2",
        96,
        {
            "model__emotion_backbone": "resnet18",
            "model__emotion_options": "widths=8+16+16+16",
            "model__image_size": 96,
            "optim__epochs": 8,
        },
    ),
    "ststnet": Case("hirescam", "last", 28, {"optim__epochs": 15}),
}


@dataclasses.dataclass(frozen=True)
class Found:
    """Rates at which the peak lies in the moving region, and the rate by chance."""

    chance: float
    trained: float
    random: float
    explained: folds.ClipMaps


def moving_cells(spec):
    """Bool [GRID, GRID]: cells of the crop of which more than half really moves."""
    left, top, right, bottom = drawn_truth.crop_box(spec)
    region = np.pad(drawn_truth.moving_region(spec).astype(np.float32), 400)
    crop = region[top + 400 : bottom + 400, left + 400 : right + 400]
    return cv2.resize(crop, (folds.GRID, folds.GRID), interpolation=cv2.INTER_AREA) > 0.5


def measure(case, options, workdir):
    """Trains on one database and explains the clips of the other."""
    data = worlds.classed(
        dataset.from_records(simulated.draw_motion_fields(options, size=case.size))
    )
    config = worlds.config(
        data__flow_size=case.size,
        optim__batch_size=32,
        checkpoint__keep="final",
        protocol__name="lodo",
        **case.config,
    )
    engine = worlds.engine(config, data, rows=[0])
    engine.train(workdir)
    chosen = views.choose(engine.learner.model)
    explainer = folds.Explainer(engine, chosen, [case.method], case.layer)
    tests, runs = {0: np.flatnonzero(engine.folds.test[0])}, engine.folds.run
    states = ((row, state.variables) for row, state in engine.states(workdir))
    trained = folds.explain(explainer, states, tests, runs)
    classes = sanity.classes_of(trained, runs, tests)
    random = [
        folds.explain(
            explainer, sanity.random_states(explainer, [0], seed), tests, runs, classes=classes
        )
        for seed in range(RANDOM_NETWORKS)
    ]
    truth = {spec.key: moving_cells(spec) for spec in simulated.specs(options)}
    region = np.stack([truth[data.key[clip]] for clip in tests[0]])

    def rate(explained):
        return sanity.peak_hits(explained.maps[case.method, chosen[0]], region).mean()

    return Found(region.mean(), rate(trained), np.mean([rate(one) for one in random]), trained)


@pytest.fixture(scope="module", params=CASES)
def found(request, tmp_path_factory):
    return measure(CASES[request.param], OPTIONS, tmp_path_factory.mktemp("lodo"))


def test_the_peak_lies_where_the_face_moves_three_times_as_often_as_by_chance(found):
    assert found.trained > 3 * found.chance


def test_the_peak_collapses_under_random_weights(found):
    # Not down to chance: the input is motion, and random networks answer to what moves, too.
    assert found.random < found.trained / 2
    assert found.random < 2 * found.chance


def test_a_clip_is_explained_by_the_class_that_its_fold_predicts(found):
    explained = found.explained
    np.testing.assert_array_equal(explained.classes["final"], explained.predicted["final"])
    assert all((maps >= 0).all() for maps in explained.maps.values())
