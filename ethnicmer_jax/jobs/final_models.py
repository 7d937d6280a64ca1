"""final.json: the final models of a work directory, and what may be expected of them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.base import files
from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.base.schema import ETHNICITIES
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable

FILE_NAME = "final.json"
_SCORES = ("uf1", "uar")

_KEPT = {
    "network": "as checkpoints",
    "network+logistic": "as checkpoints, their logistic regressions fitted when used",
}

HELD_OUT = (
    "pooled over held-out clips, each predicted by a network that had not seen its subject; "
    "networks of the same recipe, trained on a few subjects fewer than the final models"
)
NOBODY = "nobody was held out (protocol.name=all), so no score of this recipe is known"
FEWER = (
    "pooled over held-out clips of arms of drawn subjects, whose networks saw fewer subjects than "
    "the final models: a guide and no estimate"
)
PARTS = (
    "pooled over held-out clips, by networks of the same recipe that were trained on some of the "
    "databases only: a guide and no estimate"
)


def write(
    directory: pathlib.Path,
    config: ml_collections.ConfigDict,
    folds: FoldTable,
    dataset: Dataset,
    database: str,
    summary: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> None:
    """Writes final.json where the table has final models.

    Args:
      directory: the work directory.
      config: of the job.
      folds: its table.
      dataset: its n clips.
      database: fingerprinted name of the built database.
      summary: of metrics.json; empty where nobody was held out.
      environment: versions, devices and command behind the models.
    """
    rows = final_rows(folds)
    if not len(rows):
        return
    clips = folds.train[int(rows[0])]
    taught = dataset.select(clips)
    values = {
        "members": [
            {"run": str(folds.run[row]), "fold": str(folds.fold[row]), "seed": int(folds.seed[row])}
            for row in rows
        ],
        "kept_as": _KEPT.get(config.classifier, "fitted when used"),
        "expected": expected(config.protocol.name, summary),
        "protocol": config.protocol.name,
        "recipe": config.name,
        "classes": list(dataset.emotion_names),
        "clips": len(taught),
        "subjects": len(np.unique(taught.person)),
        "people": people(taught),
        "database": database,
        "environment": dict(environment),
    }
    files.write_json(directory / FILE_NAME, values, summed=True)


def people(dataset: Dataset) -> list[dict[str, Any]]:
    """Who a model has learnt from: a row for each database and ethnicity label.

    Returns:
      database, ethnicity, subjects, clips, labelled_by (who labelled the ethnicity; "" where
      nobody says) and agreement (mean share of votes for the label, None where it is unknown).
    """
    clips = pd.DataFrame(
        {
            "database": dataset.database,
            "ethnicity": np.asarray(ETHNICITIES)[dataset.ethnicity],
            "person": dataset.person,
            "source": dataset.ethnicity_source,
            "agreement": dataset.ethnicity_agreement,
        }
    )
    rows = []
    for (database, ethnicity), own in clips.groupby(["database", "ethnicity"]):
        of_person = own.groupby("person")["agreement"].first().mean()
        rows.append(
            {
                "database": str(database),
                "ethnicity": str(ethnicity),
                "subjects": int(own["person"].nunique()),
                "clips": len(own),
                "labelled_by": ", ".join(sorted(set(own["source"]) - {""})),
                "agreement": None if np.isnan(of_person) else float(of_person),
            }
        )
    return rows


def final_rows(folds: FoldTable) -> np.ndarray:
    """The rows of final models, int [k]."""
    is_final = {run: RunId.parse(str(run)).job == FINAL for run in np.unique(folds.run)}
    return np.flatnonzero([is_final[run] for run in folds.run])


def expected(protocol: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What may be expected of a recipe's models on people that they have not seen.

    Args:
      protocol: its name.
      summary: of metrics.json: arm -> score -> mean, interval, ...

    Returns:
      {"arms": {arm: {"uf1": {mean, sd, n_runs, interval, level}, "uar": ...}}, "note": text}.
    """
    arms = {arm: {score: scores[score] for score in _SCORES} for arm, scores in summary.items()}
    if not arms:
        return {"arms": {}, "note": NOBODY}
    notes = {"draws": FEWER, "single_database": PARTS, "cross_database": PARTS, "lodo": PARTS}
    return {"arms": arms, "note": notes.get(protocol, HELD_OUT)}
