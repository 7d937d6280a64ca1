"""A network and logistic regression averaged: in memory, as a job, and on clips of other people."""

import dataclasses

import numpy as np
import pytest
import worlds

from ethnicmer_jax import inference, jobs
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import targets
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.protocols import build
from ethnicmer_jax.training.epochs import Epochs
from ethnicmer_jax.training.shallow import Shallow

DATA = worlds.world(clips=6)
BOTH = {"shallow__features": "grid", "protocol__seeds": 2, "engine__devices": 1}


def table(classifier, folder=None):
    made = worlds.config(**BOTH, classifier=classifier)
    plan = build(made.protocol, DATA, made.seed)
    labels = targets.build(DATA, "ethnicity", plan.grouping)
    return preparation.trainer_class(classifier)(made, DATA, labels, plan.folds).train(folder).table


def heads(rows):
    return rows.filter(regex="^p_").to_numpy()


@pytest.fixture(scope="module")
def mixed():
    return table("network+logistic")


def test_predictions_are_means_of_both_kinds(mixed):
    network, logistic = table("network"), table("logistic")
    np.testing.assert_allclose(heads(mixed), (heads(network) + heads(logistic)) / 2, rtol=1e-5)
    others = [name for name in mixed if not name.startswith("p_")]
    assert mixed[others].equals(network[others])


def test_an_interrupted_job_of_both_goes_on(mixed, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Shallow, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            table("network+logistic", tmp_path)
    # The network is done: its folds are not trained again.
    monkeypatch.setattr(Epochs, "train", interrupted)
    assert table("network+logistic", tmp_path).equals(mixed)


def job(directory, data_dir, classifier, **overrides):
    """A job of two seeds with their mean, on a few simulated clips."""
    made = worlds.config(
        **BOTH,
        classifier=classifier,
        protocol__average_seeds=True,
        data__data_dir=str(data_dir),
        data__simulated__cohorts="casme2:Asian:2,samm:White:2",
        data__simulated__clips_per_subject=3.0,
        **overrides,
    )
    jobs.run(made, directory)
    return directory


@pytest.mark.slow
def test_averaged_seeds_stand_beside_their_members(simulated_data, tmp_path):
    workdir = job(tmp_path, simulated_data, "logistic")
    members = predictions.read(workdir / "predictions.csv").table
    mean = predictions.read(workdir / "averaged" / "predictions.csv").table
    assert members["run"].unique().tolist() == ["loso-seed0", "loso-seed1"]
    assert mean["run"].unique().tolist() == ["loso"]
    one, two = (heads(own) for _, own in members.groupby("run"))
    np.testing.assert_allclose(heads(mean), (one + two) / 2)
    # Once more is the same, and no error.
    jobs.resume(workdir, "report")


@pytest.mark.slow
def test_final_models_of_both_kinds_predict_other_people(simulated_data, tmp_path):
    settings = {"protocol__final": True, "checkpoint__keep": "final"}
    workdir = job(tmp_path, simulated_data, "network+logistic", **settings)
    trained = inference.open(workdir)
    data = preparation.read(trained.config).dataset
    own = trained.predict(data)
    found = predictions.read(workdir / "predictions.csv").table
    keys = ["run", "fold", "clip"]
    columns = [*keys, *found.filter(regex="^p_")]
    one, other = (rows[columns].sort_values(keys, ignore_index=True) for rows in (own, found))
    assert one.equals(other)
    stranger = dataclasses.replace(
        data, subject=np.full(len(data), "somebody"), flow=data.flow + np.float32(0.01)
    ).select([0, 3])
    found = trained.predict(stranger)
    assert found["final"].all()
    assert found["run"].nunique() == 2
    np.testing.assert_allclose(heads(found).sum(1), 1, rtol=1e-5)
    with pytest.raises(UserError, match="works with a network alone"):
        jobs.run(trained.config, workdir, "evaluate")
