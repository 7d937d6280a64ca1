"""Writes a database with TFDS: whole or not at all, once, and quietly."""

from __future__ import annotations

import contextlib
import fcntl
import io
import pathlib
import shutil
from collections.abc import Callable, Iterator

import tensorflow_datasets as tfds
from absl import logging

from data_builders.ethnic_me.ethnic_me_dataset_builder import EthnicMe, EthnicMeConfig
from ethnicmer_jax.base import sums
from ethnicmer_jax.base.schema import UserError

_DATASET = EthnicMe.name


def directory(data_dir: pathlib.Path, name: str) -> pathlib.Path:
    """Where the database of this name lies once it is built."""
    return data_dir / _DATASET / name / str(EthnicMe.VERSION)


def is_complete(database: pathlib.Path) -> bool:
    """Whether a database is there; it appears under its name only when it is whole."""
    return (database / "dataset_info.json").is_file()


@contextlib.contextmanager
def only_builder(data_dir: pathlib.Path, name: str) -> Iterator[None]:
    """Waits until no other process builds the same database; a killed one does not count.

    Raises:
      UserError: the data directory cannot be written to.
    """
    folder = data_dir / _DATASET
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{name}.lock").open("w")
    except OSError as error:
        raise UserError(
            f"cannot build into {data_dir}: {error}; choose another --data_dir"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_abandoned(folder, name)
        yield


def set_aside(database: pathlib.Path) -> None:
    """Renames a damaged database, so that it is built again; call it under `only_builder`."""
    sums.set_aside(database.parent, "it is built again")


def is_damaged(database: pathlib.Path) -> bool:
    """Whether a file of a database is not what was written; nobody knows of earlier versions."""
    try:
        sums.check_folder(database, "")
    except sums.DamagedError:
        return True
    return False


def _remove_abandoned(folder: pathlib.Path, name: str) -> None:
    """Removes what killed builds of other databases have left; nobody holds their locks."""
    for left in folder.glob(".*.incomplete"):
        other = left.name.removeprefix(".").removesuffix(".incomplete")
        if other == name:  # `write` does so itself
            continue
        with (folder / f".{other}.lock").open("a") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def write(
    data_dir: pathlib.Path,
    config: EthnicMeConfig,
    describe: Callable[[pathlib.Path], None],
    download_config: tfds.download.DownloadConfig | None = None,
) -> pathlib.Path:
    """Writes one database; call it under `only_builder`.

    Args:
      data_dir: the TFDS data directory.
      config: names the database and holds its clips.
      describe: adds further files to the database's directory before it appears.
      download_config: the Beam runner and its options, where there is one.

    Returns:
      The directory of the built version.
    """
    final = directory(data_dir, config.name)
    temporary = data_dir / _DATASET / f".{config.name}.incomplete"
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed build left
    with _quiet_tfds():
        builder = EthnicMe(data_dir=temporary, config=config, file_format="array_record")
        builder.download_and_prepare(
            download_dir=temporary / "downloads", download_config=download_config
        )
    describe(pathlib.Path(builder.data_path))
    sums.record_folder(pathlib.Path(builder.data_path))
    if final.exists():  # without its description it is no database
        set_aside(final)
    final.parent.mkdir(exist_ok=True)
    pathlib.Path(builder.data_path).rename(final)
    shutil.rmtree(temporary)
    return final


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
    """Keeps TFDS from announcing downloads that do not take place."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)
