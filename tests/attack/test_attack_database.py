"""A database damaged in six ways: built again to the same bytes, or refused in one line."""

import shutil

import numpy as np
import pytest
import worlds
from damaging import KINDS, contents, copy, damage, outcome

from data_builders.database import cache
from ethnicmer_jax.base import sums
from ethnicmer_jax.data import dataset
from ethnicmer_jax.jobs import preparation


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A manifest of six people, its database below `data`, and the files of that."""
    folder = tmp_path_factory.mktemp("built")
    worlds.write_manifest(folder)
    preparation.read(config_for(folder))
    return folder


def config_for(folder):
    return worlds.config(
        data__source="manifest",
        data__raw=str(folder / "manifest.csv"),
        data__data_dir=str(folder / "data"),
    )


def database(folder):
    return next((folder / "data" / "ethnic_me").glob("manifest-*/*/"))


def names(folder):
    """Every file of the database but its sums."""
    return sorted(p.name for p in database(folder).iterdir() if p.name != sums.FILE_NAME)


FEW = ("dataset_info.json", "missing"), ("array_record", "flipped"), ("features.json", "other type")


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(FEW, id="few"),
        pytest.param(None, id="all", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("summed", [True, False])
def test_a_damaged_database_is_built_again(built, tmp_path, cases, summed, capfd):
    if cases is FEW and not summed:
        pytest.skip("in the slow run")
    folder = copy(built, tmp_path / "world")
    whole = preparation.read(config_for(folder)).dataset
    path = database(folder)
    before = contents(path, *names(folder))
    if cases is None:
        cases = [(name, kind) for name in names(folder) for kind in KINDS]
    for start, kind in cases:
        shutil.rmtree(path.parent)
        shutil.copytree(database(built).parent, path.parent)
        if not summed:
            (path / sums.FILE_NAME).unlink()
        name = next(name for name in names(folder) if start in name)
        damage(path / name, kind)
        found = preparation.read(config_for(folder)).dataset
        assert np.array_equal(found.flow, whole.flow), (name, kind)
        assert found.key.tolist() == whole.key.tolist()
        assert found.emotion.tolist() == whole.emotion.tolist()
        if summed:
            assert contents(path, *names(folder)) == before
    assert "it is built again" in capfd.readouterr().err


def test_who_reads_a_database_alone_is_told_which_file(built, tmp_path):
    folder = copy(built, tmp_path / "world")
    path = database(folder)
    damage(path / "features.json", "flipped")
    said = outcome(lambda: dataset.load(path))
    assert "features.json is not what was written there" in said
    assert "build it again" in said


def test_what_killed_builds_of_other_databases_left_is_removed(built, tmp_path):
    folder = copy(built, tmp_path / "world")
    left = folder / "data" / "ethnic_me" / ".manifest-0123.incomplete"
    (left / "half").mkdir(parents=True)
    shutil.rmtree(database(folder).parent)
    preparation.read(config_for(folder))
    assert not left.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_clip_is_what_was_computed_or_is_computed_again(tmp_path, kind):
    """Of the clips that a killed build has left."""
    store = cache.ClipCache(tmp_path)
    clips = {
        name: cache.Pixels(np.full((4, 4, 2), number, np.float32), "pixels")
        for number, name in enumerate(("aa1", "aa2"))
    }
    for name, pixels in clips.items():
        store.store(name, pixels)
    damage(tmp_path / "aa" / "aa1.npz", kind, tmp_path / "aa" / "aa2.npz")
    assert store.load("aa1") is None
    assert np.array_equal(store.load("aa2").flow, clips["aa2"].flow)
    store.store("aa1", clips["aa1"])
    assert np.array_equal(store.load("aa1").flow, clips["aa1"].flow)
