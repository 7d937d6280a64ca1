import importlib.util
import pathlib
import subprocess
import sys

import pytest

from ethnicmer_jax.base import sums
from ethnicmer_jax.training.scalars import ScalarLog

ROOT = pathlib.Path(__file__).resolve().parents[1]


def lines(folder):
    return [sums.values_of(line) for line in (folder / "scalars.jsonl").read_text().splitlines()]


def test_one_line_per_epoch_and_flight(tmp_path):
    log = ScalarLog(tmp_path, {})
    log.write("loso/a", "loso", 1, {"loss": 1.5})
    log.write("loso/a", "loso", 2, {"loss": 0.5})
    log.write("mixed/b", None, 1, {"loss": 2.0})
    log.close()
    assert lines(tmp_path) == [
        {"flight": "loso/a", "run": "loso", "epoch": 1, "loss": 1.5},
        {"flight": "loso/a", "run": "loso", "epoch": 2, "loss": 0.5},
        {"flight": "mixed/b", "run": None, "epoch": 1, "loss": 2.0},
    ]


def test_tensorboard_names_flights_and_what_was_measured(tmp_path):
    log = ScalarLog(tmp_path, {})
    log.write("loso/a", "loso", 1, {"loss": 1.5, "accuracy": 0.5}, folds=52)
    log.write("loso/b", "loso", 1, {"loss": 2.5})
    log.close()
    events = {
        str(path.parent.relative_to(tmp_path / "tensorboard")): path.read_bytes()
        for path in (tmp_path / "tensorboard").rglob("events.*")
    }
    assert set(events) == {"loso/a_and_51_more", "loso/b"}
    assert b"training/loss" in events["loso/a_and_51_more"]
    assert b"training/accuracy" in events["loso/a_and_51_more"]
    assert b"training/accuracy" not in events["loso/b"]


def test_a_flight_trained_again_replaces_its_lines(tmp_path):
    log = ScalarLog(tmp_path, {})
    log.write("done", "r", 1, {"loss": 1.0})
    log.write("cut off", "r", 1, {"loss": 2.0})
    log.close()
    with (tmp_path / "scalars.jsonl").open("a") as file:
        file.write('{"flight": "cut o')
    again = ScalarLog(tmp_path, {"done": 1})
    again.write("cut off", "r", 1, {"loss": 3.0})
    again.close()
    assert [(line["flight"], line["loss"]) for line in lines(tmp_path)] == [
        ("done", 1.0),
        ("cut off", 3.0),
    ]


def test_epochs_that_a_checkpoint_holds_are_kept(tmp_path):
    log = ScalarLog(tmp_path / "new", {})
    for epoch in (1, 2, 3):
        log.write("a", "r", epoch, {"loss": 1.0})
    log.close()
    ScalarLog(tmp_path / "new", {"a": 2}).close()
    assert [line["epoch"] for line in lines(tmp_path / "new")] == [1, 2]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_pytorch_is_not_imported_for_events(tmp_path):
    code = (
        "import pathlib, sys\n"
        "from ethnicmer_jax.training.scalars import ScalarLog\n"
        f"log = ScalarLog(pathlib.Path({str(tmp_path)!r}), {{}})\n"
        "log.write('a', 'r', 1, {'loss': 1.0})\n"
        "print('tensorboardX' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_damaged_lines_are_dropped_and_said(tmp_path, capsys):
    log = ScalarLog(tmp_path, {})
    for epoch in (1, 2, 3):
        log.write("a", "r", epoch, {"loss": 1.0})
    log.close()
    path = tmp_path / "scalars.jsonl"
    first, second, third = path.read_text().splitlines()
    damaged = (second.replace("1.0", "7.0"), "x", "[]", "{}", "", "\x85", '{"epoch": "a"}')
    path.write_text("\n".join([first, *damaged, third]) + "\n")
    ScalarLog(tmp_path, {"a": 3}).close()
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 3]
    assert capsys.readouterr().err.count("a damaged line is dropped") == len(damaged)


def test_a_folder_in_place_of_the_curves_is_set_aside(tmp_path, capsys):
    (tmp_path / "scalars.jsonl").mkdir()
    log = ScalarLog(tmp_path, {})
    log.write("loso/a", "loso", 1, {"loss": 1.5})
    log.close()
    assert len(lines(tmp_path)) == 1
    assert "now called scalars.jsonl.damaged; its curves begin anew" in capsys.readouterr().err
