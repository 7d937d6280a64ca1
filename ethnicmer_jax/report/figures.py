"""The figures that several pages use: intervals, confusion matrices, curves.

Each function takes tidy tables and returns a `style.Figure`; nothing here reads a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure as Canvas

from ethnicmer_jax.analysis.calibration import NOMINAL
from ethnicmer_jax.base import labels
from ethnicmer_jax.report import style
from ethnicmer_jax.report.prose import text
from ethnicmer_jax.report.style import Figure

_LABEL_WIDTH = 23
_FOREST = 5.7
"""Inches of a forest plot that a phone shows whole: its numbers stand at the right."""


def confusion(counts: np.ndarray, classes: Sequence[str], *, name: str, of: str) -> Figure:
    """A confusion matrix, shaded by row share and labelled with shares and counts.

    Args:
      counts: int [C, C]; rows are true classes, columns predicted ones.
      classes: the C class names in order.
      name: file stem.
      of: what was pooled, for the caption ("5 runs of 278 clips").
    """
    totals = counts.sum(axis=1, keepdims=True)
    # Of a class without clips there is no share, and its row stays blank.
    share = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    numbers = [
        [f"{labels.percent(share[i, j])}\n({counts[i, j]:,})" for j in range(len(classes))]
        for i in range(len(classes))
    ]
    with style.styled():
        width, height = _size_of_matrix(len(classes), max(map(len, classes)))
        figure = style.canvas(width, height)
        axes = figure.subplots()
        rows = [f"{c}\n(n = {t:,})" for c, t in zip(classes, totals[:, 0], strict=True)]
        draw_cells(axes, share, numbers, rows=rows, columns=classes, cmap=style.SEQUENTIAL)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        recalls = ", ".join(
            f"{c} {labels.percent(share[i, i])}" if totals[i, 0] else f"{c}: no clip"
            for i, c in enumerate(classes)
        )
        return style.finish(
            figure,
            name=name,
            caption=f"Confusion matrix, {of}: share of each true class (clip count).",
            alt=f"Confusion matrix. Share of each class recognised: {recalls}.",
            wide=width > style.NARROW,
        )


def _size_of_matrix(n_classes: int, longest: int) -> tuple[float, float]:
    """Inches in which n labels of so many letters fit below cells with two lines of text."""
    cell = max(0.55, 0.085 * min(longest, _LABEL_WIDTH))
    return max(4.6, 1.3 + cell * n_classes), max(3.9, 0.9 + 0.45 * n_classes)


def draw_cells(
    axes: Axes,
    values: np.ndarray,
    labels: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    cmap: Colormap,
    limits: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Draws a [R, C] matrix as coloured cells with a legible label in each; NaN stays blank."""
    cells = np.ma.masked_invalid(values)
    image = axes.imshow(cells, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
    for i, j in np.ndindex(values.shape):
        if np.isfinite(values[i, j]):
            red, green, blue, _ = image.cmap(image.norm(values[i, j]))
            colour = style.ink_on(red, green, blue)
            axes.text(j, i, labels[i][j], ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(columns)), [_wrapped(c) for c in columns])
    axes.set_yticks(range(len(rows)), [_wrapped(r) for r in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def train_by_test(table: pd.DataFrame, *, name: str, caption: str, score: str = "UF1") -> Figure:
    """A score of every training set (rows) on every test set (columns).

    Args:
      table: columns train, test (str), estimate, low, high.
      name: file stem.
      caption: must say what the intervals are.
      score: what the numbers are.
    """
    numbers = [
        f"{labels.score(r.estimate)}\n{labels.interval(r.low, r.high)}" for r in table.itertuples()
    ]
    table = table.assign(label=numbers)
    order = {"index": list(table["train"].unique()), "columns": list(table["test"].unique())}
    values = table.pivot(index="train", columns="test", values="estimate").reindex(**order)
    written = table.pivot(index="train", columns="test", values="label").reindex(**order)
    with style.styled():
        figure = style.canvas(1.9 + 1.35 * values.shape[1], 0.9 + 0.62 * len(values))
        axes = figure.subplots()
        draw_cells(
            axes,
            values.to_numpy(float),
            written.to_numpy(object),
            rows=list(map(labels.side, order["index"])),
            columns=list(map(labels.side, order["columns"])),
            cmap=style.SEQUENTIAL,
        )
        axes.set_xlabel("tested on")
        axes.set_ylabel("trained on")
        spoken = "; ".join(
            f"{labels.side(r.train)} on {labels.side(r.test)} {labels.score(r.estimate)}"
            for r in table.itertuples()
        )
        return style.finish(
            figure,
            name=name,
            caption=caption,
            alt=f"Heat map of {score}, trained on and tested on: {spoken}.",
        )


def forest(
    rows: pd.DataFrame,
    *,
    name: str,
    caption: str,
    xlabel: str,
    references: Mapping[str, float] | None = None,
    signed: bool = False,
) -> Figure:
    """A forest plot: one line an estimate, with its interval and its numbers.

    Args:
      rows: columns label (str), estimate, low, high (float; NaN limits draw no bar) and,
        if rows belong to blocks, section (str). Drawn in the given order.
      name: file stem.
      caption: must say what the intervals are.
      xlabel: the quantity and its unit.
      references: vertical lines, label -> position ("majority class" -> .262).
      signed: whether to write a sign before every number, as differences need.

    Raises:
      ValueError: no rows, or a column is missing.
    """
    missing = {"label", "estimate", "low", "high"} - set(rows.columns)
    if missing or rows.empty:
        raise ValueError(f"a forest plot needs rows with label, estimate, low, high: {missing}")
    lines = _forest_lines(rows, signed)
    with style.styled():
        figure, names, axes, numbers = _forest_axes(lines, legend=bool(references))
        _draw_references(axes, references or {})
        _draw_intervals(axes, lines)
        _draw_texts(names, numbers, lines)
        axes.set_xlabel(xlabel)
        spoken = "; ".join(f"{line['label']} {line['text']}" for line in lines if line["text"])
        return style.finish(
            figure,
            name=name,
            caption=caption,
            alt=f"Forest plot of {xlabel}: {spoken}.",
            wide=figure.get_figwidth() > _FOREST,
        )


def differences(rows: pd.DataFrame, *, name: str, caption: str) -> Figure:
    """A forest plot of differences of UF1; see `forest`."""
    return forest(
        rows,
        name=name,
        caption=caption,
        xlabel="difference of UF1",
        references={"no difference": 0.0},
        signed=True,
    )


def _forest_axes(lines: Sequence[dict], *, legend: bool) -> tuple[Canvas, Axes, Axes, Axes]:
    """A figure with columns for labels, intervals and numbers, as wide as their texts need."""
    inches = 0.076
    names_of = [line["label"].split("\n") for line in lines]
    # There is nothing beside a heading, into which it may reach.
    own = [parts for parts, line in zip(names_of, lines, strict=True) if not line["heading"]]
    longest = max(len(part) for parts in own for part in parts)
    widths = (inches * longest + 0.2, 1.8, inches * max(len(line["text"]) for line in lines))
    width, height = sum(widths) + 0.15, (0.22 + 0.08 * max(map(len, names_of))) * len(lines)
    below, above = 0.55, 0.35 if legend else 0.05
    figure = style.canvas(width, height + below + above)
    # Constrained layout would let long labels squeeze the intervals.
    figure.set_layout_engine("none")
    bottom, tall = below / (height + below + above), height / (height + below + above)
    names = figure.add_axes((0, bottom, widths[0] / width, tall))
    axes = figure.add_axes((widths[0] / width, bottom, widths[1] / width, tall), sharey=names)
    start = widths[0] + widths[1] + 0.1
    numbers = figure.add_axes((start / width, bottom, widths[2] / width, tall), sharey=names)
    return figure, names, axes, numbers


def _forest_lines(rows: pd.DataFrame, signed: bool) -> list[dict]:
    """Rows plus one heading line before each new section."""
    lines, section = [], None
    for row in rows.to_dict("records"):
        if row.get("section", section) != section:
            section = row["section"]
            lines.append({"label": section, "text": "", "heading": True})
        text = labels.estimate(row["estimate"], row["low"], row["high"], sign=signed)
        lines.append(row | {"label": _wrapped(row["label"]), "text": text, "heading": False})
    return lines


def _draw_intervals(axes: Axes, lines: Sequence[dict]) -> None:
    for y, line in enumerate(lines):
        if line["heading"]:
            continue
        if np.isfinite([line["low"], line["high"]]).all():
            axes.plot([line["low"], line["high"]], [y, y], color=style.PALETTE[0], linewidth=2)
        axes.plot(line["estimate"], y, marker="s", color=style.PALETTE[0], markersize=5.5)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda value, _: labels.compact(value))
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.spines["left"].set_visible(False)


def _draw_texts(names: Axes, numbers: Axes, lines: Sequence[dict]) -> None:
    """Labels to the left of the intervals, numbers to the right."""
    for axes in (names, numbers):
        axes.axis("off")
        axes.set_xlim(0, 1)
    for y, line in enumerate(lines):
        heading = line["heading"]
        weight = "bold" if heading else "normal"
        names.text(
            0 if heading else 0.05, y, line["label"], va="center", fontsize=9, fontweight=weight
        )
        numbers.text(0, y, line["text"], va="center", fontsize=9)


def _draw_references(axes: Axes, references: Mapping[str, float]) -> None:
    for dash, (label, position) in zip(style.DASHES[1:], references.items(), strict=False):
        axes.axvline(position, color=style.MUTED, linestyle=dash, linewidth=1.2, label=label)
    if references:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, borderpad=0)


def curves(frame: pd.DataFrame, *, name: str, ylabel: str, caption: str) -> Figure:
    """Lines with bands, one for each series.

    Args:
      frame: columns series (str), x, mean, low, high; a NaN-free band for each point.
      name: file stem.
      ylabel: the quantity.
      caption: must say what the band is.
    """
    with style.styled():
        figure = style.canvas(4.6, 3.2)
        axes = figure.subplots()
        for index, (series, part) in enumerate(frame.groupby("series", sort=False)):
            colour = style.PALETTE[index % len(style.PALETTE)]
            dash = style.DASHES[index % len(style.DASHES)]
            axes.fill_between(part.x, part.low, part.high, color=colour, alpha=0.18, linewidth=0)
            marker = "o" if len(part) == 1 else None
            axes.plot(
                part.x, part["mean"], color=colour, linestyle=dash, marker=marker, label=series
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel(ylabel)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(set(frame["series"])) > 1:
            axes.legend()
        ends = "; ".join(
            f"{series} from {labels.decimal(part['mean'].iloc[0])} to "
            f"{labels.decimal(part['mean'].iloc[-1])}"
            for series, part in frame.groupby("series", sort=False)
        )
        return style.finish(figure, name=name, caption=caption, alt=f"{ylabel} by epoch: {ends}.")


def rejection_curves(table: pd.DataFrame, *, name: str = "calibration") -> Figure:
    """How often the study rejects, against the true effect, with Wilson 95% bands.

    At effect 0 a curve shows the false-alarm rate (nominal 5%, dotted), elsewhere power.

    Args:
      table: one row per series and effect: columns series (str, e.g. "16 + 16 subjects"),
        effect (float), databases (count) and rate, low, high (`calibration.with_wilson`).
      name: file stem.
    """
    with style.styled():
        figure = style.canvas(4.8, 3.8)
        axes = figure.subplots()
        for index, (series, part) in enumerate(table.groupby("series", sort=False)):
            part = part.sort_values("effect")
            colour = style.PALETTE[index % len(style.PALETTE)]
            marker = style.MARKERS[index % len(style.MARKERS)]
            axes.fill_between(part.effect, part.low, part.high, color=colour, alpha=0.16, lw=0)
            axes.plot(part.effect, part.rate, color=colour, marker=marker, ms=5, label=series)
        axes.axhline(NOMINAL, color=style.INK, linestyle=":", linewidth=1.3)
        axes.text(table.effect.max(), NOMINAL + 0.015, "nominal 5%", ha="right", va="bottom")
        axes.set_xlabel("true effect (0 = universal display rules)")
        axes.set_ylabel("rejection rate")
        axes.set_ylim(-0.02, 1.03)
        axes.yaxis.set_major_formatter(lambda rate, _: labels.percent(rate))
        axes.xaxis.set_major_formatter(lambda effect, _: labels.compact(effect))
        # Two long names beside each other would not fit the figure.
        ncols = 1 if table["series"].str.len().max() > _LABEL_WIDTH else 2
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=ncols, borderpad=0)
        alarms = "; ".join(
            f"{row.series} {labels.percent(row.rate, 1)} of {row.databases}"
            for row in table[table.effect == 0].itertuples()
        )
        return style.finish(
            figure,
            name=name,
            caption=text("calibration.curves"),
            alt=f"Rejection rate by true effect. False alarms at effect 0: {alarms or 'none'}.",
        )


def _wrapped(label: str) -> str:
    """At most two lines of a label that may come from anyone's manifest."""
    lines = [part for line in str(label).split("\n") for part in textwrap.wrap(line, _LABEL_WIDTH)]
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(lines[1], _LABEL_WIDTH - 2, placeholder="") + " …"]
    return "\n".join(lines)
