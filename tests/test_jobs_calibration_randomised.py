"""The randomisation test of simulated databases: known truths, and the same by the long way."""

from __future__ import annotations

import ml_collections
import numpy as np
import pytest

from configs import plan as plan_config
from ethnicmer_jax.analysis import randomisation, relabellings
from ethnicmer_jax.analysis.relabellings import Relabellings
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.data import targets
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs.calibration import plan, randomised, rounds, worlds
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.jobs.planning import recording
from ethnicmer_jax.protocols import exchange, relabelling
from ethnicmer_jax.protocols.request import Request
from ethnicmer_jax.training.shallow import Shallow


def planned(text, **settings):
    config = plan_config.get_config()
    config.calibration.designs = ml_collections.ConfigDict()
    for name, design in recording.designs(recording.parse(text), plan_config.STYLES):
        config.calibration.designs[name] = design
    config.calibration.update(settings)
    config.engine.devices = 1
    return config


@pytest.fixture(scope="module")
def config():
    return planned("a:6+6")


@pytest.fixture(scope="module")
def leaning(config) -> Dataset:
    """A world of one laboratory in which each group has a dialect of its own."""
    return worlds.motion_fields(World("plan", 1.0, 0), config)


def test_a_strong_effect_is_found_and_none_is_not(config, leaning):
    found = randomised.judge(leaning, config)
    assert found == {"exact_p": pytest.approx(0.05), "found_exact": True}
    universal = worlds.motion_fields(World("plan", 0.0, 0), config)
    assert not randomised.judge(universal, config)["found_exact"]


def test_a_database_is_tested_where_the_config_says_so():
    every = [World("plan", 0.5, number) for number in range(3)]

    def tested(**settings):
        config = planned("a:6+6", **settings)
        return [plan.is_tested(world, config) for world in every]

    assert tested(relabellings=0) == [False] * 3
    assert tested(relabellings=39) == [True] * 3
    assert tested(relabellings=39, exact_databases=2) == [True, True, False]


def test_stopping_early_changes_no_decision(config, monkeypatch):
    data = [worlds.motion_fields(World("plan", 0.25, number), config) for number in range(3)]
    early = [randomised.test(one, config) for one in data]
    monkeypatch.setattr(randomisation, "stop_of_decision", lambda planned: 0)
    full = [randomised.test(one, config) for one in data]
    assert [t.p_value <= 0.05 for t in early] == [t.p_value <= 0.05 for t in full]
    assert min(len(t.null) for t in early) < 39
    assert {len(t.null) for t in full} == {39}


def test_the_statistic_is_that_of_predictions(config, leaning):
    groups = grouping("strict")
    request = Request(config.protocol, leaning, np.ones(len(leaning), bool), groups, (0,))
    batch = list(relabelling.possible(request, 1, 1))
    tables = [relabelling.rows(one, request, folds=4, deals=1) for one in batch]
    fast = np.stack(randomised._Fitted(leaning, config).sums(batch, tables))
    folds = type(tables[0]).concatenate(tables)
    labels = targets.build(leaning, config.model.ethnic_target, groups)
    predictions = Shallow(config, leaning, labels, folds).train()
    cells = exchange.trained_and_tested(predictions, folds, leaning.key, groups.names)
    slow = Relabellings.of(relabellings.tabulate(predictions, *cells), groups.names)
    np.testing.assert_allclose(fast.sum(axis=4), slow.sums.sum(axis=4), atol=1e-3)
    np.testing.assert_allclose(fast, slow.sums, atol=0.05)


def test_a_laboratory_of_one_group_adds_no_confound():
    # It shows and codes emotions in its own way, and differs in everything but the group.
    config = planned("a:5+5,b:8+0")
    design = config.calibration.designs.plan
    design.databases.b.update({"effect": 1.0, "intensity": 4.0, "flow_noise": 0.2})
    judged = [
        randomised.judge(worlds.motion_fields(World("plan", 0.0, number), config), config)
        for number in range(6)
    ]
    # Of 6 with a false-alarm rate of 5%, 3 or more are found in 2 of 1,000 such tests.
    assert sum(one["found_exact"] for one in judged) < 3


def test_a_second_laboratory_of_both_groups_adds_power(monkeypatch):
    # By how many standard deviations of the null the groups stand out, the mean of 2 worlds.
    monkeypatch.setattr(randomisation, "stop_of_decision", lambda planned: 0)

    def outstanding(text):
        config = planned(text, relabellings=19)
        data = (worlds.motion_fields(World("plan", 0.5, number), config) for number in range(2))
        found = [randomised.test(one, config) for one in data]
        return np.mean([test.excess / test.null.std() for test in found])

    one, two = outstanding("a:6+6"), outstanding("a:6+6,b:6+6")
    assert two > 1.2 * one > 0


def test_rounds_with_another_trainer_decide_alike(config, leaning):
    # The classifier of jobs, fold by fold; two databases, one decided long before the other.
    universal = worlds.motion_fields(World("plan", 0.0, 0), config)
    both = {World("plan", 1.0, 0): leaning, World("plan", 0.0, 0): universal}
    in_rounds = rounds.tests(both, config)
    for world, data in both.items():
        alone = randomised.test(data, config)
        assert in_rounds[world].p_value == pytest.approx(alone.p_value)
        assert in_rounds[world].observed == pytest.approx(alone.observed, abs=1e-3)
