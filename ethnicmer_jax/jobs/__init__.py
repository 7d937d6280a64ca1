"""From a config to a work directory: jobs, studies, sweeps, ensembles, calibrations."""

from __future__ import annotations

import importlib
import pathlib

import ml_collections

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import check

MODES = ("all", "train", "evaluate", "report")
"""Which part of a job is run."""

AVERAGED = "averaged"
"""Where the mean of a job's seeds is, a work directory of its own: `protocol.average_seeds`."""

_RUNNERS = {"study": "ethnicmer_jax.jobs.study.runner"}
"""Protocol -> the module that runs it; all others are ordinary jobs."""


def run(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    mode: str = "all",
    first: bool = True,
) -> None:
    """Runs a job or a study; what is finished already is not done again.

    Args:
      config: see configs/common.py.
      directory: the work directory.
      mode: one of MODES. "train" stops before the report; "evaluate" predicts again from
        the checkpoints; "report" needs predictions.csv only; "all" does what is missing.
      first: False in the other processes of a distributed job, which only train their
        share of the folds.

    Raises:
      UserError: anything that the user can mend.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"--workdir={directory} is a file; name a directory")
    check.settings(config)
    # Imported once the settings are accepted: pandas, SciPy and the figures take seconds.
    name = _RUNNERS.get(config.protocol.name, "ethnicmer_jax.jobs.job")
    importlib.import_module(name).run(config, directory, mode, first)
    if config.protocol.average_seeds and first and mode != "train":
        from ethnicmer_jax.jobs import ensemble

        ensemble.write([directory], directory / AVERAGED, overwrite=True)


def resume(directory: pathlib.Path, mode: str = "all", first: bool = True) -> None:
    """Goes on with the job or study whose config.json a work directory holds.

    Args:
      directory: the work directory.
      mode: one of MODES.
      first: see `run`.

    Raises:
      UserError: there is no config.json, or anything else that the user can mend.
    """
    from ethnicmer_jax.jobs import job, work_directory

    config = work_directory.recorded(directory)
    if not work_directory.is_derived(config):
        run(config, directory, mode, first)
    elif mode in ("all", "report"):
        job.report(config, directory)
    else:
        raise UserError(f"{directory} was made of other jobs' predictions; only --mode=report")
