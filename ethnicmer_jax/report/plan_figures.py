"""Figures of planned recordings."""

from __future__ import annotations

import pandas as pd

from ethnicmer_jax.analysis.calibration import POWER
from ethnicmer_jax.base import labels
from ethnicmer_jax.report import style
from ethnicmer_jax.report.prose import text
from ethnicmer_jax.report.style import Figure


def power_by_subjects(rates: pd.DataFrame) -> Figure:
    """Power against the number of subjects, one line an effect, with Wilson 95% bands.

    Args:
      rates: columns n, effect, rate, low and high; effect 0 is left out.
    """
    with style.styled():
        figure = style.canvas(4.8, 3.8)
        axes = figure.subplots()
        tried = rates[rates["effect"] > 0]
        for index, (effect, part) in enumerate(tried.groupby("effect")):
            part = part.sort_values("n")
            colour = style.PALETTE[index % len(style.PALETTE)]
            marker = style.MARKERS[index % len(style.MARKERS)]
            name = f"effect {labels.compact(effect)}"
            axes.fill_between(part.n, part.low, part.high, color=colour, alpha=0.16, lw=0)
            axes.plot(part.n, part.rate, color=colour, marker=marker, ms=5, label=name)
        axes.axhline(POWER, color=style.INK, linestyle=":", linewidth=1.3)
        axes.set_xlabel("n, subjects")
        axes.set_ylabel("power")
        axes.set_ylim(-0.02, 1.03)
        axes.set_xticks(sorted(set(tried["n"])))
        axes.yaxis.set_major_formatter(lambda rate, _: labels.percent(rate))
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2, borderpad=0)
        spoken = "; ".join(
            f"n {row.n:.0f}, effect {labels.compact(row.effect)}: {labels.percent(row.rate)}"
            for row in tried.itertuples()
        )
        return style.finish(
            figure,
            name="power_by_subjects",
            caption=text("plan.by_subjects"),
            alt=f"Power by number of subjects: {spoken}.",
        )
