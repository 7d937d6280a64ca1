"""Settings against the database's or the group's part, through the whole engine."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import worlds

from ethnicmer_jax import inference, jobs
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.data import dataset, targets, within_database
from ethnicmer_jax.jobs import check
from ethnicmer_jax.jobs.calibration import plan
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.training import saved_network, standardised

DATA = worlds.world()
KEY = ["run", "fold", "database", "subject", "clip"]
WHITE = ETHNICITIES.index("White")
WEIGHED = ("loss__balanced_over", "loss__robust")


# Two folds at a time, however many there are: the same program trains them.
PAIRS = {"engine__devices": 1, "engine__folds_in_flight": 2}


def table(rows=(0, 3), **overrides):
    made = worlds.config(**PAIRS, **overrides)
    return worlds.engine(made, DATA, list(rows)).train().table


@pytest.fixture(scope="module")
def plain():
    return table()


def heads(found):
    return [name for name in found if name.startswith("q_")]


def test_an_adversary_of_the_database_tells_databases_apart():
    adversarial = {"model__fusion": "adversarial"}
    found = table(model__adversarial_target="database", **adversarial)
    assert heads(found) == ["q_casme2", "q_samm"]
    as_before = table(**adversarial)
    assert heads(as_before) == ["q_White", "q_Black", "q_Asian", "q_Indian", "q_Others"]


@pytest.mark.parametrize(
    ("adversarial_target", "ethnic_target", "expected"),
    [
        ("", "group", "group"),
        ("ethnicity", "group", "ethnicity"),
        ("group", "ethnicity", "group"),
        ("database", "group", "database"),
    ],
)
def test_the_adversary_s_target_is_its_own_where_it_has_one(
    adversarial_target, ethnic_target, expected
):
    made = worlds.config(
        model__fusion="adversarial",
        model__adversarial_target=adversarial_target,
        model__ethnic_target=ethnic_target,
    )
    assert targets.target_of(made.model) == expected


@pytest.mark.parametrize("setting", WEIGHED)
@pytest.mark.parametrize("by", ["group_database"])
def test_weighing_strata_changes_what_is_learnt(plain, setting, by):
    found = table(**{setting: by})
    assert not found.equals(plain)
    assert np.isfinite(found.filter(like="p_")).all().all()


@pytest.mark.parametrize("setting", WEIGHED)
def test_weighed_training_does_not_depend_on_devices_or_interruption(tmp_path, setting):
    overrides = {setting: "group_database", "checkpoint__keep": "every"}
    expected = table(rows=range(6), **overrides)
    made = worlds.config(engine__devices=4, **overrides)
    assert worlds.engine(made, DATA).train().table.equals(expected)
    half = worlds.config(**PAIRS, **overrides, optim__epochs=1)
    worlds.engine(half, DATA).train(tmp_path)
    worlds.engine(half, DATA).clear(tmp_path)
    whole = worlds.config(**PAIRS, **overrides)
    assert worlds.engine(whole, DATA).train(tmp_path).table.equals(expected)
    assert worlds.engine(whole, DATA).evaluate(tmp_path).table.equals(expected)


@pytest.mark.parametrize("setting", WEIGHED)
def test_a_held_out_clip_weighs_nothing(setting):
    """Its database or group counts in training as its other clips have it."""
    other = worlds.changed(
        DATA, 0, emotion=(DATA.emotion[0] + 1) % 3, ethnicity=WHITE, flow=DATA.flow[0] + 1
    )
    made = worlds.config(**PAIRS, **{setting: "group_database"})
    states = [dict(worlds.engine(made, data, [0, 3]).trained())[0] for data in (DATA, other)]
    first, second = (np.concatenate([x.ravel() for x in leaves(each.params)]) for each in states)
    assert DATA.person[0] == "casme2/s1"
    assert np.array_equal(first, second)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def test_people_of_another_database_are_predicted_all_the_same(tmp_path):
    people = worlds.PEOPLE
    config = worlds.config(
        data__source="manifest",
        data__raw=str(worlds.write_manifest(tmp_path, people)),
        data__data_dir=str(tmp_path / "data"),
        protocol__final=True,
        checkpoint__keep="final",
        model__fusion="adversarial",
        model__adversarial_target="database",
        loss__robust="group_database",
        **STANDARDISED,
    )
    jobs.run(config, tmp_path / "work", "train")
    trained = inference.open(tmp_path / "work", devices=1)
    stranger = dataset.from_records(worlds.records([("mmew", "x", "Asian")]))
    stranger = dataclasses.replace(stranger, flow=stranger.flow + np.float32(0.5))
    found = trained.predict(stranger)
    assert found["final"].all()
    assert heads(found) == ["q_casme2", "q_samm"]
    ours = dataset.from_records(worlds.records(people))
    job = predictions.read(tmp_path / "work" / "predictions.csv").table
    columns = [*KEY, *job.filter(like="p_")]
    again = trained.predict(ours).sort_values(KEY, ignore_index=True)
    assert again[columns].equals(job[columns].sort_values(KEY, ignore_index=True))
    with pytest.raises(UserError, match="elsewhere they are not the same"):
        saved_network.final(tmp_path / "work")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"model__adversarial_target": "database"}, "set it to adversarial"),
        (
            {
                "model__fusion": "adversarial",
                "model__adversarial_target": "database",
                "model__ethnic_labels": "shuffled",
            },
            "reads none",
        ),
        ({"loss__robust": "group", "loss__balanced_over": "group"}, "one of them to none"),
        ({"loss__robust": "group", "classifier": "svm"}, "is for networks"),
        ({"loss__robust": "group", "protocol__name": "study"}, "weigh databases"),
        (
            {"data__standardise": "database", "classifier": "svm"},
            "set shallow.features to pixels or grid",
        ),
        (
            {
                "data__standardise": "database",
                "model__emotion_input": "apex",
                "model__ethnic_input": "apex",
            },
            "no branch sees any",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        check.settings(worlds.config(**overrides))


@pytest.mark.parametrize(
    ("people", "overrides", "said"),
    [
        (
            [("samm", "s1", "White"), ("samm", "s2", "Asian")],
            {"model__fusion": "adversarial", "model__adversarial_target": "database"},
            "nothing to tell apart",
        ),
        ([("samm", "s1", "Unknown"), ("samm", "s2", "Unknown")], {"loss__robust": "group"},
         "nobody belongs to a group"),
    ],
)  # fmt: skip
def test_what_the_clips_do_not_allow_is_refused(people, overrides, said):
    with pytest.raises(UserError, match=said):
        worlds.engine(worlds.config(**overrides), worlds.world(people))


STANDARDISED = {"data__standardise": "database", "engine__devices": 1}


def test_a_shift_of_one_database_changes_nothing_once_it_is_taken_out():
    """The truth is known: samm's flow is another one by a pattern and a factor."""
    pattern = np.random.default_rng(1).normal(size=(28, 28, 3)).astype(np.float32)
    flow = DATA.flow.copy()
    flow[DATA.database == "samm"] = 2 * flow[DATA.database == "samm"] + 4 * pattern
    shifted = dataclasses.replace(DATA, flow=flow)

    def answers(data, standardise):
        made = worlds.config(
            data__standardise=standardise,
            data__flow_scaling="none",
            data__mirror=False,
            optim__epochs=4,
            engine__devices=1,
        )
        return worlds.engine(made, data, [0, 3]).train().table.filter(like="p_").to_numpy()

    assert answers(shifted, "database") == pytest.approx(answers(DATA, "database"), abs=2e-3)
    assert np.abs(answers(shifted, "none") - answers(DATA, "none")).max() > 0.02


@pytest.mark.parametrize("classifier", ["network", "logistic"])
def test_nothing_of_a_held_out_clip_is_in_what_its_fold_standardises_by(classifier):
    from ethnicmer_jax.training.shallow import Shallow

    made = worlds.config(**STANDARDISED, classifier=classifier, shallow__features="grid")
    tables = []
    for data in (DATA, worlds.changed(DATA, 0, flow=DATA.flow[0] ** 2)):
        trained = worlds.engine(worlds.config(**STANDARDISED), data, [0])
        if classifier == "logistic":
            trained = Shallow(made, data, trained.targets, trained.folds)
        tables.append(trained.train().table)
    same = tables[0]["clip"] != DATA.clip[0]
    assert tables[0][same].equals(tables[1][same])
    assert not tables[0].equals(tables[1])


def test_standardised_folds_resume_and_predict_from_checkpoints(tmp_path, monkeypatch):
    of_folds, together = standardised.of_folds, []

    def counted(flow, database, databases, train):
        together.append(len(train))
        return of_folds(flow, database, databases, train)

    monkeypatch.setattr(standardised, "of_folds", counted)
    overrides = STANDARDISED | {"checkpoint__keep": "every", "engine__folds_in_flight": 2}
    expected = worlds.engine(worlds.config(**overrides), DATA).train(tmp_path / "whole").table
    # Flight by flight: of all folds of a long table they would take gigabytes.
    assert together == [2, 2, 2]
    half = worlds.config(**overrides, optim__epochs=1)
    worlds.engine(half, DATA).train(tmp_path / "cut")
    worlds.engine(half, DATA).clear(tmp_path / "cut")
    again = worlds.engine(worlds.config(**overrides), DATA)
    assert again.train(tmp_path / "cut").table.equals(expected)
    assert again.evaluate(tmp_path / "whole").table.equals(expected)
    assert not expected.equals(table(rows=range(6)))


def test_the_stratum_that_is_hard_to_learn_is_learnt_better_when_the_worst_counts():
    """Of ten people one is of samm, where every class moves where another does in casme2."""
    people = [("casme2", f"s{number}", "Asian") for number in range(9)] + [("samm", "s", "White")]
    data = worlds.world(people)
    flow = data.flow.copy()
    flow[data.database == "samm"] = np.roll(flow[data.database == "samm"], 8, axis=1)
    data = dataclasses.replace(data, flow=flow)

    def of_the_truth(**overrides):
        made = worlds.config(optim__epochs=12, engine__devices=1, **overrides)
        engine = worlds.engine(made, data, [0])
        ((_, state),) = engine.trained()
        clips = np.flatnonzero(data.database == "samm")
        read = jax.jit(engine.learner.probabilities)
        p = np.asarray(read(state, engine.data, jnp.asarray(clips))["p"])
        return p[np.arange(len(clips)), data.emotion[clips]].mean()

    # Measured: .47, .55 and .59.
    plain = of_the_truth()
    worst = of_the_truth(loss__robust="database", loss__robust_step=0.3)
    balanced = of_the_truth(loss__balanced_over="database")
    assert min(worst, balanced) > plain + 0.04


def test_folds_in_which_nothing_is_weighed_are_counted():
    made = worlds.config(protocol__name="cross_database", loss__robust="database")
    (note,) = worlds.engine(made, DATA).notes
    assert note.startswith("loss.robust=database changes nothing in ")
    assert worlds.engine(worlds.config(loss__robust="database"), DATA, [0]).notes == ()


def test_a_calibration_refuses_what_tells_databases_apart():
    from configs import calibrate

    config = calibrate.get_config("smoke")
    config.loss.robust = "database"
    with pytest.raises(UserError, match="robust=database tells databases apart"):
        plan.chunks(config)


def test_folds_that_train_on_the_same_clips_are_standardised_once(monkeypatch):
    statistics, calls = within_database.statistics, []

    def counted(*arguments):
        calls.append(arguments)
        return statistics(*arguments)

    monkeypatch.setattr(within_database, "statistics", counted)
    database = (DATA.database == "samm").astype(np.int32)
    masks = np.array([database == 0, database == 1, database == 0])
    flow = DATA.flow[:, ::14, ::14]
    found = standardised.of_folds(flow, database, 2, ClipSets.of(masks, len(DATA)))
    assert len(calls) == 2
    for row, mask in enumerate(masks):
        mean, inverse = statistics(flow[None], database, 2, mask)
        assert np.array_equal(found.mean[row], mean)
        assert np.array_equal(found.inverse[row], inverse)
