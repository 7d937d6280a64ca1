"""Which process something belongs to, in words that other processes and machines can check."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
      user: who has started it.
      host: name of its machine.
      machine: tells machines apart that have one name, and containers and reboots of one machine;
        process numbers mean the same under one `machine` only.
      process: its number.
      started: when it started, in the machine's own count; "" where the system does not tell.
        Numbers come again, those of one start do not.
    """

    user: str
    host: str
    machine: str
    process: int
    started: str

    @classmethod
    def this(cls) -> Self:
        """This process."""
        pid = os.getpid()
        return cls(_user(), platform.node(), _machine(), pid, _started(pid) or "")

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Self:
        """The process that was recorded with `dataclasses.asdict`.

        Raises:
          ValueError: something else was.
        """
        try:
            texts = {name: str(recorded[name]) for name in ("user", "host", "machine", "started")}
            return cls(process=int(recorded["process"]), **texts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no process is recorded: {error}") from None

    def __str__(self) -> str:
        return f"process {self.process} of {self.user} on {self.host}"

    def runs(self) -> bool | None:
        """Whether it still runs; None where that cannot be told from here."""
        if self.machine != _machine():
            return None
        try:
            os.kill(self.process, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            pass  # it is another user's
        started = _started(self.process)
        if not (started and self.started):
            return None
        return started == self.started


def _user() -> str:
    # Within containers, numbers need not have names.
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return str(os.getuid())


def _machine() -> str:
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        parts += [boot.strip(), str(pathlib.Path("/proc/self/ns/pid").readlink())]
    return " ".join(parts)


def _started(process: int) -> str | None:
    """Clock ticks since the machine's start; "ended" of one that nobody has waited for yet."""
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name comes second, in brackets, and may hold anything.
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] in "ZX" else fields[19]
