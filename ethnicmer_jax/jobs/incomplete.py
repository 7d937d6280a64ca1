"""What a job leaves where folds have diverged: diverged.json, and a page that says so.

There is no predictions.csv and no metrics.json then, so that nothing reads the other folds as if
they were all. Their results are kept; the same command trains those that diverged again.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import ml_collections

from ethnicmer_jax.base import files, sums
from ethnicmer_jax.base.divergence import DivergedError, Divergence

FILE_NAME = "diverged.json"


def write(
    directory: pathlib.Path, config: Mapping[str, Any], found: DivergedError, *, page: bool = True
) -> None:
    """Writes diverged.json, and says in terminal and page which folds it names.

    Args:
      directory: the work directory.
      config: of the job; its name and `optim.divergence` are used.
      found: what ended the training.
      page: whether report/ is written.
    """
    from ethnicmer_jax.report import console

    values = {
        "planned": found.planned,
        "limit": config["optim"]["divergence"],
        "diverged": [one.plain() for one in found.folds],
    }
    files.write_json(directory / FILE_NAME, values, summed=True)
    console.print_diverged(found, str(config["name"]))
    if page:
        report(directory, config, found)


def report(directory: pathlib.Path, config: Mapping[str, Any], found: DivergedError) -> None:
    """Writes report/ of a job that is incomplete."""
    # What draws takes a second to import, and training comes first.
    from ethnicmer_jax.report import console, incomplete_page

    plain = ml_collections.ConfigDict(config).to_dict()
    console.print_report(incomplete_page.write(found, plain, directory))


def clear(directory: pathlib.Path) -> None:
    """Nothing has diverged, as far as is known now."""
    (directory / FILE_NAME).unlink(missing_ok=True)


def read(directory: pathlib.Path) -> DivergedError | None:
    """What ended the last training of a work directory; None where it came to its end.

    Raises:
      UserError: the file is damaged.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        return None
    mend = "start the job again, which writes it anew"
    values = files.read_json(path, mend)
    try:
        folds = [Divergence.of_plain(one) for one in values["diverged"]]
        return DivergedError(folds, int(values["planned"]))
    except (KeyError, TypeError, ValueError):
        raise sums.DamagedError(path, "is damaged", mend) from None


def stamp(directory: pathlib.Path) -> int | None:
    """When diverged.json was written; None where there is none."""
    try:
        return (directory / FILE_NAME).stat().st_mtime_ns
    except FileNotFoundError:
        return None
