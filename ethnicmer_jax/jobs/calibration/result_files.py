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
from ethnicmer_jax.base import files, sums
from ethnicmer_jax.jobs.calibration import findings
from ethnicmer_jax.jobs.calibration.plan import Chunk
from ethnicmer_jax.jobs.calibration.worlds import World

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


def is_finished(directory: pathlib.Path, chunk: Chunk) -> bool:
    """Whether the results of a chunk are there; a damaged file is set aside."""
    file = path(directory, chunk)
    try:
        _read(file, chunk)
    except FileNotFoundError:
        return False
    except sums.DamagedError:
        sums.set_aside(file, "its databases are simulated again")
        return False
    return True


def read(directory: pathlib.Path, chunks: Sequence[Chunk]) -> pd.DataFrame:
    """One row per simulated database, of all chunks in order; each of them `is_finished`."""
    tables = [_read(path(directory, chunk), chunk) for chunk in chunks]
    return pd.concat(tables, ignore_index=True)


def _read(file: pathlib.Path, chunk: Chunk) -> pd.DataFrame:
    """The table of a chunk.

    Raises:
      FileNotFoundError: there is none, and never was.
      DamagedError: it is not what was written.
    """
    table = files.read_table(file, _MEND, dtype=str, keep_default_na=False)
    try:
        table = table.astype(_TYPES)
        flags = {flag: table[flag] == "True" for flag in _FLAGS}
        named = table[["design", "effect", "number"]]
        found = [World(*one) for one in named.itertuples(index=False)]
    except (ValueError, OverflowError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise sums.DamagedError(file, f"is damaged ({reason})", _MEND) from None
    if found != list(chunk.worlds):
        raise sums.DamagedError(file, "is damaged (it is of other databases)", _MEND)
    return table.assign(**flags)


_MEND = "run the same command again, which simulates its databases anew"


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
