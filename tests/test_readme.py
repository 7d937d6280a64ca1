"""Every command in README and docs is run, in the order of the pages, in one folder.

What takes long is made short by further flags, which stand in SHORTER; what a command
reads and the reader has to bring (a manifest, raw databases) is made first.
"""

import ast
import concurrent.futures
import csv
import importlib
import importlib.util
import os
import pathlib
import pkgutil
import re
import shlex
import subprocess
import sys
import time

import documented
import flow_manifest
import other_laboratory
import own_films
import pytest
import warm_python
from documented import ROOT

from ethnicmer_jax import commands

TINY = (
    "--config.data.simulated.cohorts=simcasme2:Asian:4,simsamm:Asian:3:grey,simsamm:White:4:grey",
    "--config.data.simulated.clips_per_subject=4.0",
    "--config.data.detector=none",
    "--config.data.flow_method=dis",
)
ONE_EPOCH = ("--config.optim.epochs=1", "--config.protocol.seeds=1", "--config.engine.devices=1")
LOGISTIC = ("--config.classifier=logistic", "--config.shallow.features=grid")
SHORTER = (
    # The first pattern that a command contains tells which flags are added to it.
    # Networks that are exported, or that others start from.
    (r"main .*(runs/pretrained|init\.path)", (*TINY, *ONE_EPOCH, "--config.protocol.final=False")),
    (r"main .*configs/(baseline|mono)\.py(?!.*fusion)",
     (*TINY, *ONE_EPOCH, *LOGISTIC, "--config.model.fusion=none", "--config.protocol.draws=1")),
    (r"main .*configs/study\.py", (*TINY, *ONE_EPOCH, "--draws=1",
     "--config.study.jobs=('arms','pooled')", "--config.protocol.contrasts=('ethnicity',)",
     "--config.protocol.subjects=2", "--config.study.pooled_seeds=1")),
    (r"main .*configs/best", (*TINY, *ONE_EPOCH, "--config.protocol.seeds=2")),
    (r"main .*configs/megc2019", (*TINY, *ONE_EPOCH, *LOGISTIC)),
    (r"main .*--config=", (*TINY, *ONE_EPOCH, "--config.protocol.draws=1")),
    (r"sweep .*SLURM", (*TINY, *ONE_EPOCH)),
    (r"sweep .*ablation", (*TINY, *ONE_EPOCH, "--shard=1/7")),
    (r"sweep .*tuning", (*TINY, *ONE_EPOCH, *LOGISTIC, "--config.protocol.inner_folds=2")),
    (r"calibrate", ("--config=configs/calibrate.py:smoke", *LOGISTIC, "--databases=2",
     "--effects=0")),
    (r"ethnicmer_jax plan", ("--effects=1", "--databases=1", "--clips=4")),
    # What makes jobs short makes them learn from frames that come cropped.
    (r"predict .*runs/(mine|demo|best)", ("--detector=retinaface",)),
    (r"explain", ("--methods=hirescam", "--label_folds=0", "--max_clips=4")),
    (r"build --export", ("--simulated=cohorts=simcasme2:Asian:1,simsamm:White:1:grey",
     "--simulated=clips_per_subject=3")),
    (r"build .*--data_dir", ("--flow=dis",)),
)  # fmt: skip
ENVIRONMENT = {
    "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    # Most of the time goes into compiling networks that are trained for one epoch.
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true",
    "SCRATCH": "runs",
    "SLURM_ARRAY_TASK_ID": "1",
    "SLURM_ARRAY_TASK_COUNT": "9",
}
NOT_RUN_HERE = (
    # Installation is what `.ci/run` does before this test; these would change its environment.
    r"^pip install",
    r"^pre-commit install",
    # The suite within the suite.
    r"^pytest ",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would stand: configs/ beside, raw databases and a manifest at hand."""
    where = tmp_path_factory.mktemp("readme")
    (where / "configs").symlink_to(ROOT / "configs")
    (where / "Makefile").symlink_to(ROOT / "Makefile")
    (where / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    other_laboratory.write(where / "LAB")
    own_films.write(where)
    manifest = flow_manifest.write(where / "PATH")
    with manifest.open() as clips, (where / "JOINT_TABLE.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["Dataset", "Subject", "RaceConcised", "EstimatedEmotionConcised"])
        for clip in csv.DictReader(clips):
            race = "Asian" if clip["ethnicity"] == "Asian" else "Non-Asian"
            writer.writerow([clip["database"], clip["subject"], race, clip["emotion"]])
    return where


def all_commands():
    """Every fenced command once, as one text, in the order of the pages."""
    commands = [words for page in documented.PAGES for words in documented.fenced(page)]
    return list(dict.fromkeys(commands))


COMMANDS = all_commands()


def is_run(command):
    return not command.startswith("make ") and not any(re.search(p, command) for p in NOT_RUN_HERE)


def directories(command):
    """The work directories and raw folders that a command reads or writes."""
    return set(re.findall(r"\bruns/[a-z_]+|\bRAW\b|\bLAB\b|=data\b", command))


def chains(commands):
    """Commands in groups that share no directory: groups may run side by side."""
    groups = []
    for command in commands:
        ours = directories(command)
        joined = [group for group in groups if ours & set().union(*map(directories, group))]
        groups = [group for group in groups if group not in joined]
        members = {*(c for group in joined for c in group), command}
        groups.append([c for c in commands if c in members])
    return groups


def run(command, folder):
    added = next((flags for pattern, flags in SHORTER if re.search(pattern, command)), ())
    start = time.monotonic()
    whole = f"{command} {shlex.join(added)}"
    if command.startswith("python -m "):
        code, error = warm_python.run(whole, folder, ENVIRONMENT)
    else:
        environment = {**os.environ, **ENVIRONMENT}
        done = subprocess.run(
            ["bash", "-c", whole], cwd=folder, capture_output=True, text=True, env=environment
        )
        code, error = done.returncode, done.stderr
    return command, code, error[-2000:], time.monotonic() - start


def test_every_documented_command_runs(folder):
    def run_chain(commands):
        return [run(command, folder) for command in commands]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        groups = chains([command for command in COMMANDS if is_run(command)])
        done = [result for chain in pool.map(run_chain, groups) for result in chain]
    print(*(f"{seconds:6.1f} s  {command}" for command, *_, seconds in done), sep="\n")
    assert [(command, error) for command, code, error, _ in done if code] == []
    assert len(done) > 12


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_every_documented_target_of_make_exists(command, folder):
    done = subprocess.run(
        ["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_run_is_installation_only():
    assert [c for c in COMMANDS if not is_run(c) and not c.startswith("make ")] == [
        "pre-commit install",
    ]


def settings_of(code):
    """The config files, but for a NAME of the reader's, and the settings that the text names."""
    files = re.findall(r"(?:--config=)?(configs/(?!NAME\b)\w+\.py)(?::([\w,=.]+))?", code)
    return files, re.findall(r"--config\.([\w.]+)=", code)


COMMAND_NAMES = [found.name for found in pkgutil.iter_modules(commands.__path__)]
INLINE = sorted({code for page in documented.PAGES for code in documented.inline(page)})


@pytest.mark.parametrize("code", [code for code in INLINE if any(settings_of(code))])
def test_configs_and_settings_in_the_text_exist(code):
    files, settings = settings_of(code)
    # What is in no common config is of a calibration.
    whose = "calibrate" if any(name.startswith("calibration.") for name in settings) else "common"
    config = importlib.import_module(f"configs.{whose}").get_config()
    for path, variant in files:
        module = importlib.import_module(f"configs.{pathlib.Path(path).stem}")
        config = module.get_config(variant) if variant else module.get_config()
    for setting in settings:
        *sections, field = setting.split(".")
        section = config
        for name in sections:
            section = section[name]
        assert field in section


@pytest.mark.parametrize("code", [code for code in INLINE if code.startswith("python -m ")])
def test_modules_and_commands_in_the_text_exist(code):
    _, _, module, *rest = code.split()
    assert importlib.util.find_spec(module)
    if module == "ethnicmer_jax" and rest:
        assert rest[0] in [name.rstrip("_") for name in COMMAND_NAMES]


PYTHON = [block for page in documented.PAGES for block in documented.python_blocks(page)]


@pytest.mark.parametrize("block", PYTHON)
def test_what_python_in_the_text_imports_exists(block):
    tree = ast.parse(block)
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            exec(compile(ast.Module([node], []), "page", "exec"), bound)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = bound.get(node.value.id)
            assert module is None or hasattr(module, node.attr), f"{node.value.id}.{node.attr}"
