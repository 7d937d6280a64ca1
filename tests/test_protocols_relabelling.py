"""Groups permuted within databases: who moves, what stays, and what the handover holds."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from configs import calibrate as calibrate_config
from ethnicmer_jax.analysis import relabellings
from ethnicmer_jax.analysis.relabellings import Relabellings
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.calibration import worlds
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.protocols import exchange, relabelling, study
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.request import Request

SIDES = ("asian", "non_asian")


@pytest.fixture(scope="module")
def request_of():
    """A request for one database of a calibration's design."""

    def made(design="balanced_08", **protocol):
        config = calibrate_config.get_config()
        config.protocol.update(protocol)
        data = worlds.motion_fields(World(design, 0.0, 3), config)
        return Request(config.protocol, data, np.ones(len(data), bool), grouping("strict"), [0])

    return made


@pytest.fixture(scope="module")
def balanced(request_of):
    return request_of()


def sizes(request, side):
    """Subjects of either side by database."""
    dataset = request.dataset
    return {
        (database, which): len(np.unique(dataset.person[(dataset.database == database) & of]))
        for database in np.unique(dataset.database)
        for which, of in ((0, side == 0), (1, side == 1), (-1, side == -1))
    }


def test_number_0_is_the_groups_as_they_are(balanced):
    assert np.array_equal(relabelling.sides(balanced, 0, 0), balanced.group)


@pytest.mark.parametrize("number", [1, 2, 77])
def test_subjects_move_whole_and_within_databases(request_of, number):
    request = request_of("confounded")
    side = relabelling.sides(request, 0, number)
    assert sizes(request, side) == sizes(request, request.group)
    assert all(len(set(side[request.dataset.person == p])) == 1 for p in request.dataset.person)
    alone = request.dataset.database == "simcasme2"
    assert np.array_equal(side[alone], request.group[alone])
    assert not np.array_equal(side[~alone], request.group[~alone])


def test_a_relabelling_depends_on_the_seed_of_draws_and_its_number_alone(balanced):
    again = relabelling.sides(balanced, 0, 5)
    assert np.array_equal(again, relabelling.sides(balanced, 0, 5))
    assert not np.array_equal(again, relabelling.sides(balanced, 0, 6))
    assert not np.array_equal(again, relabelling.sides(balanced, 1, 5))


def test_everybody_is_on_either_side_about_equally_often(balanced):
    side = np.mean([relabelling.sides(balanced, 0, number) for number in range(1, 400)], axis=0)
    assert abs(side - 0.5).max() < 0.1


def test_the_groups_as_they_are_come_first_and_like_all_others(balanced):
    made = list(relabelling.possible(balanced, 4, draws=2))
    assert [one.number for one in made] == [0, 1, 2, 3, 4]
    persons = balanced.dataset.person
    for one, (first, second) in itertools.product(made, [(0, 1)]):
        side = relabelling.sides(balanced, 0, one.number)
        for drawn in one.drawn:
            assert set(side[drawn.sides[0]]) == {first}
            assert set(side[drawn.sides[1]]) == {second}
            counts = [np.bincount(balanced.dataset.emotion[mask]) for mask in drawn.sides]
            assert np.array_equal(*counts)
            assert min(len(np.unique(persons[mask])) for mask in drawn.sides) > 1


def test_impossible_relabellings_are_left_out_and_end_where_the_groups_are_impossible(
    balanced, monkeypatch
):
    real = study.draw

    def without(numbers):
        def draw(contrast, number, request):
            side = contrast.assign(np.random.default_rng(0))
            wrong = [relabelling.sides(request, 0, n) for n in numbers]
            lost = any(np.array_equal(side, one) for one in wrong)
            return None if lost else real(contrast, number, request)

        return draw

    monkeypatch.setattr(study, "draw", without([1, 3]))
    assert [one.number for one in relabelling.possible(balanced, 3, 1)] == [0, 2, 4, 5]
    monkeypatch.setattr(study, "draw", without([0]))
    assert list(relabelling.possible(balanced, 3, 1)) == []


def predicted(folds, dataset):
    """Made-up predictions: models of `on_asian` give the true class .9, others .3."""
    rows = [
        {"run": run, "fold": fold, "index": clip}
        for run, fold, test in zip(folds.run, folds.fold, folds.test, strict=True)
        for clip in np.flatnonzero(test)
    ]
    table = pd.DataFrame(rows)
    database, subject, clip = (
        np.array([key.split("/")[i] for key in dataset.key])[table["index"]] for i in range(3)
    )
    truth = dataset.emotion[table["index"]]
    right = np.where(table["run"].str.contains(".on_asian", regex=False), 0.9, 0.3)
    p = np.full((len(table), 3), 0.0) + ((1 - right) / 2)[:, None]
    p[np.arange(len(p)), truth] = right
    names = np.array(dataset.emotion_names)
    return Predictions.from_table(
        table.assign(database=database, subject=subject, clip=clip, emotion=names[truth])
        .assign(ethnicity="Asian", **{f"p_{n}": p[:, i] for i, n in enumerate(names)})
        .drop(columns="index")
    )


@pytest.fixture(scope="module")
def handover(balanced):
    made = list(relabelling.possible(balanced, 2, draws=2))
    folds = FoldTable.concatenate(
        [relabelling.rows(one, balanced, folds=4, deals=2) for one in made]
    ).check()
    predictions = predicted(folds, balanced.dataset)
    keys = np.asarray(balanced.dataset.key)
    sides = exchange.trained_and_tested(predictions, folds, keys, SIDES)
    return made, folds, relabellings.tabulate(predictions, *sides)


def test_a_relabelling_takes_2k_folds_for_each_draw_and_deal(handover):
    _, folds, _ = handover
    assert len(folds) == 3 * 2 * 2 * 8


def test_deals_differ(balanced, handover):
    _, folds, _ = handover
    tests = {
        deal: set(
            folds.select(np.char.find(folds.run, f"relabelling1.deal{deal}.") == 0).test.codes
        )
        for deal in (0, 1)
    }
    assert tests[0] != tests[1]


def test_the_handover_holds_each_drawn_clip_once_for_either_training_side(balanced, handover):
    made, _, table = handover
    read = Relabellings.of(table, SIDES)
    assert read.numbers.tolist() == [0, 1, 2]
    assert read.counts.shape == (3, 4, 4, 3, 3)
    for one, counts in zip(made, read.counts, strict=True):
        for draw, drawn in enumerate(one.drawn):
            per_class = [np.bincount(balanced.dataset.emotion[m], minlength=3) for m in drawn.sides]
            for cell, (_, tested) in enumerate(relabellings.CELLS):
                found = counts[2 * draw, cell].sum(axis=1)
                assert np.array_equal(found, per_class[tested])
    # Models of Asian are right with .9 and others with .3, whoever is tested.
    assert read.scores("probability") == pytest.approx(np.tile([0.9, 0.9, 0.3, 0.3], (3, 1)))
    assert read.values("probability", "advantage") == pytest.approx(np.zeros(3))
    assert read.values("probability", "advantage_first") == pytest.approx(np.full(3, 0.6))
    assert read.values("probability", "mono") == pytest.approx(np.full(3, 0.6))


def test_the_order_of_rows_says_nothing(handover):
    table = handover[2]
    shuffled = table.sample(frac=1, random_state=0)
    expected = Relabellings.of(table, SIDES)
    assert np.array_equal(Relabellings.of(shuffled, SIDES).sums, expected.sums)


def test_a_table_with_rows_missing_or_doubled_is_refused(handover):
    table = handover[2]
    for damaged in (table.iloc[1:], pd.concat([table, table.iloc[:1]])):
        with pytest.raises(UserError, match=r"relabellings.csv lacks rows"):
            Relabellings.of(damaged, SIDES)
