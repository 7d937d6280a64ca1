"""`python -m MODULE ...` in processes forked from one that has imported what commands share.

A command that has something to complain about does so within milliseconds, but for a second of
imports. The host knows no JAX: a command that starts it does so as it would alone. What --help
imports is measured on real processes (test_commands.py).
"""

import atexit
import functools
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from typing import NamedTuple

import as_module

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRELOADED = (
    "ml_collections.config_flags",
    "pandas",
    "data_builders.database.check_screen",
    "data_builders.database.ensure",
    "data_builders.ethnicity.annotation",
    "ethnicmer_jax.jobs.check",
)
_one_at_a_time = threading.Lock()


class Done(NamedTuple):
    """What a command left; `seconds` of CPU time, its imports of PRELOADED not among them."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


def run(*words, cwd=ROOT, **environment) -> Done:
    """Runs `python -m WORDS` in a folder, with further environment variables."""
    asked = {
        "words": [str(word) for word in words],
        "cwd": str(cwd),
        "environment": {**os.environ, **environment},
    }
    with _one_at_a_time:
        host = _host()
        host.stdin.write(json.dumps(asked) + "\n")
        host.stdin.flush()
        return Done(*json.loads(host.stdout.readline()))


@functools.cache
def _host() -> subprocess.Popen:
    """The host of this process; it ends when its standard input does."""
    host = subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(host.communicate)
    return host


def _serve() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_answer(**json.loads(line))), flush=True)


def _answer(words: list[str], cwd: str, environment: dict[str, str]) -> Done:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = os.fork()
        if not process:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            with pathlib.Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
            os._exit(_code(words, cwd, environment))
        _, status, usage = os.wait4(process, 0)
        texts = [stream.seek(0) or stream.read().decode(errors="replace") for stream in (out, err)]
    return Done(os.waitstatus_to_exitcode(status), *texts, usage.ru_utime + usage.ru_stime)


def _code(words: list[str], cwd: str, environment: dict[str, str]) -> int:
    """Runs the module in this process; its exit code, once all is written."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    # As `python -m` has it, and not the folder of this file.
    sys.path[0] = cwd
    return as_module.run(words)


if __name__ == "__main__":
    _serve()
