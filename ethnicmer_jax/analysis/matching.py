"""What the arms of a study have in common, and what could not be matched.

Read from the predictions: under LOSO an arm tests exactly the clips that it consists of.
"""

from __future__ import annotations

import pandas as pd

from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import is_arm, mono_side


def table(predictions: Predictions) -> pd.DataFrame:
    """One row per arm and draw; of several seeds the first one, as they share their clips.

    Args:
      predictions: of a study; runs whose ids name no draw are left out.

    Returns:
      Columns arm (str, `<contrast>.<cell>`), draw, subjects, clips (int),
      clips_<database> (int), share_<class> (float, of the arm's clips), kept (float, the
      arm's clips as a share of all clips of its subjects that the study tests anywhere)
      and alike_in_database (float, the share of the arm's subjects for whom the other
      side has one of the same database; NaN for mixtures). Without any arm, no rows.
    """
    arms = _arms(predictions).set_index("run")
    rows = predictions.table.assign(person=predictions.person, key=predictions.key)
    clips_of = rows.groupby("person")["key"].nunique()
    rows = rows[rows["run"].isin(arms.index)]
    people = rows.drop_duplicates(["run", "person"])
    by_run = rows.groupby("run")
    all_clips = people["person"].map(clips_of).groupby(people["run"]).sum()
    columns = [
        arms[["arm", "draw"]],
        by_run["person"].nunique().rename("subjects"),
        by_run.size().rename("clips"),
        pd.crosstab(rows["run"], rows["database"]).add_prefix("clips_"),
        pd.crosstab(rows["run"], rows["emotion"], normalize="index").add_prefix("share_"),
        (by_run.size() / all_clips).rename("kept"),
        _alike(arms, pd.crosstab(people["run"], people["database"])),
    ]
    return pd.concat(columns, axis="columns").reset_index(drop=True)


def summarise(per_draw: pd.DataFrame) -> pd.DataFrame:
    """One row per arm: its number of draws, and the mean over them of every other column."""
    by_arm = per_draw.drop(columns="draw").groupby("arm", sort=False)
    means = by_arm.mean()
    means.insert(0, "draws", by_arm.size())
    return means.reset_index()


def _arms(predictions: Predictions) -> pd.DataFrame:
    """Runs under LOSO within an arm: columns run, arm, cell, contrast and draw."""
    runs = predictions.run_table.rename(columns={"part": "contrast"})
    runs = runs[(runs["contrast"] != "") & (runs["draw"] >= 0) & runs["cell"].map(is_arm)]
    first = runs.drop_duplicates(["contrast", "cell", "draw"])
    return first.assign(arm=first["contrast"] + "." + first["cell"])


def _alike(arms: pd.DataFrame, subjects: pd.DataFrame) -> pd.Series:
    """Share of each side's subjects that the other side of the draw has in the same database.

    Args:
      arms: indexed by run.
      subjects: run × database, subjects of each.
    """
    sides = arms[arms["cell"].map(mono_side).notna()]
    least = subjects.loc[sides.index].groupby([sides["contrast"], sides["draw"]]).transform("min")
    return (least.sum(axis=1) / subjects.loc[sides.index].sum(axis=1)).rename("alike_in_database")
