"""A manifest of random optical flow: the smallest database that a network can train on."""

import pathlib

import numpy as np
import pandas as pd

EMOTIONS = ("anger", "happiness", "surprise")


def write(folder, subjects=6, clips=3, databases=("casme2", "samm")) -> pathlib.Path:
    """Writes `subjects` people of each database with `clips` clips each, one per emotion first.

    Returns:
      The path of manifest.csv. The people of the first database are Asian; those of the
      others Asian and White in turn.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(0), []
    for number, database in enumerate(databases):
        for subject in range(subjects):
            for clip in range(clips):
                name = f"{database}-{subject}-{clip}.npy"
                flow = rng.normal(size=(28, 28, 3)).astype(np.float32)
                # A class moves where others do not, so that there is something to learn.
                flow[8 * (clip % 3) : 8 * (clip % 3) + 8] += 2
                np.save(folder / name, flow)
                rows.append(
                    {
                        "database": database,
                        "subject": f"{subject:03d}",
                        "clip": f"{subject:03d}_{clip}",
                        "emotion": EMOTIONS[clip % 3],
                        "ethnicity": "White" if number and subject % 2 else "Asian",
                        "flow": name,
                    }
                )
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"
