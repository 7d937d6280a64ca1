"""Learning curves: scalars.jsonl, and TensorBoard events beside it.

In TensorBoard a flight is a run, named after its first fold and how many are trained with it
(`loso-seed0/samm-006_and_51_more`), and a tag says what was measured (`training/loss`): means
over the training clips of its folds, as no test clip plays a part in training.
"""

from __future__ import annotations

import math
import pathlib
import sys
import time
from collections.abc import Callable, Mapping

from ethnicmer_jax.base import files, places, progress, sums

FOLDER = "tensorboard"
"""Where the events of a work directory lie."""


class ScalarLog:
    """Appends one line per epoch and flight; a flight that is trained again replaces its lines.

    A flight is a number of folds that are trained side by side, called by the first one's name.
    """

    def __init__(self, workdir: pathlib.Path, epochs: Mapping[str, int]):
        """Opens the log; drops the lines of what was lost when a run was cut off.

        Args:
          workdir: made if it does not exist.
          epochs: flight -> how many epochs of it count; none of a flight not named.
        """
        self._path = workdir / "scalars.jsonl"
        self._keep(lambda flight: epochs.get(flight, 0))
        self._folder = workdir / FOLDER
        self._events: tuple[str, _Events] | None = None

    def begin(self, flight: str, epochs: int) -> None:
        """Drops what this log wrote of a flight after so many epochs: it is trained again."""
        if self._events and self._events[0] == flight:
            self.close()
            self._keep(lambda other: epochs if other == flight else math.inf)

    def write(
        self,
        flight: str,
        run: str | None,
        epoch: int,
        values: Mapping[str, float],
        folds: int = 1,
    ) -> None:
        """Records the means over the folds of a flight after an epoch (counted from 1)."""
        line = {"flight": flight, "run": run, "epoch": epoch, **values}
        with places.naming(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{sums.line(line)}\n")
        for name, value in values.items():
            self._of(flight, folds).add(f"training/{name}", value, epoch)
        self._of(flight, folds).flush()

    def close(self) -> None:
        """Flushes the events."""
        if self._events:
            self._events[1].close()
        self._events = None

    def _of(self, flight: str, folds: int) -> _Events:
        """The events of a flight; those of the one before are complete."""
        if self._events is None or self._events[0] != flight:
            self.close()
            name = f"{flight}_and_{folds - 1}_more" if folds > 1 else flight
            self._events = flight, _Events(self._folder / name)
        return self._events[1]

    def _keep(self, most: Callable[[str], float]) -> None:
        """Keeps the lines of each flight up to so many epochs."""
        kept = [line for line in self._lines() if self._counts(line, most)]
        files.write_text(self._path, "".join(f"{line}\n" for line in kept))

    def _lines(self) -> list[str]:
        if self._path.is_dir():
            sums.set_aside(self._path, "its curves begin anew")
        if not self._path.is_file():
            return []
        # A line cut off by an interruption has no newline at its end.
        text = self._path.read_text(encoding="utf-8", errors="replace")
        return text[: text.rfind("\n") + 1].split("\n")[:-1]

    def _counts(self, line: str, most: Callable[[str], float]) -> bool:
        try:
            values = sums.values_of(line)
            return int(values["epoch"]) <= most(values.get("flight", ""))
        except (ValueError, KeyError, TypeError):
            progress.say(f"{self._path}: a damaged line is dropped; only a curve lacks a point")
            return False


class _Events:
    """The events of a flight, written at once.

    tensorboardX's `SummaryWriter` has a thread for that; where it cannot write, it ends without a
    word, and the program waits for it for ever.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        # tensorboardX imports PyTorch where that is installed, in case somebody gives it tensors:
        # some seconds, and a tenth of a gigabyte, before the first epoch.
        hidden = "torch" not in sys.modules
        if hidden:
            sys.modules["torch"] = None  # type: ignore[assignment]
        try:
            from tensorboardX import event_file_writer, summary
            from tensorboardX.proto import event_pb2
        finally:
            if hidden:
                del sys.modules["torch"]
        self._folder, self._scalar, self._event = folder, summary.scalar, event_pb2.Event
        with places.naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = event_file_writer.EventsWriter(str(folder / "events"))

    def add(self, tag: str, value: float, step: int) -> None:
        """One point of a curve."""
        event = self._event(wall_time=time.time(), step=step, summary=self._scalar(tag, value))
        with places.naming(self._folder):
            self._file.write_event(event)

    def flush(self) -> None:
        """Nothing waits in memory."""
        with places.naming(self._folder):
            self._file.flush()

    def close(self) -> None:
        """No more points."""
        with places.naming(self._folder):
            self._file.close()
