"""What every command says to --help, and to a wrong command line."""

import concurrent.futures
import functools
import os
import pkgutil
import subprocess
import sys
import tempfile

import command_host
import pytest
from command_host import ROOT

from ethnicmer_jax import commands

COMMAND_FILES = ROOT / "ethnicmer_jax" / "commands"
NAMES = sorted(module.name.rstrip("_") for module in pkgutil.iter_modules(commands.__path__))
COMMANDS = {
    "main": ("ethnicmer_jax.main",),
    **{name: ("ethnicmer_jax", name) for name in NAMES},
    "build": ("data_builders.build",),
    "annotate": ("data_builders.annotate",),
}
CONFIGS = {
    "main": "configs/smoke.py",
    "sweep": "configs/ablation.py:fusions",
    "calibrate": "configs/calibrate.py",
}
WITH_ARGUMENTS = [
    name
    for name in NAMES
    if "\nARGUMENTS = " in next(COMMAND_FILES.glob(f"{name}*.py")).read_text(encoding="utf-8")
]
WITH_WORKDIR = [*CONFIGS, "ensemble", "explain", "select"]


# What takes a second or more to import, and no help or complaint needs.
SLOW_TO_IMPORT = {
    *("jax", "jaxlib", "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets", "torch"),
    *("matplotlib", "sklearn", "statsmodels", "scipy.stats", "scipy.interpolate", "tensorboardX"),
}


def started(name, *arguments):
    """Exit code, standard output, standard error and CPU seconds of a process of its own."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", *COMMANDS[name], *map(str, arguments)],
            cwd=ROOT,
            stdout=out,
            stderr=err,
            env=os.environ | {"JAX_PLATFORMS": "none", "PYTHONPATH": str(ROOT)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = [stream.seek(0) or stream.read() for stream in (out, err)]
    return process.returncode, *texts, usage.ru_utime + usage.ru_stime


def all_of(lines):
    """The answers to several command lines: exit code, what was said, and CPU seconds."""
    answer = functools.partial(command_host.run, JAX_PLATFORMS="none")
    return {line: answer(*COMMANDS[line[0]], *line[1:]) for line in lines}


def test_help_comes_at_once_and_says_what_the_command_does():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda name: started(name, "--help"), COMMANDS))
    for name, (code, out, err, seconds) in zip(COMMANDS, answers, strict=True):
        said = [line for line in err.splitlines() if not line.startswith("import time:")]
        assert (code, said) == (0, []), name
        assert out[0].isupper(), name
        assert name == "models" or "--" in out, name
        modules = {line.rpartition("|")[2].strip() for line in err.splitlines()}
        assert "absl.flags" in modules
        assert modules & SLOW_TO_IMPORT == set(), name
        assert seconds < 2, f"{name} --help takes {seconds:.1f} s of CPU time"


def test_help_with_a_config_lists_every_setting():
    lines = [(name, f"--config={config}", "--help") for name, config in CONFIGS.items()]
    for (name, *_), (code, out, err, seconds) in all_of(lines).items():
        assert (code, err) == (0, ""), name
        assert "\n  optim.learning_rate=0.001 " in out
        assert max(map(len, out.splitlines())) <= 100
        assert seconds < 2
    line = ("main", "--config=configs/smoke.py", "--config.optim.epochs=7", "-h")
    changed = all_of([line])[line].stdout
    assert "optim.epochs=7 (default 20)  " in changed
    assert "px of the stored flow; a whole number from 2 to 4,096" in changed
    assert "matter to `draws` and `study` only" in changed


def refused(lines):
    """The one line that each command line is refused with."""
    answers = {}
    for line, (code, out, err, _) in all_of(list(lines)).items():
        assert (code, out) == (2, ""), (line, err)
        assert err.startswith("error: "), line
        assert err.count("\n") == 1, (line, err)
        answers[line] = err
    return answers


def test_a_wrong_flag_and_a_stray_argument_are_refused_by_every_command():
    for (_, _), err in refused([(name, "--wrokdir=W") for name in COMMANDS]).items():
        assert "Unknown command line flag 'wrokdir'" in err
    # `annotate` asks for its own flags first.
    alone = [name for name in COMMANDS if name != "annotate" and name not in WITH_ARGUMENTS]
    for (_, _), err in refused([(name, "stray") for name in alone]).items():
        assert "what is 'stray'?" in err


def test_a_work_directory_is_needed_and_is_no_file(tmp_path):
    (tmp_path / "file").touch()
    config = {name: (f"--config={path}",) for name, path in CONFIGS.items()}
    for _, err in refused([(name, *config.get(name, ())) for name in WITH_WORKDIR]).items():
        assert "--workdir is needed" in err
    lines = [
        (name, f"--workdir={tmp_path / place}", *config.get(name, ()))
        for name in WITH_WORKDIR
        for place in ("file", "file/below")
    ]
    for line, err in refused(lines).items():
        assert "is a file; name a directory" in err, line
    outputs = [
        (name, f"--workdir={tmp_path}", f"--output={tmp_path / place}")
        for name in ("ensemble", "select", "explain")
        for place in ("file", "file/below")
    ]
    for line, err in refused(outputs).items():
        assert "is a file; name a directory" in err, line


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_no_config_is_refused_in_one_line(tmp_path, name):
    texts = {
        "no_function.py": "x = 1",
        "broken.py": "def get_config(:",
        "fault.py": "def get_config():\n    return 1 / 0\n",
        "number.py": "def get_config():\n    return 3\n",
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    paths = ["README.md", "gone.py", str(tmp_path), *(str(tmp_path / file) for file in texts)]
    more = ["--config.optim.epochs=3", "--help"]
    lines = [(name, f"--config={p}", f"--workdir={tmp_path / 'W'}") for p in paths]
    lines += [(*line, flag) for line in lines[:5] for flag in more]
    for line, err in refused(lines).items():
        assert "config" in err, line
    assert not (tmp_path / "W").exists()


def test_a_wrong_setting_is_refused_at_once_by_every_command_that_takes_a_config(tmp_path):
    wrong = (
        "--config.model.emotion_backbone=resnet",
        "--config.data.classes=8",
        "--config.optim.learning_rate=nan",
        "--config.data.image_size=1000000000000",
        "--config.seed=18446744073709551616",
        "--config.protocol.databases=(1,)",
        "--config.data.detector=eyes",
        "--config.init.freeze=True",
    )
    lines = [
        (name, f"--config={config}", f"--workdir={tmp_path / 'W'}", each)
        for name, config in CONFIGS.items()
        for each in wrong
    ]
    answers = all_of(lines)
    for line, (code, out, err, seconds) in answers.items():
        assert (code, out) == (2, ""), (line, err)
        assert line[-1].removeprefix("--config.").split("=")[0] in err, (line, err)
        assert err.count("\n") == 1, (line, err)
        assert seconds < 2, line
    assert not (tmp_path / "W").exists()
