"""The exact test in a study: nothing without an effect, found with one; resumed; as a report."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from damage import as_of_an_earlier_version

from configs import calibrate as calibrate_config
from configs import study as study_config
from ethnicmer_jax import jobs
from ethnicmer_jax.analysis.conclusion import Verdict as Outcome
from ethnicmer_jax.analysis.study import exact as found_exact
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.jobs.calibration import worlds
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.jobs.study import exact, plan
from ethnicmer_jax.training.shallow import trainer


def write_manifest(folder, effect):
    """The flow of a simulated balanced database of 8 + 8 subjects."""
    dataset = worlds.motion_fields(World("balanced_08", effect, 2), calibrate_config.get_config())
    rows = []
    for number, key in enumerate(dataset.key):
        database, subject, clip = key.split("/")
        np.save(folder / f"{number}.npy", dataset.flow[number])
        rows.append(
            {
                "database": database,
                "subject": subject,
                "clip": clip,
                "emotion": dataset.emotion_names[dataset.emotion[number]],
                "ethnicity": ETHNICITIES[dataset.ethnicity[number]],
                "flow": f"{number}.npy",
            }
        )
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)


def config_for(folder, **settings):
    """A study of one draw, with the fewest relabellings that can tell anything."""
    config = study_config.get_config("logistic")
    config.data.source = "manifest"
    config.data.raw = str(folder / "manifest.csv")
    config.data.data_dir = str(folder / "data")
    config.data.mirror = False
    config.shallow.grid = 4
    config.engine.devices = 1
    config.protocol.draws = 1
    config.protocol.contrasts = ("ethnicity",)
    config.study.jobs = ("arms", "exact")
    config.study.relabellings = 39
    config.study.exact_draws = 1
    config.study.exact_folds = 2
    config.study.update(settings)
    return config


def studied(folder, effect):
    """A folder with a finished study `run`."""
    write_manifest(folder, effect)
    jobs.run(config_for(folder), folder / "run")
    return folder


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A study without an effect."""
    return studied(tmp_path_factory.mktemp("silent"), 0.0)


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    """A study with a full effect."""
    return studied(tmp_path_factory.mktemp("loud"), 1.0)


@pytest.mark.parametrize("effect", ["silent", "loud"])
def test_without_an_effect_nothing_is_found_and_with_one_it_is(effect, request):
    folder = request.getfixturevalue(effect)
    page = (folder / "run" / "report" / "index.html").read_text()
    found = found_exact.read(folder / "run")
    assert found.members == {"simcasme2": (4, 4), "simsamm": (4, 4)}
    assert "16 of 16 subjects can change groups" in page
    said = found_exact.verdict(found, {})
    difference = "There is a difference within databases that groups made by chance do not show"
    nothing = "There is no evidence at this power of a difference within databases"
    if effect == "loud":
        assert found.main.p_value <= 0.05
        assert found.main.low > 0
        assert said.finding.verdict is Outcome.SURVIVES
        assert difference in page
        assert nothing not in page
    else:
        assert found.main.p_value > 0.05
        assert found.main.low < 0 < found.main.high
        assert said.finding.verdict is Outcome.NO_EVIDENCE
        assert nothing in page
        assert "That is not evidence of equality: own-group advantages of up to" in page
        assert "relabelled groups" in said.finding.sentences[0]
        assert difference not in page
    # The draws of the study are another estimate: the page does not call it the main one.
    assert "it may differ from the exact test&#39;s in size and sign" in page
    assert "Size in UF1" in page
    assert "Main result" not in page
    for name in ("exact_null", "exact_tests"):
        assert list((folder / "run" / "report").rglob(f"{name}.*"))
    assert "relabelling" not in (folder / "run" / "predictions.csv").read_text()


def job_config(folder, **settings):
    """That of the job `exact`."""
    whole = config_for(folder, **settings)
    return {job.name: job for job in plan.jobs(whole)}["exact"].config(whole)


def test_rounds_and_interruptions_change_no_byte(silent, tmp_path, monkeypatch):
    config = job_config(silent)
    monkeypatch.setattr(exact, "_ROUND", 4 * 15)
    real, rounds = exact._train_round, []

    def interrupted(*args):
        if len(rounds) == 1:
            raise KeyboardInterrupt
        rounds.append(args)
        return real(*args)

    monkeypatch.setattr(exact, "_train_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exact.run(config, tmp_path)
    monkeypatch.setattr(exact, "_train_round", real)
    assert len(list((tmp_path / "rounds").glob("*.csv"))) == 1
    exact.run(config, tmp_path)
    for name in (exact.TABLE, exact.ABOUT):
        assert (tmp_path / name).read_bytes() == (silent / "run" / name).read_bytes()


def test_a_report_is_made_from_the_two_files(silent, tmp_path):
    folder = silent
    run = tmp_path / "run"
    ignored = shutil.ignore_patterns("jobs", "report")
    shutil.copytree(silent / "run", run, ignore=ignored)
    jobs.run(config_for(folder), run, "report")
    page = (run / "report" / "index.html").read_bytes()
    assert page == (folder / "run" / "report" / "index.html").read_bytes()
    as_of_an_earlier_version(run)
    (run / exact.ABOUT).write_text(json.dumps({"sides": ["asian", "non_asian"]}))
    with pytest.raises(UserError, match=r"does not belong to relabellings.csv"):
        jobs.run(config_for(folder), run, "report")
    (run / exact.ABOUT).unlink()
    with pytest.raises(UserError, match=r"relabellings.json does not exist"):
        jobs.run(config_for(folder), run, "report")


def test_a_stopped_test_leaves_the_relabellings_that_it_took(silent, tmp_path, monkeypatch):
    monkeypatch.setattr(exact, "_ROUND", 4 * 8)
    exact.run(job_config(silent, exact_stop=1), tmp_path)
    found, whole = found_exact.read(tmp_path), found_exact.read(silent / "run")
    taken = len(found.main.null)
    assert taken < 39
    assert np.array_equal(found.main.null, whole.main.null[:taken])
    assert found.main.p_value > 0.05
    assert np.isinf(found.main.low)
    (_, second) = found_exact.verdict(found, {}).finding.sentences
    assert f"stopped after {taken} of 39 relabellings" in second


def test_nobody_who_can_move_is_not_separable_from_database():
    about = {"sides": ["asian", "non_asian"], "members": {"casme2": [9, 0], "samm": [0, 9]}}
    about |= {"planned": 0, "stop": 0, "statistic": "probability"}
    found = found_exact.of(pd.DataFrame(), about)
    assert found.decides
    said = found_exact.verdict(found, {})
    assert said.finding.verdict is Outcome.NOT_SEPARABLE
    assert said.headline.startswith("The own-group advantage is not separable from database")


def test_few_ways_to_move_are_not_run():
    about = {"sides": ["asian", "non_asian"], "members": {"casme2": [9, 0], "samm": [2, 3]}}
    about |= {"planned": 0, "stop": 0, "statistic": "probability"}
    found = found_exact.of(pd.DataFrame(), about)
    assert not found.decides
    assert "5 of 14 subjects can change groups, those of SAMM, in 10 ways" in found_exact.not_run(
        found
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"jobs": ("exact",)}, "job exact alone leaves no predictions"),
        ({"relabellings": 0}, "job exact needs study.relabellings above 0"),
    ],
)
def test_what_the_job_cannot_do_is_refused(tmp_path, settings, fault):
    with pytest.raises(UserError, match=fault):
        plan.jobs(config_for(tmp_path, **settings))


def test_without_the_main_contrast_there_is_no_exact_test(tmp_path):
    config = config_for(tmp_path, jobs=())
    config.protocol.contrasts = ("reference",)
    assert "exact" not in [job.name for job in plan.jobs(config)]


def test_a_round_goes_on_where_a_fold_diverged(silent, tmp_path, monkeypatch):
    genuine, trained = trainer.run_fold, []

    def run_fold(*arguments):
        p = genuine(*arguments)
        trained.append(len(p))
        return np.full_like(p, np.nan) if len(trained) == 7 else p

    monkeypatch.setattr(trainer, "run_fold", run_fold)
    config = next(job for job in plan.jobs(config_for(silent)) if job.name == "exact").config(
        config_for(silent)
    )
    with pytest.raises(DivergedError, match=r"1 of \d+ folds diverged"):
        exact.run(config, tmp_path)
    before = len(trained)
    exact.run(config, tmp_path)
    assert len(trained) == before + 1
    whole = silent / "run" / "jobs" / "exact" / "relabellings.csv"
    assert (tmp_path / "relabellings.csv").read_bytes() == whole.read_bytes()
    assert not (tmp_path / "diverged.json").exists()
