"""What choosing epochs on test clips gives to who has learnt nothing: docs/habit.md.

    python -m benchmarks.habit --raw=PATH/manifest.csv --shuffled=runs/shuffled.csv

Prints UF1 and UAR of guesses, drawn anew for every clip after every epoch, without and with the
habit. It also writes a manifest of the same clips whose emotions are shuffled among all of them,
so that no network can learn anything from it: run configs/habit.py on that one.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
from absl import flags

from ethnicmer_jax.analysis import habit
from ethnicmer_jax.base import cli, files, reportable
from ethnicmer_jax.base.predictions import ANSWERS, Predictions

GUESSERS = 20


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("raw", None, "The manifest of the clips.", required=True)
    flags.DEFINE_string("shuffled", "", "Where to write the shuffled manifest; empty: nowhere.")
    flags.DEFINE_multi_integer("epochs", [20, 100, 800], "Epochs to choose from.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Of the shuffling and the guesses.")


def shuffled(manifest: pd.DataFrame, folder: pathlib.Path, seed: int) -> pd.DataFrame:
    """The manifest with emotions shuffled among clips and with absolute paths of flow.

    Args:
      manifest: database, subject, clip, emotion, flow and whatever else.
      folder: that its paths are relative to.
      seed: of the shuffling.
    """
    emotion = np.random.default_rng(seed).permutation(manifest["emotion"].to_numpy())
    flow = [str((folder / name).resolve()) for name in manifest["flow"]]
    # Action Units would give the emotions away.
    kept = manifest.drop(columns="action_units", errors="ignore")
    return kept.assign(emotion=emotion, flow=flow)


def guesses(manifest: pd.DataFrame, epochs: int, seed: int) -> Predictions:
    """LOSO by GUESSERS who draw every class with the same probability, after every epoch.

    Args:
      manifest: see `shuffled`.
      epochs: how often every clip is guessed.
      seed: of the guesses.
    """
    rng, classes = np.random.default_rng(seed), sorted(set(manifest["emotion"]))
    names = ["database", "subject", "clip", "emotion"]
    runs = []
    for number in range(GUESSERS):
        answers = rng.integers(len(classes), size=(len(manifest), epochs))
        last = np.eye(len(classes))[answers[:, -1]]
        runs.append(
            manifest[names].assign(
                run=f"loso-seed{number}",
                fold=manifest["database"] + "-" + manifest["subject"],
                ethnicity="Unknown",
                **{f"p_{name}": last[:, i] for i, name in enumerate(classes)},
                **{ANSWERS: [" ".join(map(str, row)) for row in answers.tolist()]},
                **{reportable.COLUMN: reportable.REASON},
            )
        )
    return Predictions.from_table(pd.concat(runs, ignore_index=True))


def main() -> None:
    """Prints the table, and writes the manifest."""
    given = flags.FLAGS
    path = pathlib.Path(given.raw)
    manifest = pd.read_csv(path, dtype=str, keep_default_na=False)
    if given.shuffled:
        made = shuffled(manifest, path.parent, given.seed)
        files.write_table(pathlib.Path(given.shuffled), made)
    print(
        "| guesses, epochs | UF1 | with the habit | UAR | with the habit |\n|---|---|---|---|---|"
    )
    predictions = guesses(manifest, max(given.epochs), given.seed)
    for epochs in given.epochs:
        found = habit.worth(predictions, epochs)
        scores = [
            f"{interval.estimate:.3f}".removeprefix("0")
            for score in ("uf1", "uar")
            for interval in (found[score].fixed, found[score].chosen)
        ]
        print(f"| {epochs} | {' | '.join(scores)} |", flush=True)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
