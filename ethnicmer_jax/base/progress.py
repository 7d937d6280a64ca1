"""Progress of long work: a bar on a terminal, a plain line now and then in a batch job's log.

Everything goes to standard error, so that a command's output stays what it prints.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, Generic, Self, TextIO, TypeVar

from tqdm import tqdm

FIRST_LINE = 10.0
"""Seconds until the first plain line; shorter work says nothing."""

INTERVAL = 60.0
"""Seconds between plain lines."""

_HEARTBEAT = 1.0

T = TypeVar("T")


class Progress(Generic[T]):
    """How much of some work is done; iterable, or told by `update`.

        for clip in Progress("reading", clips, unit="clip"): ...
        with Progress("training", total=240, unit="fold") as progress:
            progress.update()

    Lines of a log read `training: 12 of 240 folds (5%), 3 min 20 s, about 58 min left`: after
    FIRST_LINE seconds, every INTERVAL seconds (also while nothing advances), and at the end.

    Args:
      title: what is done.
      items: what to iterate over; None for work that `update` tells.
      total: how many steps there are; that of `items` where they have a length, else None.
      unit: one step, in the singular.
      hidden: show nothing, such as in all processes of a distributed job but one.
      stream: a terminal or not; standard error by default.

    Attributes:
      done: steps that are done.
    """

    def __init__(
        self,
        title: str,
        items: Iterable[T] = (),
        *,
        total: int | None = None,
        unit: str = "step",
        hidden: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        stream = stream or sys.stderr
        if total is None and isinstance(items, Sized):
            total = len(items)
        self._items = items
        self.done = 0
        self._shown: tqdm | _Lines | None = None
        if not hidden and stream.isatty():
            self._shown = tqdm(total=total, desc=title, unit=unit, file=stream)
        elif not hidden:
            self._shown = _Lines(title, total, unit, stream)
            self._shown.start()

    def __iter__(self) -> Iterator[T]:
        with self:
            for item in self._items:
                yield item
                self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def update(self, steps: int = 1) -> None:
        """Says that steps were done."""
        self.done += steps
        if self._shown is not None:
            self._shown.update(steps)

    def skip(self, steps: int) -> None:
        """Says that an earlier run has done steps: they count, but tell nothing of the pace.

        Fewer than none where steps that were done have to be done again.
        """
        self.done += steps
        if isinstance(self._shown, tqdm):
            self._shown.initial += steps
            self._shown.last_print_n += steps
            self._shown.n += steps
            self._shown.refresh()
        elif self._shown is not None:
            self._shown.skip(steps)

    def set_postfix(self, **values: Any) -> None:
        """Numbers to show beside the progress, such as `loss="0.52"`."""
        if isinstance(self._shown, tqdm):
            self._shown.set_postfix(values, refresh=False)
        elif self._shown is not None:
            self._shown.values = values

    def close(self) -> None:
        """Ends the progress; more calls do nothing."""
        if self._shown is not None:
            self._shown.close()


def say(line: str) -> None:
    """Prints a line on standard error without tearing a bar."""
    tqdm.write(line, file=sys.stderr)


class _Lines:
    """Progress as plain lines; `start` makes them come while the work is busy elsewhere."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.values: dict[str, Any] = {}
        self._title, self._total, self._unit, self._stream = title, total, unit, stream
        self._clock = clock
        self._begin = clock()
        self._next = self._begin + FIRST_LINE
        self._done = self._skipped = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._closed.wait(_HEARTBEAT):
            self.show()

    def update(self, steps: int) -> None:
        self._done += steps
        self.show()

    def skip(self, steps: int) -> None:
        self._skipped += steps
        self.update(steps)

    def show(self) -> None:
        """Prints a line if one is due."""
        with self._lock:
            now = self._clock()
            if now >= self._next and not self._closed.is_set():
                self._next = now + INTERVAL
                self._print(now)

    def close(self) -> None:
        with self._lock:
            now = self._clock()
            if not self._closed.is_set() and now >= self._begin + FIRST_LINE:
                self._print(now)
            self._closed.set()

    def _print(self, now: float) -> None:
        print(self._line(now - self._begin), file=self._stream, flush=True)

    def _line(self, elapsed: float) -> str:
        parts = [f"{self._title}: {self._count()}", duration(elapsed)]
        pace = (self._done - self._skipped) / elapsed
        if self._total is not None and self._done < self._total:
            left = (self._total - self._done) / pace if pace > 0 else None
            parts.append("time left unknown" if left is None else f"about {duration(left)} left")
        shown = "".join(f"; {name} {value}" for name, value in self.values.items())
        return ", ".join(parts) + shown

    def _count(self) -> str:
        if not self._total:
            return f"{self._done:,} {_plural(self._unit, self._done)}"
        share = int(100 * self._done / self._total)  # 100% only when all is done
        unit = _plural(self._unit, self._total)
        return f"{self._done:,} of {self._total:,} {unit} ({share}%)"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _plural(unit: str, count: int) -> str:
    return unit if count == 1 else f"{unit}s"
