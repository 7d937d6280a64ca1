import dataclasses
import functools
import json

import jax
import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.schema import ETHNICITIES, UserError

DATA = worlds.world()
QUICK = {"engine__devices": 1, "engine__folds_in_flight": 6}


def trained(tmp_path=None, data=DATA, **overrides):
    return worlds.engine(worlds.config(**QUICK, **overrides), data).train(tmp_path).table


def test_every_test_clip_of_every_run_is_predicted_once():
    table = trained(protocol__seeds=2, optim__epochs=1)
    key = table["database"] + "/" + table["subject"] + "/" + table["clip"]
    assert table["run"].unique().tolist() == ["loso-seed0", "loso-seed1"]
    for run in table["run"].unique():
        assert key[table["run"] == run].tolist() == DATA.key.tolist()
    # A fold predicts its own subject: its name says which.
    assert (table["fold"] == table["database"] + "-" + table["subject"]).all()
    one, two = (rows["p_negative"].to_numpy() for _, rows in table.groupby("run"))
    assert not np.array_equal(one, two)


def test_it_learns_what_there_is_to_learn():
    # Each class moves in a corner of its own: anybody can tell them apart.
    table = trained(optim__epochs=12, optim__learning_rate=3e-3, model__dropout=0.0)
    names = ("negative", "positive", "surprise")
    guess = np.asarray(names)[table[[f"p_{name}" for name in names]].to_numpy().argmax(1)]
    assert (guess == table["emotion"]).mean() > 0.9


def test_two_classes_and_groups_name_their_columns():
    table = trained(
        data__classes="2", model__fusion="mtl", model__ethnic_target="group", optim__epochs=1
    )
    assert [name for name in table.columns if name[:2] in ("p_", "q_")] == [
        *("p_negative", "p_other"),
        *("q_asian", "q_non_asian"),
    ]
    assert set(table["emotion"]) == {"negative", "other"}


def test_unknown_ethnicity_everywhere_is_legal():
    unknown = np.full(len(DATA), ETHNICITIES.index("Unknown"), np.int32)
    data = dataclasses.replace(DATA, ethnicity=unknown)
    table = trained(data=data, model__fusion="mtl", loss__ethnic_balanced=True, optim__epochs=1)
    probabilities = table.filter(regex="^[pq]_").to_numpy()
    assert np.isfinite(probabilities).all()
    assert set(table["ethnicity"]) == {"Unknown"}


def test_a_subject_with_one_clip_is_predicted():
    table = trained(data=DATA.select(np.r_[0, 3 : len(DATA)]), optim__epochs=1)
    assert (table["fold"] == "casme2-s1").sum() == 1


def test_mono_and_stereo_arms_train_on_their_own_clips():
    table = trained(
        protocol__name="draws", protocol__subjects=2, protocol__grouping="strict", optim__epochs=1
    )
    assert table.groupby("run")["fold"].nunique().tolist() == [2, 2, 2]
    asian = table[table["run"] == "mono_asian-draw0-seed0"]
    assert set(asian["ethnicity"]) == {"Asian"}


def test_nothing_is_written_without_a_work_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(optim__epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_what_was_asked_for(tmp_path):
    for keep in ("none", "final"):
        trained(tmp_path / keep, checkpoint__keep=keep, optim__epochs=1)
    assert not (tmp_path / "none" / "checkpoints").exists()
    folds = sorted(path.name for path in (tmp_path / "final/checkpoints/loso-seed0").iterdir())
    assert folds == sorted(f"{database}-{subject}" for database, subject, _ in worlds.PEOPLE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A trained engine, its work directory and its predictions."""
    folder = tmp_path_factory.mktemp("finished")
    settings = {"optim__epochs": 1, "checkpoint__keep": "final", "model__fusion": "concat"}
    engine = worlds.engine(worlds.config(**QUICK, **settings), DATA)
    return engine, folder, engine.train(folder).table


def test_trained_folds_are_there_to_be_looked_at(finished):
    engine, folder, table = finished
    states = dict(engine.states(folder))
    assert list(states) == list(range(len(engine.folds)))
    clips = np.flatnonzero(engine.folds.test[4])
    found = jax.jit(engine.learner.probabilities)(states[4], engine.data, clips)["p"]
    predicted = table[table["fold"] == "samm-s2"].filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(found, predicted, atol=1e-6)


def test_features_are_what_the_final_head_reads(finished):
    engine, folder, _ = finished
    state = next(state for _, state in engine.states(folder))
    clips = np.asarray([3, 0])
    found = jax.jit(engine.learner.features)(state, engine.data, clips)
    images = {branch: engine.images(branch)[clips] for branch in ("emotion", "ethnic")}
    apply = jax.jit(functools.partial(engine.learner.model.apply, train=False))
    assert found.shape == (2, 800)
    wanted = apply(state.variables, images).features
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_losses_are_logged_apart_where_there_are_several(finished, tmp_path):
    def logged(folder):
        lines = (folder / "scalars.jsonl").read_text().splitlines()
        return {name for line in lines for name in json.loads(line) if name.endswith("loss")}

    trained(tmp_path, optim__epochs=1)
    assert logged(finished[1]) == {"loss", "final_loss", "emotion_loss", "ethnic_loss"}
    assert logged(tmp_path) == {"loss"}


def test_evaluating_without_checkpoints_says_how_to_get_them(tmp_path):
    engine = worlds.engine(worlds.config(**QUICK), DATA)
    with pytest.raises(UserError, match=r"casme2-s1 has no checkpoint .* --config.checkpoint.keep"):
        engine.evaluate(tmp_path)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"model__fusion": "sum"}, r"model\.fusion is 'sum'; it must be one of"),
        ({"model__emotion_backbone": "vgg99"}, r"model\.emotion_backbone is 'vgg99'"),
        ({"model__image_size": 7}, "does not take 7 px images"),
        ({"model__emotion_input": "apex"}, "this database comes without frames"),
        ({"model__ethnic_input": "apex", "model__fusion": "concat"}, "comes without frames"),
        ({"data__flow_scaling": "log"}, r"data\.flow_scaling is 'log'"),
        ({"checkpoint__keep": "some"}, r"checkpoint\.keep is 'some'"),
        ({"optim__schedule": "step"}, r"optim\.schedule is 'step'"),
        ({"optim__epochs": 0}, "optim.epochs is 0"),
        ({"optim__batch_size": 0}, "optim.batch_size is 0"),
        ({"engine__devices": 99}, "engine.devices is 99"),
        (
            {"model__adversarial_pace": -1.0},
            "adversarial_pace is -1.0; it must be a number",
        ),
        ({"engine__fold_batch": -1}, "engine.fold_batch is -1"),
        ({"model__dropout": 1.0}, r"model.dropout is 1.0; .* below 1"),
        ({"loss__label_smoothing": -0.1}, "loss.label_smoothing is -0.1"),
        ({"model__emotion_options": "padding"}, "'padding' is not name=value"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_trained(overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        worlds.engine(worlds.config(**(QUICK | overrides)), DATA)
    assert "\n" not in str(caught.value)
