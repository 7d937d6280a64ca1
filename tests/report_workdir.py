"""A small work directory with every file that a report reads, for the report's tests."""

import json
import pathlib

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.base import predictions

EMOTIONS = ("negative", "positive", "surprise")
HOSTILE = "<script>alert('x')</script>"
GROUPS = {"asian": ["Asian"], "non_asian": ["White", "Black"]}
SUBJECTS = [
    ("casme2", HOSTILE, "Asian"),
    *(("casme2", f"sub{number:02d}", "Asian") for number in range(2, 7)),
    *(("samm", f"{number:03d}", "Asian") for number in range(6, 9)),
    *(("samm", f"{number:03d}", "White") for number in range(9, 13)),
    ("samm", "013", "Indian"),
]


def table(runs: tuple[str, ...] = ("loso-seed0", "loso-seed1"), hit_rate: float = 0.7):
    """Predictions of 4 clips a subject: with probability `hit_rate` the true class wins."""
    rng = np.random.default_rng(0)
    rows = []
    for run in runs:
        for database, subject, ethnicity in SUBJECTS:
            for clip, true in enumerate((0, 0, 1, 2)):
                won = true if rng.random() < hit_rate else int(rng.integers(3))
                p = np.full(3, 0.2)
                p[won] = 0.6
                names = (run, f"{database}-{subject}", database, subject, f"EP{clip}")
                rows.append((*names, EMOTIONS[true], ethnicity, *p))
    columns = ["run", "fold", "database", "subject", "clip", "emotion", "ethnicity"]
    return pd.DataFrame(rows, columns=[*columns, *(f"p_{name}" for name in EMOTIONS)])


def write(directory: pathlib.Path, rows: pd.DataFrame | None = None) -> pathlib.Path:
    """Fills `directory` as a finished job leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    job = predictions.Predictions.from_table(table() if rows is None else rows)
    predictions.write(directory / "predictions.csv", job)
    (directory / ".sums").unlink()  # as of an earlier version: tests edit what is here
    members = {ethnicity: group for group, of in GROUPS.items() for ethnicity in of}
    counted = metrics.compute(job, members)
    counted |= {"notes": ["LOSO over 14 subjects"]}
    (directory / "metrics.json").write_text(json.dumps(counted))
    (directory / "config.json").write_text(json.dumps(_config()))
    lines = [
        {"epoch": epoch, "flight": f"run/{n}", "run": None, "loss": 2 / (1 + epoch) + n / 10}
        | {"emotion_loss": 1 / (1 + epoch), "train_accuracy": 0.5 + epoch / 10}
        for epoch in range(4)
        for n in range(3)
    ]
    (directory / "scalars.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return directory


def _config() -> dict:
    return {
        "name": "baseline",
        "data": {"source": "manifest", "raw": f"clips/{HOSTILE}.csv"},
        "protocol": {"name": "loso", "grouping": "custom", "grouping_custom": GROUPS},
        "environment": {
            "jax": "0.10.2",
            "date": "2026-01-02",
            "command": f"python -m ethnicmer_jax.main --config=configs/{HOSTILE}.py --workdir=W",
        },
    }
