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
    if SHEEP.value == 8:
        open("/nowhere/sheep.txt", "w")
    print(10 // SHEEP.value, "left")


cli.run(main)
'''

NAMED = '''"""Calls sheep by their names."""
from absl import flags
from ethnicmer_jax.base import cli

LOUD = flags.DEFINE_bool("loud", False, "Whether all of it is in capitals.")
AFTER = flags.DEFINE_list("after", [], "Names that come last.")


def main(names):
    line = " ".join(names)
    print(line.upper() if LOUD.value else line)
    return len(names) - 1


cli.run(main, arguments="NAME...")
'''


def command(path, source):
    path.write_text(source)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, path, *arguments], cwd=ROOT, capture_output=True, text=True
        )

    return run


@pytest.fixture(scope="module")
def sheep(tmp_path_factory):
    return command(tmp_path_factory.mktemp("cli") / "sheep.py", COMMAND)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    return command(tmp_path_factory.mktemp("cli") / "named.py", NAMED)


def test_a_command_may_take_arguments_and_give_its_own_exit_code(named):
    done = named("Dolly", "--loud", "Shaun")
    assert (done.returncode, done.stdout, done.stderr) == (1, "DOLLY SHAUN\n", "")
    assert named("--", "--loud").stdout == "--loud\n"
    without = named("--loud")
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr == "error: name NAME... behind the command, see --help\n"


def test_a_list_that_is_given_twice_is_refused_not_half_forgotten(named):
    done = named("Dolly", "--after=Shaun", "--after=Timmy")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --after is given more than once: separate its values by commas\n"
    assert named("Dolly", "--after=Shaun,Timmy", "--loud", "--noloud").returncode == 0


def test_help_says_which_arguments_a_command_takes(named):
    assert "usage: named.py [--FLAG=VALUE ...] NAME...\n" in named("--help").stdout


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


def test_a_place_that_cannot_be_written_is_one_line(sheep):
    done = sheep("--sheep=8")
    assert done.returncode == 2
    assert done.stderr == "error: cannot use /nowhere/sheep.txt: No such file or directory\n"


def test_an_interruption_has_its_own_code(sheep):
    done = sheep("--sheep=10")
    assert done.returncode == 130
    assert done.stderr == "interrupted; the same command resumes\n"
