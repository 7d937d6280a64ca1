"""No room for what a command makes: one line with path and cause, nothing half-written, and on.

Each command is run with room first, which says how much it needs; then with shares of that.
"""

import functools
import re

import ml_collections
import pytest
import small_disk
import worlds
from small_disk import kib_of, leftovers

from data_builders.ethnicity import annotation
from data_builders.ethnicity.consolidation import Thresholds
from data_builders.ethnicity.table_annotator import TableAnnotator
from ethnicmer_jax import jobs
from ethnicmer_jax.base import places
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import run as explain
from ethnicmer_jax.explain.request import Request as Explained
from ethnicmer_jax.export import run as export
from ethnicmer_jax.export.request import Request as Exported
from ethnicmer_jax.jobs import comparison, ensemble
from ethnicmer_jax.jobs.sweep import grid, result_files, runner
from ethnicmer_jax.predict import program
from ethnicmer_jax.predict.request import Request as Predicted

ROOM = "make room there, then start the same command again"
PEOPLE = [
    ("lab", f"{ethnicity[0]}{number}", ethnicity)
    for ethnicity in ("Asian", "White")
    for number in range(4)
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a manifest, its database, and two finished jobs with networks."""
    folder = tmp_path_factory.mktemp("world")
    worlds.write_manifest(folder, PEOPLE)
    for name, changes in {"one": {}, "two": {"seed": 1}}.items():
        jobs.run(config(folder, **changes), folder / name, "train")
    return folder


def config(folder, **changes):
    settings = {
        "data__source": "manifest",
        "data__raw": str(folder / "manifest.csv"),
        "data__data_dir": str(folder / "data"),
        "engine__devices": 1,
        "optim__epochs": 1,
        "checkpoint__keep": "final",
        "protocol__final": True,
    }
    return worlds.config(**settings | changes)


def annotated(world, output):
    table = TableAnnotator(world / "manifest.csv")
    annotation.annotate([table], Thresholds(min_clips=1), {}, output)


def explained(world, output):
    asked = Explained(methods=("gradcam",), label_folds=1, max_clips=6)
    explain.run(world / "one", asked, output)


def predicted(world, output):
    how = program.How(output, report=True)
    program.run(world / "one", Predicted([str(world / "manifest.csv")]), how)


def exported(world, output, ending):
    asked = Exported(world / "one", output / f"model{ending}", ending[1:], overwrite=False)
    export.run(asked)


def swept(world, output):
    made = config(world, classifier="logistic", shallow__features="grid", protocol__final=False)
    with made.unlocked():
        asked = {"product": {"shallow.c": (1.0, 2.0)}}
        made.sweep = ml_collections.ConfigDict(asked, convert_dict=False)
    points = grid.points(made)
    result_files.describe(output, "tiny", points)
    for line in runner.run(points, output).values():
        raise UserError(line)
    runner.summarise(output)


def studied(world, output):
    made = config(
        world,
        protocol__name="study",
        protocol__contrasts=("ethnicity",),
        protocol__subjects=4,
        protocol__final=False,
        study__jobs=("arms", "pooled"),
        study__pooled_seeds=1,
        study__label_seeds=1,
    )
    jobs.run(made, output)


COMMANDS = {
    "annotate": annotated,
    "compare": lambda world, output: comparison.write([world / "one", world / "two"], output),
    "ensemble": lambda world, output: ensemble.write([world / "one"], output),
    "safetensors": functools.partial(exported, ending=".safetensors"),
    "stablehlo": functools.partial(exported, ending=".zip"),
    "predict": predicted,
    "explain": explained,
    "sweep": swept,
    "study": studied,
}
WHOLE = ("compare", "predict", "explain", "safetensors", "stablehlo")
"""What appears whole or not at all."""

BY_CHANCE = re.compile(r"(/events\.out\.tfevents\.|\bd/)[^/]+$")


def files_of(folder):
    """The files under a folder; what Orbax and TensorBoard name by chance or time, once."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {BY_CHANCE.sub(r"\1*", name) for name in found}


def with_room(write, world, place):
    """The files that a command makes, and how many KiB they take."""
    with small_disk.mounted(place) as sized:
        output = sized(100_000) / "output"
        write(world, output)
        return files_of(output), kib_of(output)


def without_room(name, write, world, place, kib, whole):
    """Runs a command with so much room, and again once there is enough."""
    with small_disk.mounted(place) as sized:
        output = sized(max(4, kib // 4 * 4)) / "output"
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a library raises
            write(world, output)
        said = str(caught.value) if isinstance(caught.value, UserError) else None
        said = said or places.line(caught.value)
        assert said, caught.value
        assert "\n" not in said
        assert str(output) in said
        assert ROOM in said
        assert leftovers(output.parent) == []
        if name in WHOLE:
            assert files_of(output.parent) == set()
        sized(100_000)
        write(world, output)
        assert files_of(output) == whole
        assert leftovers(output.parent) == []


def test_annotations(tmp_path):
    worlds.write_manifest(tmp_path, PEOPLE)
    whole, kib = with_room(annotated, tmp_path, tmp_path / "large")
    for share in (0.1, 0.5, 0.9):
        place = tmp_path / f"small{share}"
        without_room("annotate", annotated, tmp_path, place, int(share * kib), whole)


@pytest.fixture(scope="module")
def needed(world, tmp_path_factory):
    """`needed(name)`: what a command makes, and how many KiB it takes."""
    place = tmp_path_factory.mktemp("large")
    return functools.cache(lambda name: with_room(COMMANDS[name], world, place / name))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("name", COMMANDS)
def test_commands(world, needed, tmp_path, name, share):
    whole, kib = needed(name)
    without_room(name, COMMANDS[name], world, tmp_path / "small", int(share * kib), whole)
