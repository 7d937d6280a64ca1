"""Simulated clips under other class schemes than three: database, folds, predictions, page."""

import json

import numpy as np
import pandas as pd
import pytest
import worlds

from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import simulated
from ethnicmer_jax import jobs
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.predictions import read
from ethnicmer_jax.base.schema import UserError

OPTIONS = SimulatedOptions(
    cohorts=parse_cohorts("simcasme2:Asian:3,simsamm:White:3"),
    clips_per_subject=12,
    others=0.3,
    effect=0.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A manifest of simulated flow, with the coded emotions."""
    where = tmp_path_factory.mktemp("classes")
    rows = []
    for number, record in enumerate(simulated.draw_motion_fields(OPTIONS, size=8)):
        np.save(where / f"{number}.npy", record.flow)
        names = ("database", "subject", "clip", "raw_emotion", "ethnicity")
        cells = {name: getattr(record.labels, name) for name in names}
        rows.append({**cells, "flow": f"{number}.npy"})
    table = pd.DataFrame(rows).rename(columns={"raw_emotion": "emotion"})
    table.to_csv(where / "manifest.csv", index=False)
    return where


def config_for(folder, classes):
    return worlds.config(
        data__source="manifest",
        data__raw=str(folder / "manifest.csv"),
        data__data_dir=str(folder / "data"),
        data__classes=classes,
        data__flow_size=8,
        classifier="logistic",
        shallow__features="pixels",
    )


@pytest.mark.parametrize("classes", ["5", "7", "happy=good;anger+disgust=bad;others=;*=rest"])
def test_predictions_and_page_follow_the_scheme(folder, tmp_path, classes):
    scheme = class_schemes.parse(classes)
    jobs.run(config_for(folder, classes), tmp_path / "run")
    table = read(tmp_path / "run" / "predictions.csv")
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str)
    expected = {
        (row.database, row.subject, row.clip): name
        for row in manifest.itertuples()
        if (name := scheme.class_of(row.emotion, row.database))
    }
    found = table.table.set_index(["database", "subject", "clip"])["emotion"].to_dict()
    assert found == expected
    assert table.classes == scheme.classes(set(expected.values()))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["runs"]["loso-seed0"]["classes"] == list(table.classes)
    left_out = len(manifest) - len(expected)
    assert any(note.startswith(f"{left_out} clips take no part") for note in metrics["notes"])
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert f"{left_out} clips take no part" in page
    for name in table.classes:
        assert f">{name.capitalize()}<" in page


def test_a_scheme_without_classes_for_these_clips_is_refused_before_training(folder, tmp_path):
    with pytest.raises(UserError, match=r"no clip has a class under data.classes=negative=a"):
        jobs.run(config_for(folder, "negative=a;positive=b;*="), tmp_path / "run")
    assert not (tmp_path / "run").exists()
