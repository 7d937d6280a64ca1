"""Per-fold checkpoints: the only importer of Orbax.

Layout: `<folder>/<run>/<fold>/<epochs trained>/`. Orbax writes a step under a
temporary name and renames it, so a step that is there is whole. Beside it lies the sum of its
arrays (see `base.sums`), with which they are compared whenever they are read.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ethnicmer_jax.base import places, sums
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import sound_weights

_NETWORK = ("params", "batch_stats")
"""What of a fold's state predicts."""

_PATTERN = re.compile(r"[*?\[\]\\]")
"""What Orbax takes for a pattern, and TensorStore for a folder, in the path of a checkpoint."""

_WRITERS = 4
"""Saving small folds is bound by file system calls, which overlap."""


_BESIDE = 64 * 1024
"""Bytes of a checkpoint beside its numbers, at most: some twenty small files, by the block."""


class FoldCheckpoints:
    """The checkpoints of all folds of a work directory."""

    def __init__(self, folder: pathlib.Path):
        """Uses `folder`, which need not exist yet."""
        self._folder = folder.absolute()

    def save(self, names: list[str], states: Any, epoch: int) -> None:
        """Saves several folds after `epoch` epochs; older steps of theirs go.

        One that is there already is compared; where it is damaged, it is written again.

        Args:
          names: f fold names, "run/fold".
          states: pytree of NumPy arrays [f, ...].
          epoch: epochs trained.
        """

        def one(row: int) -> None:
            state = jax.tree.map(lambda x: np.asarray(x[row]), states)
            value, step = _sum(state), self._folder / names[row] / str(epoch)
            if step.exists() and not self._holds(names[row], epoch, value):
                sums.set_aside(self._folder / names[row], "the fold is saved again")
            with self._manager(names[row]) as manager:
                if manager.latest_step() != epoch:
                    sums.record(step, value)
                    manager.save(epoch, args=ocp.args.StandardSave(state))

        with places.naming(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # Once its files are begun, Orbax prints pages of tracebacks from its own threads.
            places.check_room(self._folder, len(names) * _BESIDE + _bytes(states))
            with concurrent.futures.ThreadPoolExecutor(_WRITERS) as pool:
                list(pool.map(one, range(len(names))))

    def remove(self, names: list[str]) -> None:
        """Removes all that is kept of some folds."""
        for name in names:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def common_epoch(self, names: list[str]) -> int:
        """Epochs that all of the folds have been trained for, 0 where they differ."""
        # Of thousands of folds, few have any: one look is enough for the others.
        first = self._latest(names[0])
        return first if first and all(self._latest(name) == first for name in names) else 0

    def restore(self, names: list[str], like: Any) -> Any:
        """The latest states of several folds.

        Args:
          names: f fold names.
          like: pytree of arrays or `jax.ShapeDtypeStruct`s of one fold.

        Returns:
          Pytree of NumPy arrays [f, ...].

        Raises:
          DamagedError: a checkpoint is not what was saved.
          UserError: a fold has no checkpoint, or one of another model.
        """
        template = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)

        def one(name: str) -> Any:
            epoch = self._existing(name)
            try:
                state = self._read(name, epoch, template)
                jax.tree.map_with_path(_check_shape, template, state)
            except (ValueError, KeyError) as error:
                # What is damaged may look like another model; read whatever it is, that is seen.
                self._read(name, epoch)
                reason = str(error).strip().splitlines()[0]
                raise UserError(
                    f"the checkpoint of {name} does not fit this model: {reason}"
                ) from None
            return state

        with concurrent.futures.ThreadPoolExecutor(_WRITERS) as pool:
            states = list(pool.map(one, names))
        return jax.tree.map(lambda *leaves: np.stack(leaves), *states)

    def network(self, name: str) -> dict[str, Any]:
        """The latest network of a fold, whatever its model; frozen backbones are not in it.

        Args:
          name: of the fold.

        Returns:
          "params" and "batch_stats", as nested mappings of NumPy arrays: those that predict.

        Raises:
          UserError: there is no checkpoint, a damaged one, or one that cannot predict.
        """
        epoch = self._existing(name)
        state = self._read(name, epoch)
        try:
            # Where weights were averaged, their means predict: see `FoldState`.
            predicting = state.get("average") or [state[part] for part in _NETWORK]
            variables = dict(zip(_NETWORK, predicting, strict=True))
        except (ValueError, KeyError, AttributeError) as error:
            raise self._damaged(name, epoch, f"holds no network ({error})") from None
        sound_weights.check(f"the network {self._folder / name}", variables)
        return variables

    def check(self, flights: list[list[str]]) -> None:
        """Sets the checkpoints of folds aside that are not what was saved: they are trained again.

        Args:
          flights: fold names of folds that go on together; all of a flight have checkpoints.
        """
        for name in (name for names in flights for name in names):
            try:
                self._read(name, self._existing(name))
            except sums.DamagedError:
                sums.set_aside(self._folder / name, "the folds of its flight are trained again")

    def _read(self, name: str, epoch: int, template: Any = None) -> Any:
        """The state of a fold, once it was compared with its sum.

        Args:
          name: of the fold.
          epoch: of the checkpoint.
          template: as of `restore`; None reads whatever is there.

        Raises:
          DamagedError: it is not what was saved.
          ValueError: it does not fit the template; KeyError likewise.
        """
        try:
            with self._manager(name) as manager:
                state = manager.restore(epoch, args=ocp.args.StandardRestore(template))
        except PermissionError:
            raise
        except Exception as error:  # Whatever a damaged file makes Orbax and TensorStore raise.
            _drop_late_answers()
            if template is not None and isinstance(error, ValueError | KeyError):
                raise
            reason = " ".join((str(error).strip().splitlines() or [type(error).__name__])[:1])
            raise self._damaged(name, epoch, f"cannot be read ({reason})") from None
        known = sums.recorded(self._folder / name).get(str(epoch))
        if known and _sum(state) not in known:
            raise self._damaged(name, epoch, "is not what was saved there (its sum is another one)")
        return state

    def _holds(self, name: str, epoch: int, value: str) -> bool:
        """Whether the checkpoint after some epochs is there and has this sum."""
        try:
            return _sum(self._read(name, epoch)) == value
        except sums.DamagedError:
            return False

    def _damaged(self, name: str, epoch: int, reason: str) -> sums.DamagedError:
        return sums.DamagedError(
            self._folder / name / str(epoch),
            reason,
            f"bring back a copy of the folder {self._folder / name}; or train again: delete that "
            "folder and predictions.csv, and run --mode=all",
        )

    def _existing(self, name: str) -> int:
        if epoch := self._latest(name):
            return epoch
        raise UserError(
            f"fold {name} has no checkpoint in {self._folder}; train with "
            "--config.checkpoint.keep=final"
        )

    def _latest(self, name: str) -> int:
        path = self._folder / name
        if not path.is_dir():
            return 0
        return max((int(p.name) for p in path.iterdir() if p.name.isdigit()), default=0)

    @contextlib.contextmanager
    def _manager(self, name: str) -> Iterator[ocp.CheckpointManager]:
        folder, me = self._folder / name, jax.process_index()
        folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1,
            enable_async_checkpointing=False,
            create=False,
            # A fold belongs to one process of a distributed job; no other one waits for it.
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                primary_host=me, active_processes={me}, barrier_sync_key_prefix=name
            ),
        )
        with _plain(folder) as place, ocp.CheckpointManager(place, options=options) as manager:
            yield manager


@contextlib.contextmanager
def _plain(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path of a folder that Orbax can read, whatever the folder is called.

    It looks for what it has just written with a glob, and finds nothing below a `run[1]`.
    """
    if not _PATTERN.search(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ethnicmer_jax-") as place:
        link = pathlib.Path(place) / "fold"
        link.symlink_to(folder, target_is_directory=True)
        yield link


def _drop_late_answers() -> None:
    """Keeps TensorStore's last words off the terminal once a restore has failed.

    Its other reads end after Orbax has closed their event loop, and nobody is left to catch that.
    """
    told = sys.unraisablehook

    def hook(what: Any) -> None:
        if not (
            isinstance(what.exc_value, RuntimeError) and "loop is closed" in str(what.exc_value)
        ):
            told(what)

    if getattr(told, "__qualname__", "") != hook.__qualname__:
        sys.unraisablehook = hook


def _sum(state: Any) -> str:
    """The sum of the arrays in a tree, whatever its nodes are called; see `base.sums`."""
    digests = []
    for leaf in jax.tree.leaves(state):
        array = np.ascontiguousarray(leaf)
        about = f"{array.dtype.str} {np.shape(leaf)} ".encode()
        digests.append(hashlib.sha256(about + array.tobytes()).hexdigest())
    return sums.of_bytes("\n".join(sorted(digests)).encode())


def _bytes(states: Any) -> int:
    return sum(int(leaf.nbytes) for leaf in jax.tree.leaves(states))


def _check_shape(path: tuple[Any, ...], wanted: np.ndarray, found: np.ndarray) -> None:
    # Orbax checks the names in a tree of NumPy arrays, and not their shapes.
    if wanted.shape != found.shape:
        name = jax.tree_util.keystr(path)
        raise ValueError(f"{name} has shape {found.shape} there and {wanted.shape} here")
