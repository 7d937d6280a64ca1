"""Waiting for what the other processes of a distributed job leave in a shared directory."""

from __future__ import annotations

import time
from collections.abc import Callable

_INTERVAL = 1.0


def until(there: Callable[[], bool]) -> None:
    """Waits until something is there; `peers` ends the wait if its process has ended.

    Args:
      there: asked every second, so that it should look at few files.
    """
    while not there():
        time.sleep(_INTERVAL)
