"""How well candidates are found in simulated recordings whose micro-expressions are known.

    python -m benchmarks.spotting [--results=benchmarks/RESULTS.md]

prints a table of disturbance × frame rate and appends it to a file: F1, precision and recall at an
overlap of half the union, as the Micro-Expression Grand Challenge counts (`spotting/score.py`),
with the interval of F1 over subjects, and F1 of as many intervals placed at random. Each row is
SUBJECTS recordings of SECONDS s with three micro-expressions; frames of 400 pixels go the whole
way, JPEG and RetinaFace included.

    python -m benchmarks.spotting --choose --seed=1

is how the threshold was chosen: F1 by threshold over all rows, on people and recordings of
another seed than those of the table.

    python -m benchmarks.spotting --pace

is how long a video of 640×480 pixels and 30 frames a second takes, decoding included.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from absl import flags

from benchmarks import results
from data_builders.simulation import recording, scenario
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.simulation.recording import Recording
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.predict.spotting import intervals, score, windows
from ethnicmer_jax.predict.spotting.find import find
from ethnicmer_jax.predict.spotting.intervals import Interval
from ethnicmer_jax.predict.spotting.options import SpotOptions
from ethnicmer_jax.predict.spotting.score import Counts

_SUBJECTS = flags.DEFINE_integer("subjects", 8, "Recordings of each row.", lower_bound=2)
_SEED = flags.DEFINE_integer("seed", 100, "Of the simulation.")
_ROWS = flags.DEFINE_list("rows", [], "Rows such as speech@25; all by default.")
_CHOOSE = flags.DEFINE_bool("choose", False, "Print F1 by threshold.")
_PACE = flags.DEFINE_bool("pace", False, "Print the time of a video of 640×480 at 30 fps.")
_RESULTS = flags.DEFINE_string("results", "", "File to append to; none by default.")

SECONDS = 18.0
MICRO = 3
LENGTH = 0.26
"""Mean length of a simulated micro-expression, seconds."""

_DISTURBED = {"blinks": 0.33, "head_sway": 1.5, "lighting": 10.0}

KINDS: Mapping[str, tuple[Mapping[str, Any], int, int]] = {
    "JPEG only": ({}, 0, 0),
    "blinks": ({"blinks": 0.33}, 0, 0),
    "drift": ({"head_sway": 1.5}, 0, 0),
    "light": ({"lighting": 10.0}, 0, 0),
    "macro": ({}, 2, 0),
    "speech": ({}, 0, 2),
    "still": (_DISTURBED, 0, 0),
    "all": (_DISTURBED, 1, 1),
    "weak": ({**_DISTURBED, "intensity": 1.0}, 1, 1),
}
"""Name -> options of the simulation, macro-expressions, spells of speech."""

ROWS = (
    *(f"{kind}@25" for kind in ("JPEG only", "blinks", "drift", "light", "macro", "speech")),
    *("all@25", "all@100", "all@200", "weak@25", "weak@100"),
)

_THRESHOLDS = tuple(float(each) for each in range(4, 17))


@dataclasses.dataclass(frozen=True)
class Trial:
    """One recording.

    Attributes:
      film: what it shows.
      found: the candidates from the lowest threshold on.
      seconds: processor time of finding them.
    """

    film: Recording
    found: tuple[Interval, ...]
    seconds: float

    def counts(self, threshold: float) -> Counts:
        """What a threshold finds and misses."""
        spans = [(one.onset, one.offset) for one in self.found if one.score >= threshold]
        return score.count(spans, self.film.intervals)


def main() -> None:
    """Measures, prints, appends."""
    if _PACE.value:
        print(_pace())
        return
    rows = _ROWS.value or ROWS
    table = results.Table.opened(_RESULTS.value, "Spotting")
    trials: dict[str, list[Trial]] = {}
    with Progress[None](
        "recordings", total=len(rows) * _SUBJECTS.value, unit="recording"
    ) as progress:
        for row in rows:
            for trial in _trials(row):
                trials.setdefault(row, []).append(trial)
                progress.update()
            if not _CHOOSE.value:
                table.add([results.today(), *_cells(row, trials[row])])
    if _CHOOSE.value:
        _print_thresholds(trials)


def _trials(row: str) -> Iterator[Trial]:
    kind, fps = row.split("@")
    settings, macro, speech = KINDS[kind]
    half = _SUBJECTS.value // 2
    simulated = SimulatedOptions(
        seed=_SEED.value,
        cohorts=parse_cohorts(f"sim:Asian:{half},grey:White:{_SUBJECTS.value - half}:grey"),
        jpeg=80,
        fps=float(fps),
        **settings,
    )
    lowest = SpotOptions(threshold=min(_THRESHOLDS))
    options = lowest if _CHOOSE.value else SpotOptions()
    step = options.step(simulated.fps)
    for subject in scenario.draw_subjects(simulated):
        film = recording.draw(simulated, subject, SECONDS, MICRO, macro, speech)
        frames = [
            (number, recording.shoot(film, number, simulated.sensor_noise, simulated.jpeg))
            for number in range(0, len(film), step)
        ]
        start = time.process_time()
        motion = windows.read(frames, simulated.fps / step)
        found = intervals.spot(motion, simulated.fps, options).intervals
        yield Trial(film, found, time.process_time() - start)


def _cells(row: str, trials: Sequence[Trial]) -> list[str]:
    """Those of one row of the table, from its name on."""
    each = [trial.counts(SpotOptions().threshold) for trial in trials]
    whole = score.total(each)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(each), size=(2000, len(each)))
    low, high = np.nanquantile(
        [score.total(each[i] for i in sample).f1 for sample in drawn], [0.025, 0.975]
    )
    pace = sum(trial.seconds for trial in trials) / (len(trials) * SECONDS / 60)
    kind, fps = row.split("@")
    return [
        kind,
        fps,
        str(len(trials)),
        str(whole.true_positives + whole.misses),
        f"{whole.f1:.2f} [{low:.2f}, {high:.2f}]",
        f"{whole.precision:.2f}",
        f"{whole.recall:.2f}",
        f"{_by_chance(trials, rng):.2f}",
        f"{pace:.0f}",
    ]


def _by_chance(trials: Sequence[Trial], rng: np.random.Generator, draws: int = 200) -> float:
    """Mean F1 of as many intervals of mean length as there are, placed at random."""
    scores = []
    for _ in range(draws):
        counts = []
        for trial in trials:
            there, film = trial.film.intervals, trial.film
            starts = rng.integers(len(film) - LENGTH * film.fps, size=len(there))
            spans = [(int(start), int(start + LENGTH * film.fps)) for start in starts]
            counts.append(score.count(spans, there))
        scores.append(score.total(counts).f1)
    return float(np.mean(scores))


def _pace(seconds: float = 20.0, fps: float = 30.0) -> str:
    """Time of finding candidates in a video file."""
    simulated = SimulatedOptions(cohorts=parse_cohorts("sim:Asian:1"), fps=fps, head_sway=1.5)
    subject = next(scenario.draw_subjects(simulated))
    film = recording.draw(simulated, subject, seconds, MICRO)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (640, 480))
        for number in range(len(film)):
            frame = recording.shoot(film, number, simulated.sensor_noise)[..., ::-1]
            writer.write(cv2.copyMakeBorder(frame, 40, 40, 120, 120, cv2.BORDER_REPLICATE))
        writer.release()
        find(path)  # opens the detector
        wall, processor = time.perf_counter(), time.process_time()
        find(path)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    share = 60 / seconds
    return (
        f"a minute of 640×480 at {fps:g} fps: {processor * share:.1f} s of processor time, "
        f"{wall * share:.1f} s on the wall"
    )


def _print_thresholds(trials: Mapping[str, Sequence[Trial]]) -> None:
    """F1 of each row by threshold, and their mean, by which it is chosen."""
    print("threshold | mean | " + " | ".join(trials))
    for threshold in _THRESHOLDS:
        each = [score.total(trial.counts(threshold) for trial in row).f1 for row in trials.values()]
        print(f"{threshold:g} | {np.mean(each):.3f} | " + " | ".join(f"{one:.2f}" for one in each))


if __name__ == "__main__":
    cli.run(main)
