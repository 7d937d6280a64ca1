"""Figures of maps: group averages on the face, and single clips, right and wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from ethnicmer_jax.explain import regions
from ethnicmer_jax.explain.regions import Layout
from ethnicmer_jax.report import style
from ethnicmer_jax.report.style import Figure

EACH = 2
"""Clips shown of each kind."""

_INCHES = 1.0
_FINE = 112


@dataclasses.dataclass(frozen=True)
class Shown:
    """One clip of a gallery.

    Attributes:
      label: what stands beside it.
      pictures: uint8 [S, S, 3] each, in the order of the gallery's columns.
    """

    label: str
    pictures: Sequence[np.ndarray]


def average_maps(
    averages: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    layout: Layout,
    *,
    name: str,
    caption: str,
) -> Figure:
    """Mean maps of groups on the outline of a face, and their difference.

    Args:
      averages: float [rows, columns, size, size], each with the sum 1; NaN for no clips.
      rows: labels, such as emotions with their numbers of clips.
      columns: the groups; with two of them, a third column shows first less second.
      layout: of the face crops.
      name: file stem.
      caption: of the figure.
    """
    two = len(columns) == 2
    titles = [*columns, *([f"{columns[0]} − {columns[1]}"] if two else [])]
    cells = averages * averages.shape[-1] ** 2
    gaps = cells[:, 0] - cells[:, 1] if two else np.zeros(1)
    top = max(float(np.nanmax(cells)), 1.0)
    wide = max(float(np.nanmax(np.abs(np.nan_to_num(gaps)))), 0.1)
    with style.styled():
        figure = style.canvas(1.1 + 1.35 * len(titles), 0.5 + 1.3 * len(rows))
        axes = figure.subplots(len(rows), len(titles), squeeze=False)
        plain = gap = None
        for i, row in enumerate(rows):
            for j in range(len(columns)):
                plain = _face(axes[i, j], cells[i, j], style.SEQUENTIAL, (0, top), layout)
            if two:
                gap = _face(axes[i, -1], gaps[i], style.DIVERGING, (-wide, wide), layout)
            axes[i, 0].set_ylabel(row, fontsize=8.5)
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title, fontsize=8.5, fontweight="normal", loc="center")
        bars = [(plain, axes[:, : len(columns)], "times the face's mean")]
        bars += [(gap, axes[:, -1:], "difference")] if two else []
        for image, where, label in bars:
            bar = figure.colorbar(image, ax=where, location="bottom", shrink=0.8, pad=0.02)
            bar.set_label(label, fontsize=8)
            bar.ax.tick_params(labelsize=7.5)
        alt = f"Average maps of {', '.join(columns)} by {', '.join(rows)}; numbers in regions.csv."
        return style.finish(figure, name=name, caption=caption, alt=alt)


def gallery(rows: Sequence[Shown], columns: Sequence[str], *, name: str, caption: str) -> Figure:
    """Single clips, one a row: the picture and what each method lays over it."""
    with style.styled():
        figure = style.canvas(1.15 + _INCHES * len(columns), 0.3 + _INCHES * len(rows))
        axes = figure.subplots(len(rows), len(columns), squeeze=False)
        for shown, line in zip(rows, axes, strict=True):
            for axis, image in zip(line, shown.pictures, strict=True):
                axis.imshow(image, interpolation="none")
                _bare(axis)
            line[0].set_ylabel(
                shown.label, fontsize=7.5, rotation=0, ha="right", va="center", labelpad=4
            )
        for axis, title in zip(axes[0], columns, strict=True):
            axis.set_title(title, fontsize=8.5, fontweight="normal", loc="center")
        spoken = "; ".join(row.label.replace("\n", " ") for row in rows)
        return style.finish(figure, name=name, caption=caption, alt=f"Maps of {spoken}.")


def _face(axes: Axes, values: np.ndarray, cmap, limits: tuple[float, float], layout: Layout):
    """Draws one map with the outline of an aligned face; returns the drawn image."""
    fine = cv2.resize(values, (_FINE, _FINE), interpolation=cv2.INTER_LINEAR)
    image = axes.imshow(
        np.ma.masked_invalid(fine),
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, 1, 1, 0),
        interpolation="none",
    )
    for x, y, width, height in _OUTLINE:
        centre = regions.to_crop(np.array([x, y]), layout)
        axes.add_patch(
            Ellipse(
                centre,
                width * layout.distance,
                height * layout.distance,
                fill=False,
                lw=0.7,
                ec=style.MUTED,
            )
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    _bare(axes)
    return image


_OUTLINE = (
    (0.0, 0.45, 2.1, 2.75),
    (-0.5, 0.0, 0.5, 0.2),
    (0.5, 0.0, 0.5, 0.2),
    (-0.5, -0.36, 0.6, 0.06),
    (0.5, -0.36, 0.6, 0.06),
    (0.0, 0.62, 0.5, 0.2),
    (0.0, 1.12, 0.8, 0.26),
)
"""Head, eyes, brows, nose and mouth: centre, width and height in face units."""


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
