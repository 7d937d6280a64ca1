"""Calibration: fair models, worlds of known truth, right rates, resuming, error lines."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_calibrations

from configs import calibrate as calibrate_config
from ethnicmer_jax.analysis.calibration import conclusions
from ethnicmer_jax.base import files as base_files
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.calibration import (
    findings,
    frames_check,
    plan,
    result_files,
    runner,
    trial,
    worlds,
)
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.protocols import exchange

SIDES = ("asian", "non_asian")


def tiny():
    """Two databases an effect; 4 + 4 subjects; seconds of training."""
    config = small_calibrations.config()
    config.optim.epochs = 2
    config.data.mirror = False
    return config


@pytest.mark.parametrize("classes", ["5", "raw", "happiness=positive"])
def test_classes_that_depend_on_the_clips_are_refused(classes):
    config = tiny()
    config.data.classes = classes
    with pytest.raises(UserError, match=r"are trained together; name one such as 5:casme2"):
        plan.chunks(config)


def test_a_world_has_the_classes_of_the_scheme():
    config = tiny()
    config.data.classes = "5:samm"
    config.data.simulated.others = 0.3
    data = worlds.motion_fields(World("balanced_08", 0.0, 0), config)
    assert data.emotion_names == ("anger", "contempt", "happiness", "surprise", "others")
    assert "others" in {data.emotion_names[index] for index in data.emotion}
    assert set(data.raw_emotion) <= set(data.emotion_names)


@pytest.fixture(scope="module")
def world():
    """One database of 8 + 8 subjects."""
    return worlds.motion_fields(World("balanced_08", 0.0, 3), calibrate_config.get_config())


@pytest.fixture(scope="module")
def sides(world):
    return np.stack([world.ethnicity == code for code in np.unique(world.ethnicity)])


@pytest.fixture(scope="module")
def exchanged(world, sides):
    return exchange.rows("ethnicity", SIDES, sides, world, folds=4, draw=0, seed=0)


def test_every_model_learns_from_one_side_and_is_tested_by_strangers_of_both(
    world, sides, exchanged
):
    assert len(exchanged) == 8
    for run, train, test in zip(exchanged.run, exchanged.train, exchanged.test, strict=True):
        own = sides[SIDES.index(run.removeprefix("ethnicity.on_").removesuffix("-draw0-seed0"))]
        assert not (train & ~own).any()
        assert not set(world.person[train]) & set(world.person[test])
        assert (test & own).any()
        assert (test & ~own).any()
    for name in SIDES:
        mine = exchanged.run == f"ethnicity.on_{name}-draw0-seed0"
        assert (exchanged.test[mine].sum(axis=0) == sides.any(axis=0)).all()


def test_folds_are_alike_in_class(world, exchanged):
    # Dealt at random, 2 of 8 subjects have anything from none to most of a class.
    negative = world.emotion == 0
    shares = [(test & negative).sum() / negative.sum() for test in exchanged.test[:4]]
    assert min(shares) > 0.1
    assert max(shares) < 0.4


def test_predictions_get_the_names_of_a_study(world, exchanged):
    rows = [
        {"run": run, "fold": fold, "clip": clip}
        for run, fold, test in zip(exchanged.run, exchanged.fold, exchanged.test, strict=True)
        for clip in np.flatnonzero(test)
    ]
    table = pd.DataFrame(rows).assign(database="d", subject="s", emotion="negative")
    table["ethnicity"] = np.where(world.ethnicity[table["clip"]] == 0, "White", "Asian")
    table = table.assign(p_negative=1.0, p_positive=0.0, p_surprise=0.0)
    made = exchange.as_cells(Predictions.from_table(table), grouping("strict"))
    end = "-draw0-seed0"
    names = ("mono_asian", "mono_non_asian", "asian_to_non_asian", "non_asian_to_asian")
    assert set(made.runs) == {f"ethnicity.{name}{end}" for name in names}
    tested = made.table.groupby("run")["ethnicity"].agg(set)
    assert tested[f"ethnicity.asian_to_non_asian{end}"] == {"White"}
    assert tested[f"ethnicity.mono_asian{end}"] == {"Asian"}


def test_a_number_has_the_same_people_at_every_effect_and_others_elsewhere():
    config = calibrate_config.get_config()
    every = itertools.product(("balanced_08", "balanced_16"), (0.0, 1.0), (0, 1))
    seeds = {
        key: [database.seed for database in worlds.options(World(*key), config)] for key in every
    }
    assert seeds["balanced_08", 0.0, 0] == seeds["balanced_08", 1.0, 0]
    assert len({tuple(seed) for seed in seeds.values()}) == 4


def test_databases_of_a_world_differ_as_their_design_says():
    config = calibrate_config.get_config()
    first, second = worlds.options(World("confounded", 0.0, 0), config)
    assert {cohort.ethnicity for cohort in first.cohorts} == {"Asian"}
    assert second.effect == 0
    assert first.effect > 0
    assert first.intensity != second.intensity


def test_every_database_is_in_one_chunk():
    config = calibrate_config.get_config()
    made = [world for chunk in plan.chunks(config) for world in chunk.worlds]
    assert len(set(made)) == len(made)
    counts = pd.Series([(world.design, world.effect) for world in made]).value_counts()
    assert counts["balanced_16", 0.0] == 400
    assert counts["balanced_08", 0.75] == 50
    assert counts["confounded", 0.0] == 400
    names = [chunk.name for chunk in plan.chunks(config)]
    assert len(set(names)) == len(names)


def cells(contrast, gain, persons=10):
    """Everybody has a clip of each class; one's own model is right on `gain` more of persons."""
    parts = []
    for number, (own, other) in enumerate((SIDES, SIDES[::-1])):
        person = np.repeat(np.arange(persons) + number * persons, 3)
        truth = np.tile(np.arange(3), persons)
        for name, right in ((f"mono_{own}", 0.4 + gain), (f"{other}_to_{own}", 0.4)):
            guess = np.where(person % persons < right * persons, truth, (truth + 1) % 3)
            classes = np.array(["negative", "positive", "surprise"])
            p = pd.DataFrame(np.eye(3)[guess], columns=[f"p_{name}" for name in classes])
            columns = {"run": f"{contrast}.{name}-draw0-seed0", "fold": "f", "database": "d",
                      "subject": person.astype(str), "clip": np.arange(len(truth)).astype(str),
                      "emotion": classes[truth], "ethnicity": "Asian"}  # fmt: skip
            parts.append(pd.DataFrame(columns).join(p))
    return parts


@pytest.mark.parametrize(
    ("gain", "gain_within", "found", "survives"),
    [(0.5, 0.5, True, True), (0.5, 0.0, True, False), (0.0, 0.0, False, False)],
)
def test_a_finding_survives_only_if_it_shows_within_a_database(gain, gain_within, found, survives):
    config = calibrate_config.get_config()
    both = pd.concat([*cells("ethnicity", gain), *cells("within_d", gain_within)])
    judged = findings.judge(Predictions.from_table(both), config)
    assert (judged["found"], judged["survives"]) == (found, survives)
    assert judged["estimate"] == pytest.approx(gain)
    assert judged["within"].startswith(f"within D {labels.signed(gain_within)} [")


def test_rates_are_counts_with_wilson_intervals():
    config = calibrate_config.get_config()
    count = 200
    databases = pd.DataFrame(
        {
            "design": "confounded",
            "effect": 0.0,
            "number": np.arange(count),
            "estimate": np.tile([0.1, -0.1], count // 2),
            "standard_error": 0.1,
            "n_persons": 32,
            "exact_p": np.nan,
            "found": np.arange(count) < 60,
            "survives": np.arange(count) < 10,
        }
    )
    rates = result_files.rates(databases, config).set_index("series")
    assert list(rates["rejections"]) == [60, 10]
    # Wilson's 95% interval of 10 of 200, from its formula: .0274 to .0896.
    row = rates.loc["confounded, controlled"]
    assert (row["rate"], row["low"], row["high"]) == pytest.approx((0.05, 0.0274, 0.0896), abs=1e-4)
    assert row["mean_estimate"] == pytest.approx(0)
    assert row["sd_estimate"] == pytest.approx(0.1, rel=0.01)
    said = conclusions(rates.reset_index())
    assert said[0].startswith("confounded, uncontrolled: false alarms in 30.0%")
    assert said[0].endswith("200 databases, above the nominal 5%.")
    assert said[1].endswith("200 databases, not shown to differ from the nominal 5%.")


def test_a_calibration_resumes_with_the_same_bytes(tmp_path):
    config = tiny()
    config.classifier = "logistic"
    config.shallow.features = "grid"
    runner.run(config, tmp_path)
    files = [tmp_path / name for name in ("databases.csv", "calibration.csv")]
    before = [file.read_bytes() for file in files]
    parts = sorted((tmp_path / "parts").glob("*.csv"))
    assert [part.name for part in parts] == [
        "balanced_08-0-0000-0001.csv", "balanced_08-1-0000-0001.csv"
    ]  # fmt: skip
    kept, lost = (part.stat().st_mtime_ns for part in parts)
    parts[1].unlink()
    for file in files:
        file.unlink()
    runner.run(config, tmp_path)
    assert [file.read_bytes() for file in files] == before
    assert parts[0].stat().st_mtime_ns == kept
    assert parts[1].stat().st_mtime_ns > lost
    rates = pd.read_csv(files[1])
    assert list(rates["databases"]) == [2, 2]
    page_text = (tmp_path / "report" / "index.html").read_text()
    assert "8 + 8 subjects" in page_text


def test_the_company_that_a_database_is_trained_in_changes_nothing():
    config = tiny()
    both = {world: worlds.motion_fields(world, config) for world in plan.chunks(config)[1].worlds}
    last = list(both)[1]
    among = trial.train(both, config)[last]
    alone = trial.train({last: both[last]}, config)[last]
    pd.testing.assert_frame_equal(among.table, alone.table)


@pytest.mark.parametrize(
    "content", ["", "design,effect\n", "design,effect\nx,y\n", "\0", '"', "a,a\n1,2,3\n"]
)
def test_a_part_of_an_earlier_version_is_read_or_set_aside(tmp_path, content, capsys):
    chunk = plan.chunks(tiny())[0]
    file = result_files.path(tmp_path, chunk)
    file.parent.mkdir()
    file.write_text(content)
    assert not result_files.is_finished(tmp_path, chunk)
    assert "its databases are simulated again" in capsys.readouterr().err
    assert not file.exists()


def test_another_config_is_refused(tmp_path):
    config = tiny()
    base_files.claim(tmp_path, config.to_dict())
    config.optim.epochs = 3
    with pytest.raises(UserError, match=r"used with another config \(optim.epochs: 2 -> 3\)"):
        runner.run(config, tmp_path)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("databases", 0, "calibration.databases is 0; it must be a whole number from 1"),
        ("folds", 1, "calibration.folds is 1; it must be a whole number from 2"),
        ("effects", (0.5, 1.0), "calibration.effects is .*, 0 among them"),
        ("effects", (0.0, 2.0), "calibration.effects is .* each a number from 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(tmp_path, setting, value, message):
    config = calibrate_config.get_config()
    config.calibration[setting] = value
    with pytest.raises(UserError, match=message):
        runner.run(config, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_the_command_refuses_in_one_line(tmp_path):
    command = [sys.executable, "-m", "ethnicmer_jax", "calibrate", f"--workdir={tmp_path}"]
    command.append("--effects=0,much")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --effects=0,much: give numbers, such as 0,0.5,1\n"


@pytest.mark.slow
def test_frames_give_the_same_answer(tmp_path):
    config = tiny()
    config.optim.epochs = 20
    config.calibration.designs.balanced_08.databases.simcasme2.cohorts = (
        "simcasme2:Asian:6,simcasme2:White:6"
    )
    config.calibration.effects = (0.0, 1.0)
    table = frames_check.run(config, 1, tmp_path)
    assert (tmp_path / "frames.csv").is_file()
    # With and without an effect: far apart either way, and alike.
    for column in ("estimate", "frames_estimate"):
        assert table[column][1] - table[column][0] > 0.1
    assert (table["estimate"] - table["frames_estimate"]).abs().max() < 0.15
