"""The files of a calibration: one small table a finished chunk, then all of them together.

`DIR/parts/<chunk>.csv` makes the command resumable. From the parts follow
`DIR/databases.csv`, one row per simulated database, and `DIR/calibration.csv`, one row per point
of a curve, which a study's report shows as well; `DIR/sides.csv`, the same for differences on
the tests of one side; and `DIR/factors.csv`, the variance factors that these databases give.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import ml_collections
import pandas as pd

from ethnicmer_jax.analysis import calibration
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.calibration import findings
from ethnicmer_jax.jobs.calibration.plan import Chunk

DATABASES, RATES = "databases.csv", "calibration.csv"
SIDES, FACTORS = "sides.csv", "factors.csv"
_FLAGS = ("found", "survives", "found_exact", *(f"found_{side}" for side in findings.SIDES))
_REALS = (
    *(
        "effect",
        "estimate",
        "low",
        "high",
        "standard_error",
        "p_value",
        "exact_p",
        "critical_factor",
    ),
    *(f"critical_factor_{side}" for side in findings.SIDES),
)
_TYPES = dict.fromkeys(_REALS, "float64") | {"number": "int64", "n_persons": "int64"}


def path(directory: pathlib.Path, chunk: Chunk) -> pathlib.Path:
    """Where the results of a chunk are, once it is finished."""
    return directory / "parts" / f"{chunk.name}.csv"


def write(file: pathlib.Path, table: pd.DataFrame) -> None:
    """Writes a table whole or not at all; numbers read back bit for bit."""
    files.write_table(file, table, summed=True, na_rep="nan")


def read(directory: pathlib.Path, chunks: Sequence[Chunk]) -> pd.DataFrame:
    """One row per simulated database, of all chunks in order.

    Raises:
      UserError: a chunk is not finished, or its file is damaged.
    """
    tables = []
    for chunk in chunks:
        file = path(directory, chunk)
        try:
            table = files.read_table(file, dtype=str, keep_default_na=False).astype(_TYPES)
        except (OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{file} is damaged ({reason}); delete it and run again") from None
        if len(table) != len(chunk.worlds):
            raise UserError(f"{file} is damaged ({len(table)} rows); delete it and run again")
        tables.append(table.assign(**{flag: table[flag] == "True" for flag in _FLAGS}))
    return pd.concat(tables, ignore_index=True)


def rates(databases: pd.DataFrame, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """How often each series rejects at each effect.

    A design that compares within a database as well gives two series: `uncontrolled`
    counts intervals that exclude 0, `controlled` differences that also survive there. Where
    the randomisation test was run, it is a series of its own.

    Args:
      databases: from `read`.
      config: see configs/calibrate.py.

    Returns:
      Columns series, effect, rejections, databases, rate, low, high (Wilson 95%), then
      mean_estimate, sd_estimate and mean_standard_error (of the own-group advantage; equal
      where intervals are as wide as they should be), mean_persons.
    """
    rows = []
    for name, design in config.calibration.designs.items():
        mine = databases[databases["design"] == name]
        controlled = len(design.contrasts) > 1
        series = {
            f"{design.label}, uncontrolled": "found",
            f"{design.label}, controlled": "survives",
        }
        series = series if controlled else {design.label: "found"}
        tested = mine[mine["exact_p"].notna()]
        if len(tested):
            series[f"{design.label}, randomisation test"] = "found_exact"
        for label, flag in series.items():
            rows += [
                {"series": label, "effect": effect, "rejections": int(part[flag].sum())}
                | _describe(part)
                for effect, part in (tested if flag == "found_exact" else mine).groupby("effect")
            ]
    table = calibration.with_wilson(pd.DataFrame(rows))
    first = ["series", "effect", "rejections", "databases", "rate", "low", "high"]
    return table[[*first, *(name for name in table.columns if name not in first)]]


def side_rates(databases: pd.DataFrame, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """How often the differences on the tests of one side reject where there is no effect.

    Args:
      databases: from `read`.
      config: see configs/calibrate.py.

    Returns:
      Columns series (design and side), effect, rejections, databases, rate, low, high.
    """
    null = databases[databases["effect"] == 0]
    rows = [
        {
            "series": f"{design.label}, tests of the {side} side",
            "effect": 0.0,
            "rejections": int(mine[f"found_{side}"].sum()),
            "databases": len(mine),
        }
        for name, design in config.calibration.designs.items()
        if design.vary_effect and len(mine := null[null["design"] == name])
        for side in findings.SIDES
    ]
    return calibration.with_wilson(pd.DataFrame(rows))


def _describe(part: pd.DataFrame) -> dict[str, float]:
    return {
        "databases": len(part),
        "mean_estimate": part["estimate"].mean(),
        "sd_estimate": part["estimate"].std(ddof=1),
        "mean_standard_error": part["standard_error"].mean(),
        "mean_persons": part["n_persons"].mean(),
    }
