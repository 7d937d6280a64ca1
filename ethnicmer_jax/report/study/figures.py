"""The figures of a study: train x test matrix, placebos, Action Units, calibration curves.

Each function takes tidy tables and returns a `style.Figure`; nothing here reads a file.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import Colormap

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.report import figures, style
from ethnicmer_jax.report.style import Figure

NOMINAL = 0.05


def train_by_test(table: pd.DataFrame, *, name: str = "matrix") -> Figure:
    """UF1 of every training side (rows) on the tests of every side (columns).

    Args:
      table: columns train, test (str), estimate, low, high.
      name: file stem.
    """
    text = [f"{r.estimate:.3f}\n[{r.low:.3f}, {r.high:.3f}]" for r in table.itertuples()]
    table = table.assign(text=text)
    order = {"index": list(table["train"].unique()), "columns": list(table["test"].unique())}
    values = table.pivot(index="train", columns="test", values="estimate").reindex(**order)
    labels = table.pivot(index="train", columns="test", values="text").reindex(**order)
    with style.styled():
        figure = style.canvas(1.9 + 1.35 * values.shape[1], 0.9 + 0.62 * len(values))
        axes = figure.subplots()
        figures.draw_cells(
            axes,
            values.to_numpy(float),
            labels.to_numpy(object),
            rows=order["index"],
            columns=order["columns"],
            cmap=style.SEQUENTIAL,
        )
        axes.set_xlabel("tested on")
        axes.set_ylabel("trained on")
        spoken = "; ".join(f"{r.train} on {r.test} {r.estimate:.3f}" for r in table.itertuples())
        return style.finish(
            figure,
            name=name,
            caption="UF1 by training set and tested side: the same test subjects in a column, "
            "training sets of the same size, with 95% intervals from resampling subjects.",
            alt=f"Heat map of UF1, trained on and tested on: {spoken}.",
        )


def placebos(null: np.ndarray, observed: float, *, name: str, quantity: str, p: float) -> Figure:
    """What groups that mean nothing give, draw by draw, beside what the real ones give.

    Args:
      null: the quantity in each placebo draw, [draws].
      observed: that of the real groups.
      name: file stem.
      quantity: for the axis.
      p: share of placebo draws as far from 0 as `observed`.
    """
    with style.styled():
        figure = style.canvas(4.6, 2.6)
        axes = figure.subplots()
        bins = np.histogram_bin_edges(np.append(null, observed), bins=24)
        axes.hist(null, bins=bins, color=style.PALETTE[0], alpha=0.55, label="placebo draws")
        axes.axvline(observed, color=style.PALETTE[1], label="ethnic groups")
        axes.set_xlabel(quantity)
        axes.set_ylabel("draws")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, borderpad=0)
        return style.finish(
            figure,
            name=name,
            caption=f"{quantity[0].upper()}{quantity[1:]}: {len(null)} placebo draws (random "
            f"halves of the real groups) and the mean over draws of the real groups, {p_text(p)}. "
            "One draw scatters more than a mean over draws, so this control is a strict one.",
            alt=f"Histogram of {len(null)} placebo draws between {null.min():+.3f} and "
            f"{null.max():+.3f}; the ethnic groups give {observed:+.3f}, {p_text(p)}.",
        )


def au_prevalence(
    table: pd.DataFrame,
    *,
    min_clips: int = 5,
    name: str = "au_prevalence",
    units: str = "Action Units",
) -> Figure:
    """Share of clips that show each Action Unit, by emotion and group.

    Args:
      table: `action_units.prevalence`: columns emotion, group (str), au (int), n_with and
        n_clips (counts) and prevalence, in [0, 1]. Absent combinations stay blank.
      min_clips: AUs that fewer clips show, over all cells, are left out.
      name: file stem.
      units: what the rows are, for the caption.

    Raises:
      ValueError: no AU is frequent enough.
    """
    total = table.groupby("au").n_with.transform("sum")
    table = table[total >= min_clips].sort_values(["emotion", "group"])
    if table.empty:
        raise ValueError(f"no Action Unit is shown in {min_clips} or more clips")
    table = table.assign(column=table.emotion + "\n" + table.group)
    table = table.assign(label=table.n_with.astype(str) + "/" + table.n_clips.astype(str))
    peak = table.loc[table.prevalence.idxmax()]
    return _heat_map(
        table.pivot(index="au", columns="column", values="prevalence"),
        table.pivot(index="au", columns="column", values="label"),
        cmap=style.SEQUENTIAL,
        limits=(0.0, 1.0),
        bar="share of clips",
        name=name,
        caption=f"Prevalence of {units} by emotion and group: clips that show them, out of all "
        f"clips; those shown in {min_clips} or more clips. Clips of one subject are "
        "not independent.",
        alt=f"Heat map of Action Unit prevalence; the highest share is AU{peak.au} in "
        f"{peak.emotion}, {peak.group}: {peak.prevalence:.0%}.",
    )


def au_difference(
    table: pd.DataFrame,
    groups: tuple[str, str],
    *,
    name: str = "au_difference",
    units: str = "Action Units",
) -> Figure:
    """Difference in prevalence between two groups, with Holm-adjusted p values.

    Args:
      table: `action_units.compare`: columns emotion (str), au (int), difference (share of the
        first group minus that of the second, in [-1, 1]) and p_holm (NaN where no database
        holds both groups).
      groups: the two groups, in the order of subtraction.
      name: file stem.
      units: what the rows are, for the caption.

    Raises:
      ValueError: no row.
    """
    if table.empty:
        raise ValueError("no Action Unit was compared")
    label = table.difference.map("{:+.2f}".format) + "\n" + table.p_holm.map(p_text)
    table = table.assign(label=label)
    untested = int(table.p_holm.isna().sum())
    missing = " n/a: no database holds both groups." if untested else ""
    return _heat_map(
        table.pivot(index="au", columns="emotion", values="difference"),
        table.pivot(index="au", columns="emotion", values="label"),
        cmap=style.DIVERGING,
        limits=(-1.0, 1.0),
        bar="difference in share",
        name=name,
        caption=f"Prevalence of {units}, {groups[0]} minus {groups[1]}; p values from "
        f"permuting the group of subjects within databases, adjusted by Holm's method.{missing}",
        alt=f"Heat map of differences in Action Unit prevalence, {groups[0]} minus {groups[1]}: "
        f"{int((table.p_holm < NOMINAL).sum())} of {len(table) - untested} tested differences "
        "have an adjusted p below .05.",
    )


def _heat_map(
    values: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    cmap: Colormap,
    limits: tuple[float, float],
    bar: str,
    name: str,
    caption: str,
    alt: str,
) -> Figure:
    """Cells by AU (rows) and whatever the columns are; both frames have one layout."""
    units = sorted(values.index, key=lambda unit: [int(part) for part in str(unit).split("+")])
    values, labels = values.loc[units], labels.loc[units]
    lines = labels.stack().str.count("\n").max() + 1
    width = 1.7 + 0.95 * len(values.columns)
    with style.styled():
        figure = style.canvas(width, 1.0 + (0.16 + 0.16 * lines) * len(values))
        axes = figure.subplots()
        figures.draw_cells(
            axes,
            values.to_numpy(dtype=float),
            labels.to_numpy(dtype=object),
            rows=[f"AU{unit}" for unit in values.index],
            columns=list(values.columns),
            cmap=cmap,
            limits=limits,
        )
        axes.xaxis.tick_top()
        figure.colorbar(axes.images[0], ax=axes, label=bar, shrink=0.8, aspect=30)
        return style.finish(figure, name=name, caption=caption, alt=alt, wide=width > style.NARROW)


def with_wilson(table: pd.DataFrame) -> pd.DataFrame:
    """Adds rate, low and high (Wilson 95%) to counts of rejections out of databases."""
    pairs = zip(table.rejections, table.databases, strict=True)
    bounds = np.array([effects.wilson_interval(hits, total) for hits, total in pairs])
    rate = table.rejections / table.databases
    return table.assign(rate=rate, low=bounds[:, 0], high=bounds[:, 1])


def rejection_curves(table: pd.DataFrame, *, name: str = "calibration") -> Figure:
    """How often the study rejects, against the true effect, with Wilson 95% bands.

    At effect 0 a curve shows the false-alarm rate (nominal 5%, dotted), elsewhere power.

    Args:
      table: one row a (series, effect): columns series (str, e.g. "16 + 16 subjects"), effect
        (float), rejections and databases (counts of simulated databases).
      name: file stem.
    """
    table = with_wilson(table)
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
        axes.yaxis.set_major_formatter(lambda rate, _: f"{rate:.0%}")
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2, borderpad=0)
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
