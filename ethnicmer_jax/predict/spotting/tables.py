"""Candidates and curves of recordings as tables: intervals.csv and curves.csv."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.base import files
from ethnicmer_jax.predict.spotting.intervals import Spotted

INTERVALS, CURVES = "intervals.csv", "curves.csv"

_FRAMES = ("onset", "apex", "offset")


def intervals(found: Mapping[str, Spotted]) -> pd.DataFrame:
    """One row per candidate.

    Returns:
      Columns `input`, `onset`, `apex`, `offset` (frame numbers), `onset_s`, `apex_s`, `offset_s`
      (seconds since the first frame), `length_s` and `score` (motion at the apex in units of the
      recording's noise).
    """
    rows = [
        {
            "input": source,
            **{name: getattr(one, name) for name in _FRAMES},
            **{f"{name}_s": round(spotted.at(getattr(one, name)), 4) for name in _FRAMES},
            "length_s": round((one.offset - one.onset) / spotted.fps, 4),
            "score": round(one.score, 2),
        }
        for source, spotted in found.items()
        for one in spotted.intervals
    ]
    names = ["input", *_FRAMES, *(f"{name}_s" for name in _FRAMES), "length_s", "score"]
    return pd.DataFrame(rows, columns=names)


def curves(found: Mapping[str, Spotted]) -> pd.DataFrame:
    """One row per frame that was looked at: `input`, `frame`, `seconds`, `score` (NaN in gaps)."""
    parts = [
        pd.DataFrame(
            {
                "input": source,
                "frame": spotted.numbers,
                "seconds": spotted.seconds.round(4),
                "score": spotted.curve.round(3),
            }
        )
        for source, spotted in found.items()
    ]
    return pd.concat(parts, ignore_index=True)


def write(found: Mapping[str, Spotted], folder: pathlib.Path) -> None:
    """Writes both tables into a folder."""
    files.write_table(folder / INTERVALS, intervals(found))
    files.write_table(folder / CURVES, curves(found))
