"""`python -m MODULE ...` in processes forked from one that has imported what takes seconds.

A process of each command would spend most of the test in importing the same packages.
"""

import multiprocessing
import os
import pathlib
import shlex
import sys
import tempfile
from collections.abc import Sequence

import as_module

SLOW_TO_IMPORT = (
    "data_builders.database.ensure",
    "ethnicmer_jax.analysis.paired",
    "ethnicmer_jax.explain.run",
    "ethnicmer_jax.jobs.job",
    "ethnicmer_jax.report.job_page",
    "ethnicmer_jax.training.engine",
    # What these import when they need it.
    "scipy.stats",
    "sklearn.linear_model",
    "statsmodels.genmod.generalized_estimating_equations",
    "statsmodels.stats.contingency_tables",
    "statsmodels.stats.meta_analysis",
    "statsmodels.stats.proportion",
)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(SLOW_TO_IMPORT))


def run(command: str, folder: pathlib.Path, environment: dict[str, str]) -> tuple[int, str]:
    """Runs `python -m MODULE ...` in a folder; gives its exit code and what it said on stderr.

    The command is split as a shell would, variables included; it may have no pipes and such.
    Figures in PDF are a word, as in the tests of this process, see `real_pdf` in conftest.py.
    """
    words = [_expanded(word, environment) for word in shlex.split(command)]
    assert words[:2] == ["python", "-m"], command
    code, _, error = run_module(words[2:], folder, environment)
    return code, error


def run_module(
    words: Sequence[str], folder: pathlib.Path, environment: dict[str, str]
) -> tuple[int, str, str]:
    """Runs `python -m WORDS` in a folder; gives exit code, standard output and standard error."""
    with tempfile.TemporaryDirectory() as said:
        arguments = (list(words), str(folder), environment, said)
        process = _context.Process(target=_module, args=arguments)
        process.start()
        process.join()
        files = [pathlib.Path(said, name) for name in ("stdout", "stderr")]
        texts = [
            file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
            for file in files
        ]
    return process.exitcode, *texts


def _expanded(word: str, environment: dict[str, str]) -> str:
    for name, value in environment.items():
        word = word.replace(f"${name}", value)
    return word


def _module(arguments: list[str], folder: str, environment: dict[str, str], said: str) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        with pathlib.Path(said, name).open("wb") as stream:
            os.dup2(stream.fileno(), number)
    os.environ.update(environment)
    os.chdir(folder)
    # As `python -m` has it: the folder first, for configs and modules of the reader's own.
    sys.path.insert(0, "")
    from ethnicmer_jax.report import style

    style._pdf = lambda figure, title: b"%PDF-1.4 of no figure"
    os._exit(as_module.run(arguments))
