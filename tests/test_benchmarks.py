"""Benchmarks add rows of figures to their own tables."""

import functools
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import flow_manifest
import jax
import numpy as np
import pandas as pd
import pytest

from benchmarks import habit, scaling_point
from benchmarks.plain_ststnet import PlainSTSTNet
from benchmarks.results import Table
from ethnicmer_jax.analysis.habit import worth
from ethnicmer_jax.models.backbones.ststnet import STSTNet

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLES = """# Measurements

## LOSO against PyTorch

| a |
|---|
| 1 |

## Spotting

Words on it.

| a | b |
|---|---|

What the first rows lack.
"""


@pytest.fixture
def results(tmp_path):
    return tmp_path / "RESULTS.md"


def test_a_row_goes_below_the_last_one_of_its_table(results):
    results.write_text(TABLES)
    Table.opened(str(results), "LOSO against PyTorch").add(["2"])
    spotting = Table.opened(str(results), "Spotting")
    spotting.add(["3", "4"])
    expected = TABLES.replace("| 1 |", "| 1 |\n| 2 |").replace("|---|---|", "|---|---|\n| 3 | 4 |")
    assert results.read_text() == expected
    with pytest.raises(ValueError, match="1 cells"):
        spotting.add(["5"])


def test_a_file_of_results_is_made_before_anything_is_measured(results):
    table = Table.opened(str(results.with_name("new") / "R.md"), "Training throughput")
    own = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    words, made = table.path.read_text().split("## Training throughput")
    assert words == "# Measurements\n\n"
    assert made in own
    assert made.rstrip().endswith("|---|")
    again = Table.opened(str(table.path), "Spotting")
    table.add([str(cell) for cell in range(10)])
    assert again.path.read_text().count("\n## ") == 2
    assert Table.opened("", "Spotting").path is None


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path):
    done = run("loso_vs_torch", f"--results={tmp_path}")
    assert done.returncode == 2
    assert "nothing has been measured" in done.stderr


SLOWER = [pytest.param(name, marks=pytest.mark.slow) for name in ("xla", "torch")]


@pytest.mark.parametrize("other", [*SLOWER, "sliding"])
def test_throughput_is_measured_from_end_to_end(results, other):
    if other == "torch":
        pytest.importorskip("torch", reason="`make parity` installs PyTorch")
    flags = {"backbone": "ststnet", "folds": 2, "clips": 8, "batch": 4, "steps": 1,
             "peak_tflops": 1.0, "results": results}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", f"--compare={other}"]
        + [f"--{name}={value}" for name, value in flags.items()],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *_, device, folds, rate, memory, tflops, utilisation, loso, ratio = [
        cell.strip() for cell in results.read_text().splitlines()[-1].strip("|").split("|")
    ]
    assert device.endswith("cpu")
    assert folds.endswith("folds of 4")
    assert memory.endswith("GiB")
    assert loso.endswith("min")
    images = float(rate.replace(",", ""))
    assert images > 0
    assert ratio.endswith(f" × {other}")
    assert float(ratio.split()[0]) > 0
    # One image costs three forward passes of 0.000901 GFLOPs.
    devices = int(device.split()[0])
    assert float(tflops) == pytest.approx(3 * 0.000901e-3 * images, abs=0.006)
    assert float(utilisation.rstrip("%")) == pytest.approx(
        100 * 3 * 0.000901e-3 * images / devices, abs=0.06
    )


def test_ststnet_of_plain_layers_is_the_same_function():
    images = jax.random.normal(jax.random.key(0), (6, 28, 28, 3))
    init = jax.jit(functools.partial(STSTNet().init, train=False))
    variables = init(jax.random.key(1), images)

    def features_and_gradient(network):
        def loss(params):
            features, state = network.apply(
                {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
            )
            return (features**3).sum(), (features, state)

        return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max()),
        features_and_gradient(PlainSTSTNet()),
        features_and_gradient(STSTNet()),
    )


def test_a_comparison_that_a_network_has_not_is_refused():
    done = run("throughput", "--backbone=resnet18", "--size=32", "--compare=sliding", "--folds=1")
    assert done.returncode == 2
    assert "--backbone=ststnet" in done.stderr


def run(module, *flags):
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, flags)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"},
    )


STEPS = """
import pathlib, sys
from absl import flags
from benchmarks import gpu

one = ("timeit", "-n1", "-r1")
gpu._steps = lambda output, platforms: [
    gpu.Step("works", (*one, "print('it is 1')"), "^it is"),
    gpu.Step("fails", (*one, "1 / 0"), "^it is"),
    gpu.Step("hangs", (*one, "while True: pass"), "^it is", limit=1),
    gpu.Step("works again", (*one, "print('it is 2')"), "^it is"),
]
gpu._device = lambda: ("a device", "cpu")
flags.FLAGS(sys.argv)
sys.exit(gpu.main())
"""


def test_a_step_that_fails_or_hangs_takes_nothing_from_the_others(tmp_path):
    path = tmp_path / "RESULTS.md"
    manifest = flow_manifest.write(tmp_path / "raw", subjects=2, databases=("samm",))
    where = (f"--raw={manifest}", f"--output={tmp_path / 'out'}", f"--results={path}")
    done = subprocess.run(
        [sys.executable, "-c", STEPS, *where], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    steps = json.loads((tmp_path / "out" / "gpu.json").read_text())["steps"]
    assert [(step["name"], step["code"]) for step in steps] == [
        ("works", 0), ("fails", 1), ("hangs", 124), ("works again", 0),
    ]  # fmt: skip
    rows = [line for line in path.read_text().splitlines() if " | a device | " in line]
    found = [row.split(" | ")[-1] for row in rows]
    assert found[0] == "it is 1 |"
    assert found[1].startswith("exit code 1; ")
    assert "ZeroDivisionError" in found[1]
    assert found[2].startswith("exit code 124; ")
    assert found[3] == "it is 2 |"


@pytest.mark.slow
def test_the_whole_program_is_taken_to_a_device(tmp_path):
    path = tmp_path / "RESULTS.md"
    manifest = flow_manifest.write(tmp_path / "raw", subjects=3, databases=("samm",))
    flags = ("--tiny", "--steps=loso,loso again", f"--results={path}")
    done = run("gpu", f"--raw={manifest}", f"--output={tmp_path / 'out'}", *flags)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "UF1" in path.read_text().splitlines()[-2]
    assert "| the same bytes of predictions.csv; " in path.read_text().splitlines()[-1]
    found = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert [step["code"] for step in found["steps"]] == [0, 0]


@pytest.mark.slow
def test_loso_is_compared_with_pytorch_from_end_to_end(tmp_path):
    pytest.importorskip("torch", reason="`make parity` installs PyTorch")
    path = tmp_path / "RESULTS.md"
    manifest = flow_manifest.write(tmp_path / "raw", subjects=3, databases=("samm",))
    flags = (f"--raw={manifest}", f"--data_dir={tmp_path}", "--epochs=1", f"--results={path}")
    done = run("loso_vs_torch", *flags)
    assert done.returncode == 0, done.stderr
    row = path.read_text().splitlines()[-1]
    assert "LOSO, 3 folds, ststnet, 1 epochs" in row
    assert "`python -m benchmarks.loso_vs_torch --raw=PATH/manifest.csv" in row
    _, _, _, _, ours, theirs, ratio, warm, _ = [cell.strip() for cell in row.strip("|").split("|")]
    first, again = map(float, re.match(r"([\d.]+) s, again ([\d.]+) s", ours).groups())
    for way in ("1 process ", "of one thread ", "vmap of 8 folds "):
        assert way in theirs
    compiled = "torch.compile" in theirs
    assert compiled == (shutil.which("g++") is not None)
    # Ratios are those of the fastest, up to the rounding of what stands beside them.
    found = [float(seconds) for seconds in re.findall(r"([\d.]+) s \(UF1", theirs)]
    found += [float(seconds) for seconds in re.findall(r"([\d.]+) s, again", theirs)]
    again_found = [float(s) for s in re.findall(r"([\d.]+) s \(UF1", theirs)]
    for said, mine, others in ((ratio.strip("*"), first, found), (warm, again, again_found)):
        low, high = (min(others) + by for by in (-0.06, 0.06))
        assert low / (mine + 0.06) - 0.01 <= float(said) <= high / (mine - 0.06) + 0.01


def test_stacked_networks_train_as_each_would_alone():
    torch = pytest.importorskip("torch", reason="`make parity` installs PyTorch")
    from benchmarks import torch_loso, torch_stacked

    torch.set_num_threads(1)  # more of them would wait for each other
    torch.manual_seed(0)
    stacked = torch_stacked.Training(3, torch.device("cpu"))
    alone = [stacked.network(row) for row in range(3)]
    stacked.skeleton.dropout.p = 0.0
    rng = np.random.default_rng(0)
    # The last fold takes no part in the second step, as one with fewer clips does not.
    steps = [[0, 1, 2], [0, 1], [0, 1, 2]]
    images = torch.from_numpy(rng.normal(size=(3, 3, 4, 3, 28, 28)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 3, (3, 3, 4)))
    for number, rows in enumerate(steps):
        stacked.step(torch.tensor(rows), images[number, rows], labels[number, rows])
    for row, model in enumerate(alone):
        model.train()
        model.dropout.p = 0.0
        optimizer = torch.optim.Adam(model.parameters(), lr=torch_loso.RATE)
        for number, rows in enumerate(steps):
            if row in rows:
                optimizer.zero_grad()
                logits = model(images[number, row])
                torch.nn.functional.cross_entropy(logits, labels[number, row]).backward()
                optimizer.step()
        expected, found = model.state_dict(), stacked.network(row).state_dict()
        for name, values in expected.items():
            torch.testing.assert_close(found[name], values, rtol=0, atol=2e-5)


@pytest.mark.slow
def test_steps_are_compared_with_genuine_networks_from_end_to_end(tmp_path):
    for package in ("torch", "torchvision", "timm"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("`make parity` installs PyTorch, torchvision and timm")
    path = tmp_path / "RESULTS.md"
    flags = ("--networks=resnet18@32,tiny_vit_5m@64", "--batches=2", "--repeats=1", "--steps=1")
    done = run("step_vs_torch", *flags, f"--results={path}")
    assert done.returncode == 0, done.stderr
    rows = [row.split(" | ") for row in path.read_text().splitlines() if row.startswith("| 2")]
    assert [row[1] for row in rows] == [
        "resnet18, 32 px, batch 2",
        "tiny_vit_5m, 64 px, batch 2",
    ]
    for row in rows:
        for ours, theirs, ratio in (row[4:7], row[7:10]):
            found = float(theirs.split()[0]) / float(ours)
            assert float(ratio.strip("*")) == pytest.approx(found, rel=0.05, abs=0.01)


@pytest.mark.parametrize("wrong", ["--networks=vgg@64", "--batches=0"])
def test_what_cannot_be_compared_is_refused_before_anything_is_measured(tmp_path, wrong):
    done = run("step_vs_torch", wrong, f"--results={tmp_path / 'R.md'}")
    assert done.returncode == 2
    assert wrong in done.stderr


def test_what_a_fold_costs_does_not_grow_with_their_number():
    few, many = (
        scaling_point.measure(scaling_point.Point(subjects=100, clips=4000, seeds=seeds))
        for seeds in (1, 20)
    )
    assert (few.folds, many.folds) == (100, 2000)
    masks = 2 * 4000
    assert many.held / many.folds <= few.held / few.folds < masks / 20
    # Twenty times the folds, and less than half of the masks of one twentieth of them.
    assert many.plan_memory < 100 * masks / 2 + few.plan_memory


@pytest.mark.slow
def test_growth_is_measured_from_end_to_end(tmp_path):
    path, figure = tmp_path / "RESULTS.md", tmp_path / "scaling.png"
    for axes, sizes in (("folds", "26"), ("draws,subjects,clips", "40")):
        done = run(
            "scaling", f"--axes={axes}", f"--sizes={sizes}", f"--results={path}",
            f"--figure={figure}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    rows = [row.split(" | ") for row in path.read_text().splitlines() if row.startswith("| 2")]
    assert [row[1] for row in rows] == ["26 folds", "40 draws", "40 subjects", "40 clips"]
    assert rows[0][2] == "26 folds × 130 clips"
    assert rows[0][8].endswith("ms")
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_starts_are_timed_from_end_to_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    manifest = flow_manifest.write(tmp_path / "raw", subjects=3, databases=("samm",))
    done = run("start", "--starts=2", f"--raw={manifest}", f"--results={path}")
    assert done.returncode == 0, done.stderr
    first, later, around = path.read_text().splitlines()[-1].split(" | ")[2:5]
    least, _, most = around.removesuffix(" s").partition(" to ")
    assert float(least) <= float(later.removesuffix(" s")) <= float(most)
    # What the first one compiles is there for those after it.
    assert float(most) < float(first.removesuffix(" s")) < 60


@pytest.mark.slow
def test_the_rate_of_building_is_measured_from_end_to_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    done = run("build_rate", "--clips=2", "--rounds=1", "--crop_size=32", f"--results={path}")
    assert done.returncode == 0, done.stderr
    assert "| 2 clips of JPEG frames, 32 px | 2 |" in path.read_text()


def test_flow_is_compared_with_the_true_motion_from_end_to_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    done = run("flow_accuracy", "--clips=2", "--crop_size=32", f"--results={path}")
    assert done.returncode == 0, done.stderr
    lines = path.read_text().splitlines()
    rows = [line.split(" | ")[1] for line in lines if line.startswith("| 2")]
    assert rows == ["tvl1", "farneback", "dis", "tvl1 of scikit-image"]


@pytest.mark.slow
def test_the_apex_finder_is_measured_from_end_to_end(tmp_path):
    path, figure = tmp_path / "RESULTS.md", tmp_path / "apex.png"
    done = run(
        "apex", "--clips=3", "--fps=25", "--kinds=all", f"--results={path}", f"--figure={figure}"
    )
    assert done.returncode == 0, done.stderr
    _, kind, fps, films, median, *_ = [
        cell.strip() for cell in path.read_text().splitlines()[-1].strip("|").split("|")
    ]
    assert (kind, fps, films) == ("all", "25", "3")
    assert float(median) <= 2
    assert "films, mean" in done.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_apex_of_films_of_every_rate_and_kind_is_found(tmp_path):
    path = tmp_path / "RESULTS.md"
    kinds = "JPEG only,blinks,drift,light,all"
    done = run("apex", f"--kinds={kinds}", f"--results={path}")
    assert done.returncode == 0, done.stderr
    lines = path.read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| 2")]
    assert len(rows) == 20
    assert all(float(row[4]) <= 2 for row in rows)


@pytest.mark.parametrize("name", ["crops", "head_motion"])
def test_crops_and_head_motion_are_measured_without_training(tmp_path, name):
    flags = ["--clips=4", "--seeds=0", "--flow=dis", "--results="]
    if name == "crops":
        flags.append(f"--picture={tmp_path / 'crops.png'}")
    done = run(name, *flags)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("4 clips")]
    agreed = [float(row[-1]) for row in rows]
    if name == "crops":
        before, after = agreed
        assert after > before
        assert (tmp_path / "crops.png").stat().st_size > 10_000
    else:
        assert agreed[2] > agreed[0]
        assert agreed[5] > agreed[3]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("crops", 2), ("head_motion", 6)])
def test_crops_and_head_motion_are_scored(tmp_path, name, rows):
    results = tmp_path / "RESULTS.md"
    flags = {"clips": 24, "seeds": 1, "epochs": 1, "flow": "dis", "results": results}
    done = run(name, *(f"--{flag}={value}" for flag, value in flags.items()))
    assert done.returncode == 0, done.stderr
    assert results.read_text().count("| 24 clips, dis") == rows


@pytest.mark.slow
def test_spotting_is_measured_on_recordings_of_known_expressions(results):
    done = run("spotting", "--subjects=2", "--rows=JPEG only@25", f"--results={results}")
    assert done.returncode == 0, done.stderr
    row = results.read_text().splitlines()[-1].split("|")
    assert [cell.strip() for cell in row[2:6]] == ["JPEG only", "25", "2", "6"]
    assert float(row[6].split()[0]) > 0.8


def test_guesses_gain_by_choosing_and_nothing_is_left_to_learn_from(tmp_path):
    rows = [("samm", f"{who:03d}", f"c{clip}", ["negative", "positive", "surprise"][clip % 3])
            for who in range(10) for clip in range(6)]  # fmt: skip
    manifest = pd.DataFrame(rows, columns=["database", "subject", "clip", "emotion"])
    manifest = manifest.assign(action_units="4", flow="a.png")
    made = habit.shuffled(manifest, tmp_path, seed=0)
    assert made.emotion.value_counts().to_dict() == manifest.emotion.value_counts().to_dict()
    assert (made.emotion != manifest.emotion).mean() > 0.5
    assert "action_units" not in made
    assert set(made.flow) == {str(tmp_path / "a.png")}
    found = worth(habit.guesses(manifest, 20, seed=0), 20)["uf1"]
    assert found.fixed.estimate == pytest.approx(1 / 3, abs=0.05)
    assert found.worth.estimate > 0.2
