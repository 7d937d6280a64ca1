"""Feature spaces as pictures: the same clips coloured by one label after the other."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from ethnicmer_jax.analysis.feature_space import PROJECTIONS, FeatureSpace
from ethnicmer_jax.base import labels
from ethnicmer_jax.report import style
from ethnicmer_jax.report.style import Figure

_CELL = 2.3
"""Inches."""


def scatter(
    space: FeatureSpace, by: Mapping[str, str], *, name: str, caption: str, alt: str
) -> Figure:
    """Every projection (rows) coloured by every label (columns), with its silhouette.

    Args:
      space: the clips.
      by: label -> what stands above its column.
      name: file stem.
      caption: must say of which networks the features are.
      alt: the same for those who cannot see it, without the scores.
    """
    with style.styled():
        figure = style.canvas(0.4 + _CELL * len(by), 0.9 + _CELL * len(PROJECTIONS))
        axes = figure.subplots(len(PROJECTIONS), len(by), squeeze=False)
        for line, (projection, title) in zip(axes, PROJECTIONS.items(), strict=True):
            for axis, label in zip(line, by, strict=True):
                _points(axis, space.points, projection, label)
            line[0].set_ylabel(title)
        for axis, (label, title) in zip(axes[0], by.items(), strict=True):
            score = labels.score(space.silhouette(label), 2)
            axis.set_title(f"{title}\nsilhouette {score}", fontsize=9.5, fontweight="normal")
        for axis in axes[-1]:
            axis.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.04), ncols=2, fontsize=8,
                columnspacing=0.8, handletextpad=0.2,
            )  # fmt: skip
        told = "; ".join(
            f"{title} {labels.score(space.silhouette(label), 2)}" for label, title in by.items()
        )
        return style.finish(
            figure,
            name=name,
            caption=caption,
            alt=f"{alt} Silhouettes: {told}.",
            wide=figure.get_figwidth() > style.NARROW,
        )


def _points(axis: Axes, points: pd.DataFrame, projection: str, label: str) -> None:
    for index, (value, part) in enumerate(points.groupby(label, sort=True)):
        axis.scatter(
            part[f"{projection}_x"],
            part[f"{projection}_y"],
            s=18,
            alpha=0.9,
            linewidths=0,
            color=style.PALETTE[index % len(style.PALETTE)],
            marker=style.MARKERS[index % len(style.MARKERS)],
            label=str(value),
        )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(True)
    axis.spines[:].set_edgecolor(style.MUTED)
