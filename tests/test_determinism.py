"""Invariant 6: the same predictions bit for bit, on any devices, in any company, resumed or not."""

import functools
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import small_models
import worlds

from ethnicmer_jax.base import stopping
from ethnicmer_jax.training import fold_results, placement
from ethnicmer_jax.training.checkpoint import FoldCheckpoints
from ethnicmer_jax.training.scalars import ScalarLog

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA = worlds.world()
ONE = {
    "model__fusion": "embed", "engine__devices": 1, "engine__fold_batch": 1,
    "engine__folds_in_flight": 2,
}  # fmt: skip


def made(**overrides):
    return worlds.config(**(ONE | overrides))


def expected():
    """Of programs that were compiled as those of the test are, see conftest.py."""
    return _expected(jax.config.read("jax_disable_most_optimizations"))


@functools.cache
def _expected(_quickly):
    return worlds.engine(made(), DATA).train().table


OTHERWISE = (
    {"engine__devices": 4, "engine__folds_in_flight": 4},
    {"engine__folds_in_flight": 6},
    {"engine__devices": 2},
)


@pytest.mark.parametrize(
    "overrides",
    [
        *(pytest.param(overrides, id=str(overrides)) for overrides in OTHERWISE[:2]),
        # As users get their programs, see conftest.py.
        *(
            pytest.param(overrides, id=f"{overrides}, optimised", marks=pytest.mark.slow)
            for overrides in OTHERWISE
        ),
    ],
)
def test_predictions_do_not_depend_on_devices_and_folds_in_flight(overrides):
    assert len(jax.local_devices()) == 4
    assert worlds.engine(made(**overrides), DATA).train().table.equals(expected())


IN_A_PROCESS = """
from ethnicmer_jax.base import environment
environment.prefer_core_devices()
import sys, worlds
made = worlds.config(engine__devices=int(sys.argv[1]), optim__batch_size=32)
print(worlds.engine(made, worlds.world(clips=8), [0, 5]).train().table.to_csv())
"""


@pytest.mark.slow
def test_predictions_do_not_depend_on_the_threads_of_the_process():
    """Sums are large enough here (a batch of 32 at 28 px) for XLA to share them among threads."""

    def predicted(there, used):
        flags = f"--xla_force_host_platform_device_count={there}"
        return subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS, str(used)],
            env=os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout

    wanted = predicted(1, 1)
    for there, used in [(2, 2), (4, 1), (8, 1), (8, 8)]:
        assert predicted(there, used) == wanted


def test_a_jax_without_pmap_predicts_the_same_bytes(monkeypatch):
    overrides = {"engine__devices": 4, "engine__folds_in_flight": 4}
    monkeypatch.delattr(jax, "pmap")
    placement._mapped.cache_clear()
    try:
        found = worlds.engine(made(**overrides), DATA).train().table
    finally:
        placement._mapped.cache_clear()
    assert found.equals(expected())


def option_text(options):
    """As `--config.model.emotion_options` takes them."""
    return ",".join(
        f"{name}={'+'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in options.items()
    )


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        # Attention is where XLA once rounded otherwise on several devices.
        pytest.param(
            "swin_b", {"width": 32, "depths": (1, 0, 0, 0)}, id="attention", marks=pytest.mark.slow
        ),
        *(
            pytest.param(name, small_models.SMALLEST[name]["options"], marks=pytest.mark.slow)
            for name in small_models.SMALLEST
            if name not in ("ststnet", "tiny_vit_21m")
        ),
    ],
)
def test_larger_networks_do_not_depend_on_devices_either(backbone, options):
    overrides = {
        "model__emotion_backbone": backbone,
        "model__image_size": small_models.SMALLEST[backbone]["image_size"],
        "model__emotion_options": option_text(options),
    }
    one, four = (
        worlds.engine(worlds.config(**overrides, engine__devices=devices), DATA).train().table
        for devices in (1, 4)
    )
    assert four.equals(one)


@pytest.mark.parametrize("rows", [[5, 0, 3, 2, 4, 1], [3], [4, 1, 2]], ids=str)
def test_a_fold_does_not_depend_on_the_others(rows):
    found = worlds.engine(made(), DATA, rows).train().table
    mine = expected()["fold"].unique()[rows]
    wanted = expected().set_index("fold").loc[mine].reset_index()
    assert wanted[found.columns].equals(found)


def test_batches_of_folds_change_rounding_only():
    found = worlds.engine(made(engine__fold_batch=3, engine__folds_in_flight=3), DATA).train()
    columns = [name for name in found.table.columns if name[:2] in ("p_", "q_")]
    np.testing.assert_allclose(found.table[columns], expected()[columns], atol=1e-5)


class InterruptedRunError(Exception):
    pass


def interrupt(monkeypatch, where, name, calls):
    """Lets a method fail, after so many calls, once what it does is done."""
    original = getattr(where, name)
    count = iter(range(calls))

    def method(*arguments, **options):
        original(*arguments, **options)
        if next(count, None) is None:
            raise InterruptedRunError

    monkeypatch.setattr(where, name, method)


AUGMENTED = {
    "augment__rotation": 5.0, "augment__amplitude": 0.2, "augment__noise": 0.1,
    "optim__averaging": 0.9, "model__fusion": "none",
}  # fmt: skip


def test_augmented_and_averaged_folds_resume_and_predict(tmp_path, monkeypatch):
    config, rows = made(**AUGMENTED, checkpoint__keep="every"), [0, 1]
    wanted = worlds.engine(config, DATA, rows).train().table
    with monkeypatch.context() as patch:
        interrupt(patch, FoldCheckpoints, "save", 0)
        with pytest.raises(InterruptedRunError):
            worlds.engine(config, DATA, rows).train(tmp_path)
    engine = worlds.engine(config, DATA, rows)
    assert engine.train(tmp_path).table.equals(wanted)
    assert engine.evaluate(tmp_path).table.equals(wanted)


@pytest.mark.slow
def test_augmented_folds_do_not_depend_on_devices():
    one, two = (
        worlds.engine(made(**AUGMENTED, engine__devices=devices), DATA).train().table
        for devices in (1, 2)
    )
    assert two.equals(one)


@pytest.mark.parametrize(
    ("keep", "where", "name", "calls", "epochs_left"),
    [
        # Three flights of two folds, two epochs each: the second flight is lost or finished.
        ("none", fold_results.FoldResults, "add", 1, 2),
        ("final", FoldCheckpoints, "save", 1, 4),
        ("every", FoldCheckpoints, "save", 2, 3),
    ],
)
def test_an_interrupted_run_resumes(tmp_path, monkeypatch, keep, where, name, calls, epochs_left):
    config = made(checkpoint__keep=keep)
    with monkeypatch.context() as patch:
        interrupt(patch, where, name, calls)
        with pytest.raises(InterruptedRunError):
            worlds.engine(config, DATA).train(tmp_path)
    trained = []
    write = ScalarLog.write
    monkeypatch.setattr(
        ScalarLog, "write", lambda self, *line: trained.append(line) or write(self, *line)
    )
    assert worlds.engine(config, DATA).train(tmp_path).table.equals(expected())
    assert len(trained) == epochs_left
    # The learning curves are whole: three flights, two epochs.
    assert len((tmp_path / "scalars.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("keep", "epochs_left"),
    # The second of three flights is stopped after the first of two epochs.
    [("none", 3), pytest.param("final", 3, marks=pytest.mark.slow)],
)
def test_half_trained_folds_are_saved_at_sigterm(tmp_path, monkeypatch, keep, epochs_left):
    config = made(checkpoint__keep=keep)
    trained, begun = [], []
    write, asked = ScalarLog.write, stopping.asked

    def writing(self, *line):
        write(self, *line)
        trained.append(line)

    def asking():
        # Not the writing of curves, which is of the epoch before.
        begun.append(None)
        stopping._state.asked = stopping._state.asked or len(begun) == 3
        return asked()

    monkeypatch.setattr(ScalarLog, "write", writing)
    monkeypatch.setattr(stopping, "asked", asking)
    with pytest.raises(stopping.Stopped):
        worlds.engine(config, DATA).train(tmp_path)
    assert len(trained) == 3
    trained.clear()
    stopping._state.asked = False
    monkeypatch.setattr(stopping, "asked", asked)
    engine = worlds.engine(config, DATA)
    assert engine.train(tmp_path).table.equals(expected())
    assert len(trained) == epochs_left
    assert len((tmp_path / "scalars.jsonl").read_text().splitlines()) == 6
    engine.clear(tmp_path)
    assert not (tmp_path / "parts").exists()


def test_checkpoints_predict_what_was_predicted(tmp_path):
    engine = worlds.engine(made(checkpoint__keep="final"), DATA)
    engine.train(tmp_path)
    assert engine.evaluate(tmp_path).table.equals(expected())


class Command:
    """The real command on a manifest, as a process that can be cut off."""

    def __init__(self, tmp_path, name):
        self.workdir = tmp_path / name
        self._arguments = [
            *(sys.executable, "-m", "ethnicmer_jax.main", "--config=configs/smoke.py"),
            *(f"--workdir={self.workdir}", f"--config.data.data_dir={tmp_path / 'data'}"),
            *("--config.data.source=manifest", f"--config.data.raw={tmp_path / 'manifest.csv'}"),
            *("--config.optim.epochs=8", "--config.checkpoint.keep=every"),
            *("--config.engine.devices=1", "--config.engine.folds_in_flight=2"),
        ]

    def start(self):
        return subprocess.Popen(
            self._arguments,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the suite in the background makes its children deaf to SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def predictions(self, process):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return (self.workdir / "predictions.csv").read_bytes()

    def cut_off(self, number, after_epochs):
        """Sends a signal once so many epochs have been trained; exit code and last words."""
        process = self.start()
        curves, deadline = self.workdir / "scalars.jsonl", time.monotonic() + 120
        while not (curves.is_file() and curves.read_text().count("\n") >= after_epochs):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=60)
        assert not (self.workdir / "predictions.csv").exists()
        return process.returncode, said.splitlines()[-1:]


def test_a_command_cut_off_twice_ends_as_one_that_was_not(tmp_path):
    worlds.write_manifest(tmp_path)
    command, undisturbed = Command(tmp_path, "cut"), Command(tmp_path, "whole")
    # Three flights of folds with eight epochs each: far more than pass while a signal travels.
    stopped = command.cut_off(signal.SIGINT, after_epochs=2)
    assert stopped == (130, ["interrupted; the same command resumes"])
    stopped = command.cut_off(signal.SIGTERM, after_epochs=4)
    assert stopped == (143, ["stopped by SIGTERM; the same command resumes"])
    assert command.cut_off(signal.SIGKILL, after_epochs=6)[0] == -signal.SIGKILL
    # Not beside it: what is compiled is then compiled once.
    resumed, whole = (each.predictions(each.start()) for each in (command, undisturbed))
    assert resumed == whole
