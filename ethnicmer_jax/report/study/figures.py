"""The figures of a study: placebos, Action Units.

Each function takes tidy tables and returns a `style.Figure`; nothing here reads a file.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from matplotlib.colors import Colormap

from ethnicmer_jax.analysis.action_units.findings import UnitFindings
from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.analysis.randomisation import RandomisationTest
from ethnicmer_jax.analysis.study.findings import Placebo
from ethnicmer_jax.base import labels
from ethnicmer_jax.report import figures, style
from ethnicmer_jax.report.prose import text
from ethnicmer_jax.report.style import Figure


def placebos(placebo: Placebo) -> Figure:
    """What groups that mean nothing give, draw by draw, beside what the real ones give."""
    p = p_text(placebo.p)
    return _beside(
        placebo.null,
        placebo.observed,
        p,
        what="placebo draws",
        unit="draws",
        xlabel=placebo.quantity,
        name=f"placebo_{placebo.name}",
        caption=text(
            "study.placebos",
            quantity=placebo.quantity,
            draws=len(placebo.null),
            p=p,
            tested=np.isfinite(placebo.p),
        ),
    )


def relabelled(test: RandomisationTest, quantity: str) -> Figure:
    """The statistic of every relabelling, and that of the groups as they are."""
    p = p_text(test.p_value)
    return _beside(
        test.null,
        test.observed,
        p,
        what="relabelled groups",
        unit="relabellings",
        xlabel=quantity,
        name="exact_null",
        caption=text(
            "study.exact_null", quantity=quantity, relabellings=labels.count(len(test.null)), p=p
        ),
    )


def _beside(
    null: np.ndarray,
    observed: float,
    p: str,
    *,
    what: str,
    unit: str,
    xlabel: str,
    name: str,
    caption: str,
) -> Figure:
    """A histogram, and the observed value as a line."""
    with style.styled():
        figure = style.canvas(4.6, 2.6)
        axes = figure.subplots()
        bins = np.histogram_bin_edges(np.append(null, observed), bins=24)
        axes.hist(null, bins=bins, color=style.PALETTE[0], alpha=0.55, label=what)
        axes.axvline(observed, color=style.PALETTE[1], label="ethnic groups")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(unit)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, borderpad=0)
        return style.finish(
            figure,
            name=name,
            caption=caption,
            alt=f"Histogram of {len(null)} {what} between {labels.signed(null.min())} and "
            f"{labels.signed(null.max())}; the ethnic groups give {labels.signed(observed)}, {p}.",
        )


def au_prevalence(
    found: UnitFindings, *, name: str = "au_prevalence", units: str = "Action Units"
) -> Figure:
    """Share of clips that show each Action Unit, by emotion and group.

    Args:
      found: combinations of emotion and group without clips stay blank.
      name: file stem.
      units: what the rows are, for the caption.
    """
    table = found.prevalence.sort_values(["emotion", "group"])
    table = table.assign(column=table.emotion + "\n" + table.group.map(labels.group))
    table = table.assign(label=table.n_with.astype(str) + "/" + table.n_clips.astype(str))
    peak = table.loc[table.prevalence.idxmax()]
    return _heat_map(
        table.pivot(index="au", columns="column", values="prevalence"),
        table.pivot(index="au", columns="column", values="label"),
        cmap=style.SEQUENTIAL,
        limits=(0.0, 1.0),
        bar="share of clips",
        name=name,
        caption=text("study.prevalence", units=units, min_clips=found.min_clips),
        alt=f"Heat map of Action Unit prevalence; the highest share is AU{peak.au} in "
        f"{peak.emotion}, {labels.group(peak.group)}: {labels.percent(peak.prevalence)}.",
    )


def au_difference(
    found: UnitFindings,
    groups: tuple[str, str],
    *,
    name: str = "au_difference",
    units: str = "Action Units",
) -> Figure:
    """Difference in prevalence between two groups, with Holm-adjusted p values.

    Args:
      found: with at least one test.
      groups: the two groups, in the order of subtraction.
      name: file stem.
      units: what the rows are, for the caption.
    """
    table = found.tests
    two_digits = functools.partial(labels.signed, digits=2)
    first, second = map(labels.group, groups)
    label = table.difference.map(two_digits) + "\n" + table.p_holm.map(p_text)
    table = table.assign(label=label)
    untested = found.n_tested < len(table)
    return _heat_map(
        table.pivot(index="au", columns="emotion", values="difference"),
        table.pivot(index="au", columns="emotion", values="label"),
        cmap=style.DIVERGING,
        limits=(-1.0, 1.0),
        bar="difference in share",
        name=name,
        caption=text(
            "study.unit_difference", units=units, groups=(first, second), untested=untested
        ),
        alt=f"Heat map of differences in Action Unit prevalence, {first} minus {second}: "
        f"{found.n_different} of {found.n_tested} tested differences have an adjusted p of .05 or "
        "less.",
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
