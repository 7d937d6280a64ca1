"""The processes of one distributed job, and which of them still run.

Each process keeps a file of its own in the work directory, `.processes/RUN-INDEX.json`, which
names it and which it touches every BEAT seconds. The first process locks the work directory; the
others touch nothing there before. It watches all of them, and they watch it: a process that has
ended, or has not touched its file for LOST seconds, ends all of them in good order, with one line
that names it. Clocks are not compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from ethnicmer_jax.base import files, lock, stopping, waiting
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.owner import Owner
from ethnicmer_jax.base.schema import UserError

FOLDER = ".processes"

BEAT = 5.0
"""Seconds between two touches, and two looks at the others."""

LOST = 40.0
"""Seconds without a touch after which a process counts as ended."""

_COMES, _WORKS = "comes", "works"
_FINISHED, _FAILED = "finished", "failed"


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of a process among those of its job.

    Attributes:
      index: from 0, which is the first process.
      count: of processes.
      run: told apart from earlier runs of the same job by this text, which all of them share.
    """

    index: int
    count: int
    run: str


@contextlib.contextmanager
def present(directory: pathlib.Path, place: Place) -> Iterator[None]:
    """Within it the other processes know of this one, and it of them.

    Args:
      directory: the work directory.
      place: of this process.

    Raises:
      lock.InUseError: in the first process, where another job works in the directory.
    """
    me = _Present(directory / FOLDER, place)
    me.write(_COMES)
    threading.Thread(target=me.watch, daemon=True).start()
    try:
        with lock.held(directory) if place.index == 0 else contextlib.nullcontext():
            me.write(_WORKS)
            if place.index > 0:
                waiting.until(me.first_works)
            yield
    except BaseException as error:
        said = stopping.reason() or f"{error}" or type(error).__name__
        code = stopping.code() or int(getattr(error, "exit_code", UserError.exit_code))
        # Folds that diverged are named by the first process, which may still be at its page.
        orderly = place.index > 0 and isinstance(error, DivergedError)
        me.leave(_FINISHED if orderly else _FAILED, said, code)
        raise
    me.leave(_FINISHED)


class _Present:
    """A process that is there, and what it has seen of others."""

    def __init__(self, folder: pathlib.Path, place: Place):
        self._folder, self._place = folder, place
        self._left = threading.Event()
        watched = range(1, place.count) if place.index == 0 else (0,)
        self._seen = dict.fromkeys(watched, (0, time.monotonic()))
        """Other process -> when it touched its file, by its clock, and was first seen so."""

    def write(self, state: str, said: str = "", code: int = 0) -> None:
        about = {"state": state, "said": " ".join(said.split()), "code": code}
        path = self._path(self._place.index)
        files.write_json(path, dataclasses.asdict(Owner.this()) | about)

    def first_works(self) -> bool:
        """Whether the first process has the work directory to itself."""
        return self._read(0)[1].get("state") in (_WORKS, _FINISHED)

    def leave(self, state: str, said: str = "", code: int = 0) -> None:
        """Tells the others how it has ended; the first one removes what earlier runs left."""
        self._left.set()
        with contextlib.suppress(OSError):
            self.write(state, said, code)
            if state == _FINISHED and self._place.index == 0:
                for path in self._folder.iterdir():
                    if not path.name.startswith(f"{self._place.run}-"):
                        path.unlink(missing_ok=True)

    def watch(self) -> None:
        """Touches the own file and looks at the others, until one of them has ended."""
        while not self._left.wait(BEAT):
            with contextlib.suppress(OSError):  # of a disk that is full or away for a while
                os.utime(self._path(self._place.index))
            for index in list(self._seen):
                if self._look(index):
                    return

    def _look(self, index: int) -> bool:
        """Whether another process has ended before its time; this one is then told to end."""
        touched, about = self._read(index)
        before, since = self._seen[index]
        now = time.monotonic()
        state = about.get("state", _COMES)
        if state == _FINISHED or (before and not touched):
            del self._seen[index]
        elif state not in (_COMES, _WORKS):
            ended = f"{_name(index, about)} has ended: {about.get('said', '')}"
            return self._end(ended, int(about.get("code", UserError.exit_code)))
        elif touched != before:
            self._seen[index] = touched, now
        elif now - since > LOST:
            quiet = f"has given no sign of life for {LOST:g} s"
            return self._end(f"{_name(index, about)} {quiet}; the same command resumes")
        return False

    def _end(self, line: str, code: int = UserError.exit_code) -> bool:
        if not self._left.is_set():
            stopping.ask(line, code)
        return True

    def _read(self, index: int) -> tuple[int, dict[str, Any]]:
        """When a process touched its file, 0 without one; and what it says."""
        try:
            # Opened, as clients of network file systems ask the server then.
            with self._path(index).open("rb") as file:
                return os.fstat(file.fileno()).st_mtime_ns, json.load(file)
        except (OSError, ValueError):
            return 0, {}

    def _path(self, index: int) -> pathlib.Path:
        return self._folder / f"{self._place.run}-{index}.json"


def _name(index: int, about: dict[str, Any]) -> str:
    try:
        who = f" ({Owner.of(about)})"
    except ValueError:
        who = ""  # it has not come so far
    which = "first process" if index == 0 else f"process with index {index}"
    return f"the {which} of this job{who}"
