"""Databases and their merge: exported, checked, built, trained for three epochs and reported."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import worlds

from data_builders.database import check_screen
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import registry
from data_builders.sources.export import writing
from ethnicmer_jax import jobs
from ethnicmer_jax.base import class_schemes

COMPOSITE = "smic+casme2+samm"
"""The merge of MEGC 2019."""

ALL = "+".join(
    name for name, database in registry.DATABASES.items() if database.people in ("", name)
)
"""Every database, and of those that show the same people the first: what can be merged."""


def export(source: str, root, subjects: int, clips: float) -> None:
    """Two groups in each laboratory."""
    cohorts = ",".join(
        f"sim{name}:{group}:{subjects}"
        for name in source.split("+")
        for group in ("Asian", "White")
    )
    options = SimulatedOptions(
        cohorts=parse_cohorts(cohorts),
        clips_per_subject=clips,
        clips_spread=0,
        class_shares=(0.4, 0.3, 0.3),
    )
    writing.write(options, root, source, every=100)


def run(source: str, root, folder, classes: str, **overrides) -> dict:
    """Trains a network for three epochs, or what overrides ask for; gives the metrics."""
    config = worlds.config(
        data__source=source,
        data__raw=str(root),
        data__data_dir=str(folder / "data"),
        data__flow_method="dis",
        data__classes=classes,
        optim__epochs=3,
        engine__devices=1,
        **overrides,
    )
    workdir = folder / f"run-{classes}"
    jobs.run(config, workdir)
    assert (workdir / "report" / "index.html").stat().st_size > 10_000
    return json.loads((workdir / "metrics.json").read_text())


def check(source: str, root) -> None:
    """Nothing is missing."""
    check_screen.report(registry.Request(source, str(root)), strict=True)


def classes_of(root, classes: str) -> set[str]:
    """The classes that the clips of an export have."""
    scheme = class_schemes.parse(classes)
    truth = pd.read_csv(root / "truth.csv", dtype=str)
    coded = zip(truth["emotion"], truth["database"], strict=True)
    return {scheme.class_of(*clip) for clip in coded} - {""}


def test_a_merge_of_databases_is_trained_and_reported(tmp_path):
    export(COMPOSITE, tmp_path / "raw", subjects=1, clips=1)
    check(COMPOSITE, tmp_path / "raw")
    shallow = {"classifier": "logistic", "shallow__features": "grid"}
    metrics = run(COMPOSITE, tmp_path / "raw", tmp_path, "3", **shallow)
    (found,) = metrics["runs"].values()
    assert set(found["databases"]) == set(COMPOSITE.split("+"))
    assert found["n_folds"] == 6


@pytest.mark.slow
@pytest.mark.parametrize("classes", ["3", "5"])
@pytest.mark.parametrize("source", [ALL, *registry.DATABASES])
def test_every_database_and_all_in_one_are_trained_and_reported(tmp_path, source, classes):
    export(source, tmp_path / "raw", subjects=2, clips=4)
    check(source, tmp_path / "raw")
    metrics = run(source, tmp_path / "raw", tmp_path, classes)
    (found,) = metrics["runs"].values()
    assert set(found["classes"]) >= classes_of(tmp_path / "raw", classes)
    assert set(found["databases"]) == set(source.split("+"))
