"""final.json, and jobs that are models alone."""

import json

import pytest
import worlds

from ethnicmer_jax import inference, jobs
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import concatenated
from ethnicmer_jax.jobs import check, ensemble, final_models, preparation
from ethnicmer_jax.jobs.sweep import grid


def quick(tmp_path, **overrides):
    """A job of logistic regression: seconds less than a network."""
    if not (tmp_path / "manifest.csv").exists():
        worlds.write_manifest(tmp_path, worlds.PEOPLE)
    settings = {
        "data__source": "manifest",
        "data__raw": str(tmp_path / "manifest.csv"),
        "data__data_dir": str(tmp_path / "data"),
        "classifier": "logistic",
        "shallow__features": "grid",
        "protocol__final": True,
    }
    return worlds.config(**(settings | overrides))


def read(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("final")
    jobs.run(quick(folder, protocol__seeds=2), folder / "run")
    return folder


def test_it_names_the_models_and_what_the_held_out_folds_reach(finished):
    values, metrics = (read(finished / "run" / f"{name}.json") for name in ("final", "metrics"))
    assert [member["run"] for member in values["members"]] == [
        "final.everybody-seed0",
        "final.everybody-seed1",
    ]
    assert values["classes"] == ["negative", "positive", "surprise"]
    assert (values["clips"], values["subjects"]) == (18, 6)
    assert values["expected"]["arms"]["loso"]["uf1"] == metrics["summary"]["loso"]["uf1"]
    assert set(metrics["runs"]) == {"loso-seed0", "loso-seed1"}
    assert values["database"] == read(finished / "run" / "config.json")["database"]
    people = [(row["database"], row["ethnicity"], row["subjects"]) for row in values["people"]]
    assert ("casme2", "Asian", 2) in people


def test_metrics_are_those_of_the_same_job_without(finished):
    jobs.run(quick(finished, protocol__seeds=2, protocol__final=False), finished / "without")
    one, other = (read(finished / name / "metrics.json") for name in ("run", "without"))
    for part in ("runs", "summary", "databases"):
        assert one[part] == other[part]
    files = (finished / name / "predictions.csv" for name in ("run", "without"))
    assert len({path.read_bytes() for path in files}) == 1
    assert not (finished / "without" / "final.json").exists()


def test_a_shallow_classifier_is_fitted_anew_when_it_is_used(finished):
    from ethnicmer_jax.base import predictions

    trained = inference.open(finished / "run")
    clips = preparation.read(trained.config).dataset
    found = trained.predict(clips)
    key = ["run", "fold", "database", "subject", "clip"]
    job = predictions.read(finished / "run" / "predictions.csv").table
    columns = [*key, "p_negative", "p_positive", "p_surprise"]
    one, other = (table[columns].sort_values(key, ignore_index=True) for table in (job, found))
    assert one.equals(other)
    assert trained.features(clips.select([0, 1])).filter(regex="^f_").shape == (4, 147)


def test_a_mean_over_jobs_does_not_know_of_final_models(finished):
    ensemble.write([finished / "run"], finished / "mean")
    assert set(read(finished / "mean" / "metrics.json")["runs"]) == {"loso"}
    with pytest.raises(UserError, match="holds no model; open one of these"):
        inference.open(finished / "mean")


def test_models_alone_have_no_scores_and_whatever_needs_some_says_so(tmp_path):
    config, run = quick(tmp_path, protocol__name="all"), tmp_path / "run"
    jobs.run(config, run)
    assert not {"predictions.csv", "metrics.json", "report"} & {p.name for p in run.iterdir()}
    assert read(run / "final.json")["expected"]["arms"] == {}
    assert "no score of this recipe is known" in (run / "model_card.md").read_text()
    written = (run / "final.json").stat().st_mtime_ns
    jobs.run(config, run)
    assert (run / "final.json").stat().st_mtime_ns == written
    for mode in ("report", "evaluate"):
        with pytest.raises(UserError, match="nobody was held out"):
            jobs.run(config, run, mode)
    with pytest.raises(UserError, match="nobody was held out"):
        ensemble.write([run], tmp_path / "mean")
    assert str(inference.open(run).expected).startswith("nobody was held out")


def test_a_study_and_a_sweep_refuse_what_makes_no_sense_there(tmp_path):
    from configs import study, tuning

    config = study.get_config("smoke")
    config.protocol.final = True
    with pytest.raises(UserError, match=r"protocol\.final: a study compares"):
        check.settings(config)
    swept = tuning.get_config("logistic")
    swept.protocol.name = "all"
    with pytest.raises(UserError, match="no scores that points could be ranked by"):
        grid.points(swept)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("loso", "a few subjects fewer"),
        ("draws", "fewer subjects than"),
        ("lodo", "some of the"),
    ],
)
def test_the_note_says_what_kind_of_estimate_it_is(protocol, said):
    score = {"mean": 0.5, "sd": None, "n_runs": 1, "interval": [0.4, 0.6], "level": 0.95}
    arms = {"loso": {"uf1": score, "uar": score, "accuracy": score}}
    values = final_models.expected(protocol, arms)
    assert said in values["note"]
    assert inference.Expected.of(values).uf1.mean == 0.5


def test_data_sets_are_joined_clip_after_clip():
    data = worlds.world()
    assert (
        concatenated([data.select([0, 1]), data.select([2])]).key.tolist() == data.key[:3].tolist()
    )
    with pytest.raises(ValueError, match="different classes"):
        concatenated([data, worlds.classed(data, "2")])
