"""What the command says to wrong arguments; test_end_to_end.py has the right ones."""

import functools

import command_host
import pytest
from command_host import ROOT

SMOKE = "--config=configs/smoke.py"

main = functools.partial(command_host.run, "ethnicmer_jax.main")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--config must name a config file"),
        (("--config=configs/gone.py",), "--config must name a config file"),
        ((SMOKE,), "--workdir is needed"),
        (("--workdir=runs/no_such",), "runs/no_such holds no config.json to go on with"),
        ((SMOKE, "--workdir=W", "--draws=3"), "the protocol loso draws nothing"),
        ((SMOKE, "--workdir=W", "--config.protocol.grouping_custom=a=Asian;b=White"), "custom"),
        ((SMOKE, "--workdir=W", "--distributed"), "finds no cluster job to join"),
        ((SMOKE, "--workdir=W", "stray"), "what is 'stray'?"),
        ((SMOKE, "--workdir=W", "--mode=some"), "value should be one of <all|train|evaluate|rep"),
        ((SMOKE, "--workdir=W", "--wrokdir=W"), "Unknown command line flag 'wrokdir'"),
        ((SMOKE, "--workdir=W", "--config.optim.epoch=3"), "epoch"),
        ((SMOKE, "--workdir=W", "--config.optim.epochs=many"), "many"),
        (("--config=configs/mono.py:martian", "--workdir=W"), "variant 'martian'"),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_one_line_and_exit_code_two(arguments, reason):
    done = main(*arguments)
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (ROOT / "W").exists()


def test_help_shows_the_flags():
    done = main("--help")
    assert done.returncode == 0
    assert "--workdir" in done.stdout
    assert "--mode" in done.stdout
