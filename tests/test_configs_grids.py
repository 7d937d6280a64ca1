"""The configs with a grid: each point has to be possible, whatever data it meets."""

import pytest

from configs import ablation, best, habit, tuning
from ethnicmer_jax.base import reportable
from ethnicmer_jax.jobs.sweep import grid
from ethnicmer_jax.models import registry

GRIDS = {f"ablation:{variant}": ablation.get_config(variant) for variant in ablation.VARIANTS}
GRIDS |= {f"tuning:{variant}": tuning.get_config(variant) for variant in tuning.VARIANTS}


@pytest.mark.parametrize("name", GRIDS)
def test_every_point_of_a_grid_is_a_possible_job(name):
    points = grid.points(GRIDS[name])
    assert len(points) >= 2
    for point in points:
        config = point.config
        model = config.model.to_dict()
        registry.image_sizes(model)
        registry.build(model | {"n_emotions": 3, "n_ethnicities": 5})
        # Two have no random part; one run of six recipes is what two cores can train.
        once = name in ("tuning:logistic", "tuning:svm", "tuning:recipe")
        assert config.protocol.seeds == (1 if once else 5)
        assert config.name == f"{name}, {point.name}"


def test_the_first_point_is_the_plain_network():
    for variant in ablation.VARIANTS:
        first = grid.points(ablation.get_config(variant))[0].config
        assert first.model.fusion == "none"
        assert first.classifier == "network"
        assert first.model == grid.points(ablation.get_config())[0].config.model


@pytest.mark.parametrize("variant", habit.VARIANTS)
def test_every_point_of_the_habit_is_a_possible_job_that_peeks(variant):
    for point in grid.points(habit.get_config(variant)):
        assert reportable.fault(point.config.to_dict())
        model = point.config.model.to_dict()
        registry.build(model | {"n_emotions": 3, "n_ethnicities": 5})


@pytest.mark.parametrize("module", [ablation, habit, tuning])
def test_every_variant_is_explained_and_another_refused(module):
    for variant in module.VARIANTS:
        assert f"\n  {variant} " in module.__doc__
    with pytest.raises(ValueError, match="variant 'all': choose one of"):
        module.get_config("all")


@pytest.mark.parametrize("variant", tuning.VARIANTS)
def test_tuning_chooses_on_training_subjects(variant):
    assert tuning.get_config(variant).protocol.name == "nested"


def test_the_best_recipe_is_a_candidate():
    """What was chosen and what is run are the same settings."""
    mine = best.get_config().to_dict()
    candidates = [point.config.to_dict() for point in grid.points(tuning.get_config("recipe"))]
    parts = ("classifier", "data", "augment", "model", "shallow", "loss", "optim", "init")
    assert {name: mine[name] for name in parts} in [
        {name: candidate[name] for name in parts} for candidate in candidates
    ]
