"""JSON that reads well and is not what the program wrote: refused in one line, or read as it is.

Files of earlier versions have no sums, and people edit files. Of every file in turn, every value
down to the third level is replaced by values of other types, or taken away.
"""

import functools
import json
import os
import pathlib
import random
import shutil

import pytest
from damaging import copy, outcome

from ethnicmer_jax import inference, jobs
from ethnicmer_jax.data import dataset
from ethnicmer_jax.explain import request
from ethnicmer_jax.jobs import comparison, ensemble, work_directory
from ethnicmer_jax.report import files as report_files

STRANGE = (None, 5, -1.5, "x", "", [], ["x"], {}, {"x": 1}, True)
GONE = object()
DEPTH = 3


def places(value, path=()):
    """Every place in a JSON value, down to DEPTH."""
    if path:
        yield path
    if len(path) < DEPTH:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from places(inner, (*path, key))
        elif isinstance(value, list):
            for key, inner in enumerate(value[:2]):
                yield from places(inner, (*path, key))


def changed(value, path, new):
    """The JSON value with another one in a place."""
    made = json.loads(json.dumps(value))
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if new is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return made


def cases(directory: pathlib.Path):
    """(file, its changed content) of every JSON file of a work directory."""
    for path in sorted(directory.glob("*.json")):
        value = json.loads(path.read_text())
        yield path.name, {}
        for place in places(value):
            for new in (GONE, *STRANGE):
                yield path.name, changed(value, place, new)


QUICK = {
    "recorded": work_directory.recorded,
    "report": report_files.read,
    "predict": lambda directory: inference.open(directory).expected,
    "explain": request.trained_in,
    "compare": lambda directory: comparison.compare([directory, directory / "predictions.csv"]),
}
PAGES = {
    "ensemble": lambda directory: ensemble.write([directory], directory / "mean"),
    "report again": lambda directory: jobs.resume(directory, "report"),
}
"""Command -> reads a work directory; the last ones write a page, too."""


def attack(directory, run, readers, count):
    """Lets commands read a work directory of so many cases, drawn at random."""
    everything = list(cases(directory))
    for name, content in random.Random(count).sample(everything, min(count, len(everything))):
        for command, reader in readers.items():
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(directory, run, copy_function=os.link)
            for path in [*run.rglob(".sums"), run / name]:
                path.unlink()
            (run / name).write_text(json.dumps(content))
            try:
                outcome(functools.partial(reader, run))
            except Exception as error:
                raise AssertionError(f"{command} of {name}: {json.dumps(content)}") from error


def test_a_database_that_does_not_say_how_faces_are_cropped(
    simulated_data, trained_workdir, tmp_path
):
    """It is built again by whoever has its sources, see `preparation.read`."""
    (built,) = (simulated_data / "ethnic_me").glob("simulated-*/*/metadata.json")
    folder = copy(built.parent, tmp_path / "ethnic_me" / built.parts[-3] / built.parts[-2])
    (folder / ".sums").unlink()
    for crop in STRANGE:
        values = json.loads(built.read_text()) | {"crop": crop}
        (folder / "metadata.json").write_text(json.dumps(values))
        said = outcome(lambda: dataset.load(folder))
        assert said == "done" or "build it again" in said


@pytest.mark.parametrize("name", ["subjects", "people", "expected"])
def test_final_models_of_which_something_is_missing(trained_workdir, tmp_path, name):
    folder = copy(trained_workdir, tmp_path / "run")
    (folder / ".sums").unlink()
    values = json.loads((folder / "final.json").read_text())
    del values[name]
    (folder / "final.json").write_text(json.dumps(values))
    assert "does not say what the final models are" in outcome(lambda: report_files.read(folder))


@pytest.mark.parametrize("strange", ["x", [], {}])
def test_final_models_of_people_of_another_shape(trained_workdir, tmp_path, strange):
    folder = copy(trained_workdir, tmp_path / "run")
    (folder / ".sums").unlink()
    values = json.loads((folder / "final.json").read_text())
    values["people"][0]["agreement"] = strange
    (folder / "final.json").write_text(json.dumps(values))
    assert "does not say what the final models are" in outcome(lambda: report_files.read(folder))


@pytest.mark.parametrize("strange", [None, 5, "x", {}])
def test_an_average_of_jobs_whose_grouping_is_none(trained_workdir, tmp_path, strange):
    folder = copy(trained_workdir, tmp_path / "run")
    (folder / ".sums").unlink()
    values = json.loads((folder / "config.json").read_text())
    for averaged in ([], ["a"]):  # of a job, and of an average of jobs
        content = json.loads(json.dumps(values))
        content["protocol"]["grouping"] = strange
        content |= {"averaged": averaged} if averaged else {}
        (folder / "config.json").write_text(json.dumps(content))
        said = outcome(lambda: ensemble.write([folder], tmp_path / "mean", overwrite=True))
        assert "grouping" in said


def test_simulated_clips_with_options_of_another_shape(trained_workdir, tmp_path):
    folder = copy(trained_workdir, tmp_path / "run")
    (folder / ".sums").unlink()
    values = json.loads((folder / "config.json").read_text())
    values["data"]["simulated"] = "x"
    (folder / "config.json").write_text(json.dumps(values))
    said = outcome(lambda: comparison.compare([folder, folder / "predictions.csv"]))
    assert said == "done"  # the other side says nothing of options


def test_a_few_shapes(trained_workdir, tmp_path):
    attack(trained_workdir, tmp_path / "run", {"predict": QUICK["predict"]}, 15)


@pytest.mark.slow
def test_many_shapes(trained_workdir, tmp_path):
    attack(trained_workdir, tmp_path / "run", QUICK, 600)
    attack(trained_workdir, tmp_path / "run", PAGES, 60)
