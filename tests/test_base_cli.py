"""How commands start and fail, on a command of three lines."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = '''"""Counts sheep."""
from absl import flags
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError

SHEEP = flags.DEFINE_integer("sheep", 1, "How many sheep.")


def main():
    if SHEEP.value < 0:
        raise UserError(f"{SHEEP.value} sheep\\ncannot be")
    if SHEEP.value > 9:
        raise KeyboardInterrupt
    print(10 // SHEEP.value, "left")


cli.run(main)
'''


@pytest.fixture(scope="module")
def sheep(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "sheep.py"
    path.write_text(COMMAND)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, path, *arguments], cwd=ROOT, capture_output=True, text=True
        )

    return run


def test_success_is_zero(sheep):
    done = sheep("--sheep=2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 left\n", "")


def test_help_says_what_the_command_does_and_takes(sheep):
    done = sheep("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Counts sheep.\n\n")
    assert "How many sheep." in done.stdout


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--sheep=-1", "error: -1 sheep cannot be\n"),
        ("--sheep=many", "error: flag --sheep=many: invalid literal for int()"),
        ("--ship=1", "error: Unknown command line flag 'ship'; see --help"),
    ],
)
def test_a_user_s_mistake_is_one_line_and_two(sheep, argument, line):
    done = sheep(argument)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback(sheep):
    done = sheep("--sheep=0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr


def test_an_interruption_has_its_own_code(sheep):
    done = sheep("--sheep=10")
    assert done.returncode == 130
    assert done.stderr == "interrupted; the same command resumes\n"
