"""What to try with a finished work directory: commands that work as they stand."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Iterator

import ml_collections

from data_builders.database import package
from ethnicmer_jax.base import files
from ethnicmer_jax.protocols import network_file

_PREDICT = "python -m ethnicmer_jax predict"


def of(config: ml_collections.ConfigDict, directory: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Commands, and what each is for.

    Args:
      config: of the job.
      directory: its work directory; that of a study, and of a job that is not finished, has none.
    """
    if not (directory / network_file.FILE_NAME).is_file():
        return
    where = f"--workdir={shlex.quote(str(directory))}"
    database = files.read_json(directory / "config.json").get("database")
    built = package.directory(pathlib.Path(config.data.data_dir), str(database))
    if config.protocol.name != "all":
        if package.is_complete(built):
            yield (
                f"{_PREDICT} {where} {shlex.quote(str(built))}",
                "its own clips, each under models that have not seen the person",
            )
        if config.classifier == "network" and config.checkpoint.keep != "none":
            yield f"python -m ethnicmer_jax explain {where}", "where its networks look"
    # Whoever has a film has one of a whole frame, also where the database came cropped.
    crop = " --detector=retinaface" if config.data.detector == "none" else ""
    yield (
        f"{_PREDICT} {where}{crop} --report VIDEO",
        "a face of your own: a video file or a folder of frames",
    )
