"""What the networks' last layer reads of clips, as a section of the page.

A held-out clip is seen by the network of its own fold, and the axes of one network's features
mean nothing in another's; a final model sees every clip in one space, but has learnt from them.
Each is drawn with its caveat.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, Shaped

from ethnicmer_jax.analysis.feature_space import FeatureSpace
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.report import columns, feature_figures
from ethnicmer_jax.report.html_page import Block, Gallery, Note, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Table
from ethnicmer_jax.training.engine import Engine

BY = {"emotion": "by emotion", "group": "by group", "database": "by database"}


def section(
    engine: Engine,
    where: pathlib.Path,
    tests: Mapping[int, Int[np.ndarray, " _"]],
    group: Shaped[np.ndarray, " clips"],
    seed: int,
) -> list[Section]:
    """PCA and t-SNE of the features of some test clips; none where there are too few.

    Args:
      engine: of the job.
      where: holds its checkpoints.
      tests: row of the fold table -> its test clips; of several runs, the first counts.
      group: of every clip, "" for none.
      seed: of t-SNE.
    """
    run = engine.folds.run[min(tests)]
    rows = {row: clips for row, clips in tests.items() if engine.folds.run[row] == run}
    parts = dict(engine.features(where, rows))
    clips = np.concatenate([rows[row] for row in parts])
    fold = np.concatenate([np.full(len(rows[row]), engine.folds.name(row)) for row in parts])
    features = np.concatenate(list(parts.values()))
    held_out = FeatureSpace.of(features, {**_labels(engine, clips, group), "fold": fold}, seed=seed)
    if held_out is None:
        return []
    blocks: list[Block] = [Gallery([_figure(held_out, "features_held_out", len(parts))])]
    if len(parts) > 1:
        score = labels.score(held_out.silhouette("fold"), 2)
        blocks.append(Note(text("explain.features_warning", folds=len(parts), silhouette=score)))
    tables = [_table(held_out, "features_held_out", "held-out")]
    if (final := _final(engine, where, clips)) is not None:
        space = FeatureSpace.of(final, _labels(engine, clips, group), seed=seed)
        if space is not None:
            blocks.append(Gallery([_figure(space, "features_final", 0)]))
            tables.append(_table(space, "features_final", "final model's"))
    blocks += [*tables, Prose(paragraphs("explain.features"))]
    return [Section("features", "What the networks read of the clips", blocks)]


def _labels(
    engine: Engine, clips: Int[np.ndarray, " _"], group: Shaped[np.ndarray, " clips"]
) -> dict[str, Shaped[np.ndarray, " _"]]:
    emotion = np.asarray(engine.targets.emotion_names)[engine.targets.emotion[clips]]
    groups = [labels.group(str(name)) or "no group" for name in group[clips]]
    databases = [labels.database(str(name)) for name in engine.dataset.database[clips]]
    return {"emotion": emotion, "group": np.array(groups), "database": np.array(databases)}


def _final(
    engine: Engine, where: pathlib.Path, clips: Int[np.ndarray, " _"]
) -> Float[np.ndarray, "clips _"] | None:
    """The features in the first final model; None where there is none."""
    jobs = [RunId.parse(str(run)).job for run in engine.folds.run]
    if FINAL not in jobs:
        return None
    ((_, features),) = engine.features(where, {jobs.index(FINAL): clips})
    return features


def _figure(space: FeatureSpace, name: str, folds: int) -> Figure:
    caption = text(
        "explain.features_figure",
        folds=folds,
        clips=len(space.points),
        explained=labels.percent(space.explained),
    )
    alt = "Scatter plots of the features of clips by PCA and t-SNE."
    return feature_figures.scatter(space, BY, name=name, caption=caption, alt=alt)


def _table(space: FeatureSpace, name: str, of: str) -> Table:
    return Table(
        name,
        text("explain.features_table", of=of),
        space.scores,
        (
            columns.text("Clips by", "label"),
            columns.count("Values", "values"),
            columns.number("Silhouette", "silhouette"),
        ),
        collapsed=True,
    )
