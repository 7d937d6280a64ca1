"""The Python of docs/api.md, run as it stands there, block after block."""

import pathlib
import shutil

import documented
import pytest

import ethnicmer_jax as em

BLOCKS = documented.python_blocks(documented.ROOT / "docs" / "api.md")
SMALLER = {
    'em.run("smoke", "runs/smoke")': 'em.Result(pathlib.Path("runs/smoke"))',
    # All but one of the dozen clips have the same one of three classes.
    "classes=3)": 'classes="raw")',
}


def run(blocks):
    names = {"pathlib": pathlib}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    return names


def smaller(block):
    for printed, instead in SMALLER.items():
        block = block.replace(printed, instead)
    return block


def test_what_is_made_smaller_stands_there():
    assert all(sum(printed in block for block in BLOCKS) == 1 for printed in SMALLER)


@pytest.mark.filterwarnings("ignore::ethnicmer_jax.HeldOutWarning")
def test_the_guide_runs_on_a_finished_directory(trained_workdir, tmp_path, monkeypatch):
    shutil.copytree(trained_workdir, tmp_path / "runs" / "smoke")
    monkeypatch.chdir(tmp_path)
    names = run(map(smaller, BLOCKS))
    assert set(names["predicted"]) <= set(names["y"])
    assert names["evidence"].maps.shape == (1, 28, 28)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ethnicmer_jax.HeldOutWarning")
def test_the_guide_runs_as_it_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(BLOCKS)["result"].report.is_file()


def test_every_public_name_is_in_the_guide():
    text = (documented.ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    left_out = {"Maps", "Model", "Result", "__version__"}  # what other names return
    assert {name for name in em.__all__ if f"em.{name}" not in text} <= left_out
