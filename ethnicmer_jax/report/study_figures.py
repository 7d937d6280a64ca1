"""The figures of a study: Action Unit heat maps and calibration curves.

Each function takes tidy tables and returns a `style.Figure`; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.report import figures, style
from ethnicmer_jax.report.style import Figure

NOMINAL = 0.05


def au_prevalence(table: pd.DataFrame, *, name: str = "au_prevalence") -> Figure:
    """Share of clips that show each Action Unit, by emotion and group.

    Args:
      table: one row an (emotion, group, au): columns emotion (str), group (str), au (int),
        active and clips (counts of clips). Combinations that are absent stay blank.
      name: file stem.
    """
    table = table.assign(
        column=table.emotion + "\n" + table.group, share=table.active / table.clips
    )
    columns = list(dict.fromkeys(table.sort_values(["emotion", "group"]).column))
    units = sorted(table.au.unique())
    share = _matrix(table, "share", units, columns)
    active, clips = (_matrix(table, key, units, columns) for key in ("active", "clips"))
    labels = [
        [f"{a:.0f}/{n:.0f}" for a, n in zip(*rows, strict=True)]
        for rows in zip(active, clips, strict=True)
    ]
    peak = table.loc[table.share.idxmax()]
    return _heat_map(
        share,
        labels,
        rows=[f"AU{unit}" for unit in units],
        columns=columns,
        cmap=style.SEQUENTIAL,
        limits=(0.0, 1.0),
        bar="share of clips",
        name=name,
        caption="Prevalence of Action Units by emotion and group: clips that show the unit, "
        "out of all clips. Clips of one subject are not independent.",
        alt=f"Heat map of Action Unit prevalence; the highest share is AU{peak.au} in "
        f"{peak.emotion}, {peak.group}: {peak.share:.0%}.",
    )


def au_difference(
    table: pd.DataFrame, groups: tuple[str, str], *, name: str = "au_difference"
) -> Figure:
    """Difference in prevalence between two groups, with Holm-adjusted p values.

    Args:
      table: one row an (emotion, au): columns emotion (str), au (int), difference (share of
        the first group minus that of the second, in [-1, 1]) and p_holm (adjusted over all AUs).
      groups: the two groups, in the order of subtraction.
      name: file stem.
    """
    columns = sorted(table.emotion.unique())
    units = sorted(table.au.unique())
    difference = _matrix(table, "difference", units, columns)
    p_values = _matrix(table, "p_holm", units, columns)
    labels = [
        [f"{d:+.2f}\n{p_text(p)}" for d, p in zip(*rows, strict=True)]
        for rows in zip(difference, p_values, strict=True)
    ]
    least = table.p_holm.min()
    return _heat_map(
        difference,
        labels,
        rows=[f"AU{unit}" for unit in units],
        columns=columns,
        cmap=style.DIVERGING,
        limits=(-1.0, 1.0),
        bar="difference in share",
        name=name,
        caption=f"Prevalence of Action Units, {groups[0]} minus {groups[1]}, with p values "
        "adjusted by Holm's method.",
        alt="Heat map of differences in Action Unit prevalence; smallest adjusted "
        f"{p_text(least)}, {int((table.p_holm < NOMINAL).sum())} of {len(table)} below .05.",
    )


def p_text(p: float) -> str:
    """A p value as papers print it: two decimals, or `p < .001`; "p n/a" where undefined."""
    if not np.isfinite(p):
        return "p n/a"
    if p < 0.001:
        return "p < .001"
    return f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.1 else f"p = {p:.2f}".replace("0.", ".", 1)


def _matrix(
    table: pd.DataFrame, value: str, units: Sequence[int], columns: Sequence[str]
) -> np.ndarray:
    """Table -> float [units, columns]; NaN where a combination is absent."""
    key = "column" if "column" in table else "emotion"
    wide = table.pivot(index="au", columns=key, values=value)
    return wide.reindex(index=units, columns=columns).to_numpy(dtype=float)


def _heat_map(
    values: np.ndarray,
    labels: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    cmap: object,
    limits: tuple[float, float],
    bar: str,
    name: str,
    caption: str,
    alt: str,
) -> Figure:
    lines = max((label.count("\n") for row in labels for label in row), default=0) + 1
    with style.styled():
        width = 1.7 + 0.95 * len(columns)
        figure = style.canvas(width, 1.0 + (0.16 + 0.16 * lines) * len(rows))
        axes = figure.subplots()
        figures.draw_cells(
            axes,
            values,
            labels,
            rows=rows,
            columns=columns,
            cmap=cmap,
            low=limits[0],
            high=limits[1],
        )
        axes.xaxis.tick_top()
        figure.colorbar(axes.images[0], ax=axes, label=bar, shrink=0.8, aspect=30)
        return style.finish(figure, name=name, caption=caption, alt=alt, wide=width > 5)


def rejection_curves(table: pd.DataFrame, *, name: str = "calibration") -> Figure:
    """How often the study rejects, against the true effect, with Wilson 95% bands.

    At effect 0 a curve shows the false-alarm rate (nominal 5%, dotted), elsewhere power.

    Args:
      table: one row a (series, effect): columns series (str, e.g. "16 + 16 subjects"), effect
        (float), rejections and databases (counts of simulated databases).
      name: file stem.
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(
        table.rejections.to_numpy(), table.databases.to_numpy(), method="wilson"
    )
    table = table.assign(rate=table.rejections / table.databases, low=low, high=high)
    with style.styled():
        figure = style.canvas(4.8, 3.5)
        axes = figure.subplots()
        for index, (series, part) in enumerate(table.groupby("series", sort=False)):
            part = part.sort_values("effect")
            colour = style.PALETTE[index % len(style.PALETTE)]
            marker = style.MARKERS[index % len(style.MARKERS)]
            axes.fill_between(part.effect, part.low, part.high, color=colour, alpha=0.16, lw=0)
            axes.plot(part.effect, part.rate, color=colour, marker=marker, ms=5, label=series)
        axes.axhline(NOMINAL, color=style.INK, linestyle=":", linewidth=1.3)
        axes.text(table.effect.max(), NOMINAL + 0.015, "nominal 5%", ha="right", va="bottom")
        axes.set_xlabel("true effect in the simulated databases (0 = universal display rules)")
        axes.set_ylabel("rejection rate")
        axes.set_ylim(-0.02, 1.03)
        axes.yaxis.set_major_formatter(lambda rate, _: f"{rate:.0%}")
        axes.legend(loc="upper left")
        alarms = "; ".join(
            f"{row.series} {row.rate:.1%} of {row.databases}"
            for row in table[table.effect == 0].itertuples()
        )
        return style.finish(
            figure,
            name=name,
            caption="Share of simulated databases in which the study rejects universality, with "
            "Wilson 95% intervals. At effect 0 every rejection is a false alarm.",
            alt=f"Rejection rate by true effect. False alarms at effect 0: {alarms or 'none'}.",
        )
