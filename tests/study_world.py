"""Made-up predictions of a whole study, with a known answer: for the tests of its report."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis.action_units import table as table_file
from ethnicmer_jax.base import predictions

EMOTIONS = ("negative", "positive", "surprise")
SIDES = ("asian", "non_asian")
DATABASES = ("first", "second")
EMOTION_OF_CLIP = (0, 0, 0, 1, 1, 2)
LABEL_JOBS = ("embed", "bias")
EVERYWHERE = dict.fromkeys(
    ("ethnicity", "within_first", "within_second", "flipped", "reference_grouping"), 0.3
)
"""The advantages of a world in which ethnicity matters: they survive every control."""
Run = tuple[str, np.ndarray, float]
"""Run id, who is tested (bool, one a person), share recognised."""
KINDS = ("annotated", "shuffled", "constant", "swapped")


def persons(per_cell: int = 10, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """`per_cell` persons of each (database, side): columns database, subject, side, ethnicity."""
    rows = [
        {"database": database, "side": side, "ethnicity": ethnicity, "subject": f"{side[0]}{k:02d}"}
        for database in DATABASES
        for side, ethnicity in zip(SIDES, ("Asian", "White"), strict=True)
        for k in range(per_cell)
    ]
    table = pd.DataFrame(rows)
    for row, name in enumerate(names):
        table.loc[row, "subject"] = name
    return table


def table(
    own: dict[str, float],
    *,
    draws: int = 20,
    seeds: int = 1,
    per_cell: int = 10,
    names: tuple[str, ...] = (),
    level: float = 0.6,
    labels_help: float = 0.0,
) -> pd.DataFrame:
    """The rows of a study's predictions.csv.

    Args:
      own: contrast -> own-group advantage in the share recognised; 0 where it is not named.
      draws: draws of every contrast.
      seeds: seeds of every job.
      per_cell: persons of each (database, side).
      names: subjects of the first persons.
      level: share recognised without any advantage.
      labels_help: how much more the annotated ethnicity recognises than made-up ones.
    """
    rng = np.random.default_rng(0)
    everybody = persons(per_cell, names)
    runs = list(_contrast_runs(everybody, own, level, draws, seeds, rng))
    nobody = np.full(len(everybody), "", object)
    for seed in range(seeds):
        runs.append((f"pooled.loso-seed{seed}", nobody == "", level))
        for job in LABEL_JOBS:
            for kind in KINDS:
                name = job if kind == "annotated" else f"{job}_{kind}"
                gain = labels_help if kind == "annotated" else 0.0
                runs.append((f"{name}.loso-seed{seed}", nobody == "", level + gain))
    side = everybody["side"].to_numpy(object)
    for cell, tested, _ in _cells("reference")[:3]:
        members = (side == tested) if tested else np.arange(len(side)) % 2 == 0
        runs.append((f"reference.{cell}-draw0-seed0", members, level))
    return _rows(runs, everybody, rng)


def _contrast_runs(everybody, own, level, draws, seeds, rng) -> Iterator[Run]:
    for contrast, sides in _contrasts(everybody).items():
        advantage = own.get(contrast, 0.0)
        for draw in range(draws):
            side = _drawn(contrast, sides, rng)
            for seed in range(seeds):
                for cell, tested, gain in _cells(contrast):
                    members = (side == tested) if tested else side != ""
                    run = f"{contrast}.{cell}-draw{draw}-seed{seed}"
                    yield run, members, level + advantage * gain


def write(directory: pathlib.Path, rows: pd.DataFrame) -> pathlib.Path:
    """Fills `directory` as a finished study leaves it, without metrics.json."""
    directory.mkdir(parents=True, exist_ok=True)
    predictions.write(directory / "predictions.csv", predictions.Predictions.from_table(rows))
    (directory / ".sums").unlink()  # as of an earlier version: tests edit what is here
    (directory / "config.json").write_text(json.dumps(_config()))
    matching = pd.DataFrame(
        {"arm": ["ethnicity.mono_asian", "placebo.mono_a"], "clips": [96.0, 95.5]}
    )
    matching.to_csv(directory / "matching.csv", index=False)
    return directory


def write_action_units(path: pathlib.Path, more_often: int) -> None:
    """AU12 in all positive clips; in negative ones `more_often` and 7, more often in one group."""
    rng = np.random.default_rng(0)
    rows = []
    for person in persons().itertuples():
        for clip, emotion in enumerate(EMOTION_OF_CLIP):
            often = emotion == 0 and rng.random() < (0.9 if person.side == SIDES[0] else 0.2)
            units = {0: f"{more_often}+7" if often else "15", 1: "12", 2: "1+2"}[emotion]
            about = (person.database, person.subject, f"EP{clip}", EMOTIONS[emotion])
            rows.append((*about, person.ethnicity, units))
    pd.DataFrame(rows, columns=table_file.COLUMNS).to_csv(path, index=False)


def _contrasts(everybody: pd.DataFrame) -> dict[str, np.ndarray]:
    """contrast -> side of each person, "" for none; placebo and flipped change every draw."""
    side = everybody["side"].to_numpy(object)
    database = everybody["database"].to_numpy(object)
    within = {f"within_{name}": np.where(database == name, side, "") for name in DATABASES}
    pseudo = np.where(database == DATABASES[0], "a", "b").astype(object)
    return {
        "ethnicity": side,
        **within,
        "placebo": pseudo,
        "database": pseudo,
        "flipped": side,
        "reference_grouping": side,
    }


def _drawn(contrast, sides, rng) -> np.ndarray:
    """The sides of one draw: four in five persons of each side take part."""
    sides = np.asarray(sides, object).copy()
    if contrast == "placebo":
        sides = rng.permutation(sides)
    for name in sorted(set(sides) - {""}):
        members = np.flatnonzero(sides == name)
        sides[rng.permutation(members)[: len(members) // 5]] = ""
    return sides


def _cells(contrast: str) -> list[tuple[str, str, float]]:
    """(cell, tested side or "" for both, gain in units of the advantage)."""
    a, b = ("a", "b") if contrast in ("placebo", "database") else SIDES
    mono = [(f"mono_{a}", a, 0.5), (f"mono_{b}", b, 0.5)]
    across = [(f"{a}_to_{b}", b, -0.5), (f"{b}_to_{a}", a, -0.5)]
    if contrast in ("placebo", "database", "flipped"):
        return mono + across
    stereo = [("stereo", "", 0.0)]
    return mono + stereo + across + [(f"stereo_to_{a}", a, 0.0), (f"stereo_to_{b}", b, 0.0)]


def _rows(runs: list[Run], everybody: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Six clips of each person of each run, recognised with the run's probability."""
    clips = len(EMOTION_OF_CLIP)
    tested = [np.flatnonzero(members) for _, members, _ in runs]
    n_rows = [clips * len(who) for who in tested]
    person = np.repeat(np.concatenate(tested), clips)
    rate = np.repeat([rate for _, _, rate in runs], n_rows)
    truth = np.tile(EMOTION_OF_CLIP, len(person) // clips)
    wrong = (truth + rng.integers(1, 3, len(truth))) % 3
    answer = np.where(rng.random(len(truth)) < rate, truth, wrong)
    p = np.full((len(truth), 3), 0.2)
    p[np.arange(len(truth)), answer] = 0.6
    about = {name: everybody[name].to_numpy(object)[person] for name in
             ("database", "subject", "ethnicity")}  # fmt: skip
    return pd.DataFrame(
        {
            "run": np.repeat([run for run, _, _ in runs], n_rows),
            "fold": about["database"] + "-" + about["subject"],
            "database": about["database"],
            "subject": about["subject"],
            "clip": np.tile([f"EP{k}" for k in range(clips)], len(truth) // clips),
            "emotion": np.array(EMOTIONS)[truth],
            "ethnicity": about["ethnicity"],
            **{f"p_{name}": p[:, i] for i, name in enumerate(EMOTIONS)},
        }
    )


def _config() -> dict:
    return {
        "name": "study",
        "data": {"source": "manifest"},
        "protocol": {"name": "study", "grouping": "white_black_vs_asian"},
        "environment": {"command": "python -m ethnicmer_jax.main --config=configs/study.py"},
    }
