"""Learning curves: scalars.jsonl, and TensorBoard events beside it."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tensorboardX import SummaryWriter

from ethnicmer_jax.base import files


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
        kept = [line for line in self._lines() if _counts(json.loads(line), epochs)]
        files.write_text(self._path, "".join(f"{line}\n" for line in kept))
        self._events = SummaryWriter(str(workdir / "tensorboard"), write_to_disk=True)

    def write(self, flight: str, run: str | None, epoch: int, values: Mapping[str, float]) -> None:
        """Records the means over the folds of a flight after an epoch (counted from 1)."""
        line = {"flight": flight, "run": run, "epoch": epoch, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self._events.add_scalar(f"{flight}/{name}", value, epoch)

    def close(self) -> None:
        """Flushes the events."""
        self._events.close()

    def _lines(self) -> list[str]:
        if not self._path.is_file():
            return []
        # A line cut off by an interruption has no newline at its end.
        text = self._path.read_text(encoding="utf-8")
        return text[: text.rfind("\n") + 1].splitlines()


def _counts(line: Mapping[str, Any], epochs: Mapping[str, int]) -> bool:
    return line["epoch"] <= epochs.get(line.get("flight", ""), 0)
