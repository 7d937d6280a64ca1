"""Do drawn frames lead to the same finding as motion fields?

A calibration draws the flow of a clip, which is fast. This draws the very same clips as
frames, finds face and flow on them as on real ones, and compares what the study finds.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import ml_collections
import pandas as pd

from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import check
from ethnicmer_jax.jobs.calibration import findings, plan, result_files, trial, worlds
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.report import console

FILE = "frames.csv"


def run(config: ml_collections.ConfigDict, databases: int, directory: pathlib.Path) -> pd.DataFrame:
    """Compares both ways on a few databases of every effect.

    Args:
      config: see configs/calibrate.py.
      databases: how many of each effect, of the first design.
      directory: gets frames.csv.

    Returns:
      One row per database: design, effect, number, then estimate, low and high of the own-group
      advantage by motion fields and by frames (`frames_estimate`, ...).
    """
    check.settings(config)
    check.network(config)
    every = [world for chunk in plan.chunks(config) for world in chunk.worlds]
    chosen = [w for w in every if w.design == every[0].design and w.number < databases]
    fields = _findings({world: worlds.motion_fields(world, config) for world in chosen}, config)
    bar = Progress("drawing frames", chosen, unit="database")
    drawn = {world: worlds.frames(world, config) for world in bar}
    table = fields.join(_findings(drawn, config).add_prefix("frames_")).reset_index()
    result_files.write(directory / FILE, table)
    _print(table, directory)
    return table


def _findings(drawn: Mapping[World, Dataset], config: ml_collections.ConfigDict) -> pd.DataFrame:
    rows = {}
    for world, predictions in trial.train(drawn, config).items():
        judged = findings.judge(predictions, config)
        rows[world.design, world.effect, world.number] = {
            name: judged[name] for name in ("estimate", "low", "high", "found")
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = table.index.set_names(["design", "effect", "number"])
    return table


def _print(table: pd.DataFrame, directory: pathlib.Path) -> None:
    agreed = (table["found"] == table["frames_found"]).sum()
    difference = (table["estimate"] - table["frames_estimate"]).abs().mean()
    console.print_line(
        f"frames and motion fields agree on {agreed} of {len(table)} databases; the own-group "
        f"advantage differs by {difference:.3f} on average"
    )
    console.print_line(f"table: {directory / FILE}")
