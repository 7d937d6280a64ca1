"""One process at a time writes a place; a second one is told who is there.

The first process makes `.lock`, with its name in it, and touches it every BEAT seconds. A lock
whose process has ended is taken over: at once where it ran on this machine, and from any other
machine once the file has not been touched for STALE seconds. Clocks are not compared, and the
file system need not know locks: files that only one process can make are enough.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ethnicmer_jax.base import environment, progress, stopping
from ethnicmer_jax.base.owner import Owner
from ethnicmer_jax.base.schema import UserError

FILE_NAME = ".lock"

BEAT = 10.0
"""Seconds between touches of a lock that is held."""

STALE = 60.0
"""Seconds without a touch after which a process on another machine counts as ended."""

_LOOK = 1.0
_TRIES = 100
"""Times that a folder may vanish while it is made."""

_held: dict[pathlib.Path, int] = {}
"""Lock files of this process -> which thread works under them."""


class InUseError(UserError):
    """Another process works there."""


@contextlib.contextmanager
def held(directory: pathlib.Path) -> Iterator[None]:
    """Within it no other process works in a directory, as far as it asks here as well.

    A directory that was made for the lock alone goes with it.

    Args:
      directory: made where it is missing; a thread may lock it several times.

    Raises:
      InUseError: another process works there.
    """
    with _held_by(directory.resolve() / FILE_NAME, directory, "directory"):
        yield


@contextlib.contextmanager
def held_output(path: pathlib.Path) -> Iterator[None]:
    """The same for a file or folder that appears as a whole: its lock lies beside it.

    Args:
      path: of the file or folder; whether it may be replaced is asked within, as another process
        may just have made it.

    Raises:
      InUseError: another process makes it.
    """
    place = path.resolve()
    with _held_by(place.with_name(f".{place.name}{FILE_NAME}"), path, "--output"):
        yield


@contextlib.contextmanager
def _held_by(file: pathlib.Path, shown: pathlib.Path, other: str) -> Iterator[None]:
    if _held.get(file) == threading.get_ident():
        yield
        return
    made = [path for path in file.parents if not path.exists()]
    lock = _Lock(file, shown, other)
    try:
        lock.take()
        _held[file] = threading.get_ident()
        try:
            yield
        finally:
            del _held[file]
            lock.release()
    finally:
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()


class _Lock:
    """A lock file, from its making to its end."""

    def __init__(self, path: pathlib.Path, shown: pathlib.Path, other: str = "directory"):
        """Nothing is done yet.

        Args:
          path: of the file.
          shown: what is locked, as the user calls it.
          other: what the user may name another one of.
        """
        self._path, self._shown, self._other = path, shown, other
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()

    def take(self) -> None:
        """Makes the file, or takes over one whose process has ended.

        Raises:
          InUseError: its process works there.
        """
        tries = 0
        while not self._made(self._path):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError:  # another process has just removed what lies above it
                tries += 1
                if tries > _TRIES:
                    raise
                continue
            there = _read(self._path)
            if there == {}:
                time.sleep(_LOOK / 10)  # it is being written
                there = _read(self._path)
            if there is None:
                continue  # gone by now
            if _works(there, self._path):
                raise InUseError(
                    f"{self._shown} is in use: {_who(there)}; wait until it ends, or name another "
                    f"{self._other}"
                )
            self._take_over(there)
        threading.Thread(target=self._beat, daemon=True).start()

    def release(self) -> None:
        """Removes the file, if it still is this process's."""
        self._ended.set()
        there = _read(self._path)
        if there is not None and there.get("token") == self._token:
            self._path.unlink(missing_ok=True)

    def _made(self, path: pathlib.Path) -> bool:
        """Whether this process has made the file just now; not where there is no folder for it."""
        try:
            about = {
                "token": self._token,
                **dataclasses.asdict(Owner.this()),
                "since": time.time(),
                "directory": path.parent.stat().st_ino,
                "command": environment.command(),
            }
            number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except (FileExistsError, FileNotFoundError):
            return False
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump(about, file)
        except OSError:
            path.unlink()  # of a disk that is full
            raise
        return True

    def _take_over(self, stale: Mapping[str, Any]) -> None:
        """Removes a stale lock, unless another process has done so before."""
        # Two that take over at once must not remove each other's new locks.
        turn = self._path.with_name(f"{self._path.name}.takeover")
        if not self._made(turn):
            there = _read(turn)
            if there is not None and not _works(there, turn):
                turn.unlink(missing_ok=True)
            time.sleep(_LOOK / 10)
            return
        try:
            if _read(self._path) == stale:
                self._path.unlink(missing_ok=True)
        finally:
            turn.unlink(missing_ok=True)

    def _beat(self) -> None:
        """Touches the file; ends the process if it has become another one's."""
        while not self._ended.wait(BEAT):
            try:
                there = _read(self._path)
                if there is None:
                    self._made(self._path)  # somebody has cleaned up too much
                elif there.get("token") == self._token:
                    os.utime(self._path)
                elif not self._ended.is_set():
                    stopping.ask(f"{self._shown} is in use: {_who(there)}; this process ends", 2)
                    return
            except OSError:
                continue  # of a disk that is full or away for a while


def _read(path: pathlib.Path) -> dict[str, Any] | None:
    """What a lock says, {} while it is being written or where it is damaged; None without one."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return there if isinstance(there, dict) else {}


def _works(there: Mapping[str, Any], path: pathlib.Path) -> bool:
    """Whether the process of a lock still works there; that may take STALE seconds to tell."""
    try:
        owner = Owner.of(there)
    except ValueError:
        owner = None  # being written, or damaged
    try:
        if owner and there.get("directory") != path.parent.stat().st_ino:
            return False  # it came with a copy of the directory
    except FileNotFoundError:
        return False
    runs = owner.runs() if owner else None
    if runs is not None:
        return runs
    first, since = _touched(path), time.monotonic()
    if owner:
        progress.say(f"{path.parent} was in use: {owner}; waiting up to {STALE:g} s for its sign")
    while time.monotonic() - since < STALE:
        time.sleep(_LOOK)
        if (now := _touched(path)) != first:
            return now is not None
    return False


def _touched(path: pathlib.Path) -> tuple[int, int] | None:
    """When a file was touched, and how long it is; None without one."""
    try:
        # Opened, as clients of network file systems ask the server then.
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size


def _who(there: Mapping[str, Any]) -> str:
    """Who works in a directory, where and for how long."""
    try:
        owner = str(Owner.of(there))
        age = progress.duration(max(0.0, time.time() - float(there["since"])))
    except (ValueError, KeyError, TypeError):
        return "another process works there"
    doing = f" ({there['command']})" if there.get("command") else ""
    return f"{owner} has worked there for {age}{doing}"
