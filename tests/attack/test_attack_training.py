"""An interrupted job whose files were damaged ends in the same predictions."""

import shutil

import pytest
import worlds
from damaging import KINDS, copy, damage, outcome

from ethnicmer_jax.training.checkpoint import FoldCheckpoints

DATA = worlds.world()


class CutOffError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def engine():
    """Six folds in three flights, which keep a checkpoint of every epoch."""
    config = worlds.config(
        checkpoint__keep="every", engine__devices=1, engine__folds_in_flight=2, model__fusion="none"
    )
    return worlds.engine(config, DATA)


@pytest.fixture(scope="module")
def cut_off(engine, tmp_path_factory):
    """A work directory with one finished flight and one of two epochs; and the predictions."""
    folder = tmp_path_factory.mktemp("cut")
    save, calls = FoldCheckpoints.save, iter(range(2))

    def saved(*arguments):
        save(*arguments)
        if next(calls, None) is None:
            raise CutOffError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoldCheckpoints, "save", saved)
        with pytest.raises(CutOffError):
            engine.train(folder / "run")
    return folder / "run", engine.train(copy(folder / "run", folder / "whole")).table


def files_of(run):
    """A file of results, the curves, and those of the checkpoint that is gone on from."""
    name = sorted((run / "checkpoints").glob("*/*"))[2]
    checkpoint = sorted(path for path in name.rglob("*") if path.is_file())
    return [*(run / "parts").glob("*.npz"), run / "scalars.jsonl", *checkpoint]


def few(run):
    """The results, and the largest file of the checkpoint, which holds the arrays."""
    part, _, *checkpoint = files_of(run)
    return [part, max(checkpoint, key=lambda path: path.stat().st_size)]


@pytest.mark.parametrize(
    "chosen",
    [pytest.param(few, id="few"), pytest.param(files_of, marks=pytest.mark.slow, id="all")],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_damaged_is_trained_again_to_the_same_bytes(
    engine, cut_off, tmp_path, kind, chosen
):
    run, whole = cut_off
    assert len(list((run / "parts").glob("*.npz"))) == 1
    for seed in range(3 if kind == "flipped" and chosen is files_of else 1):
        for path in chosen(run):
            name = path.relative_to(run)
            again = copy(run, tmp_path / "run")
            damage(again / name, kind, seed=seed)
            assert engine.train(again).table.equals(whole), (str(name), kind)


@pytest.mark.parametrize("kind", ["truncated", "other type", "foreign"])
def test_results_of_an_earlier_version_are_trained_again_as_well(engine, cut_off, tmp_path, kind):
    run, whole = cut_off
    again = copy(run, tmp_path / "run")
    for path in again.rglob(".sums"):
        path.unlink()
    (part,) = (again / "parts").glob("*.npz")
    damage(part, kind)
    assert engine.train(again).table.equals(whole)


def test_results_of_another_job_are_not_taken_for_ones_own(engine, cut_off, tmp_path):
    run, whole = cut_off
    again = copy(run, tmp_path / "run")
    (part,) = (again / "parts").glob("*.npz")
    other = worlds.config(engine__devices=1, engine__folds_in_flight=2, optim__learning_rate=0.02)
    worlds.engine(other, DATA, [0, 1]).train(tmp_path / "other")
    (foreign,) = (tmp_path / "other" / "parts").glob("*.npz")
    assert foreign.name == part.name
    part.write_bytes(foreign.read_bytes())
    assert engine.train(again).table.equals(whole)


@pytest.mark.parametrize("name", ["parts", "checkpoints", "tensorboard"])
@pytest.mark.parametrize("kind", ["a file", "empty"])
def test_a_folder_that_is_a_file_or_lost_what_it_held(engine, cut_off, tmp_path, name, kind):
    run, whole = cut_off
    again = copy(run, tmp_path / "run")
    shutil.rmtree(again / name)
    if kind == "a file":
        (again / name).write_text("something else\n")
    else:
        (again / name).mkdir()
    tables = []
    said = outcome(lambda: tables.append(engine.train(again).table))
    if said == "done":
        assert tables[0].equals(whole)
    else:
        assert name in said, said
        assert kind == "a file"
        assert (again / name).read_text() == "something else\n"
