"""Waiting for what the other processes of a distributed job leave in a shared directory."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable

from ethnicmer_jax.base.schema import UserError

PATIENCE = 3600.0
"""Seconds without any sign of life; an epoch of the largest networks takes minutes."""
_INTERVAL = 1.0


def until(missing: Callable[[], str], signs: pathlib.Path | None) -> None:
    """Waits until nothing is missing, as long as something goes on in a directory.

    Whoever is waited for has to write or touch a file there at least every PATIENCE seconds;
    whoever waits must not.

    Args:
      missing: says what is missing, in a few words; "" once all is there.
      signs: the directory of the signs of life; it need not exist, nor be named where
        nothing can be missing.

    Raises:
      UserError: nothing has changed in the directory for PATIENCE seconds.
    """
    # Clocks of machines differ: what counts is when this process saw a change.
    seen, since = _state(signs), time.monotonic()
    while what := missing():
        if (now := _state(signs)) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise UserError(
                f"waited for {what}, but nothing has changed in {signs} for "
                f"{PATIENCE / 60:g} minutes: another process of this job has ended or hangs; "
                "start the same command again, which resumes"
            )
        time.sleep(_INTERVAL)


def sign(signs: pathlib.Path) -> None:
    """Shows those who wait that this process is alive and gets on."""
    signs.mkdir(parents=True, exist_ok=True)
    (signs / f".{os.uname().nodename}-{os.getpid()}.alive").touch()


def _state(folder: pathlib.Path | None) -> set[tuple[str, int]]:
    """Name and time of every file that is there."""
    if folder is None or not folder.is_dir():
        return set()
    state = set()
    for entry in os.scandir(folder):
        try:
            state.add((entry.name, entry.stat().st_mtime_ns))
        except FileNotFoundError:  # a temporary file has become a whole one
            continue
    return state
