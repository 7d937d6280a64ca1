"""The own-group advantage inside each database that holds both groups, and pooled over them.

A database of one group cannot tell group from database and adds nothing here; each that holds
both adds a comparison in which the recording conditions are the same on both sides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.analysis import meta_analysis
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import HasInterval, interval_text
from ethnicmer_jax.analysis.effects import ALPHA, p_text
from ethnicmer_jax.analysis.meta_analysis import Pooled
from ethnicmer_jax.analysis.study import controls
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.contrast_roles import database_within

EACH, MEAN = "Within each database", "Mean over databases"


@dataclasses.dataclass(frozen=True)
class AcrossDatabases:
    """What the databases say together.

    Attributes:
      pooled: the random-effects mean; None where no database has an advantage with a
        standard error.
      rows: columns section (EACH, then MEAN), label, estimate, low and high; of single
        databases n_subjects, p and weight as well (NaN elsewhere).
      sentence: the finding.
    """

    pooled: Pooled | None
    rows: pd.DataFrame
    sentence: str

    @property
    def heterogeneity(self) -> pd.DataFrame:
        """One row: databases, estimate, low, high, the bounds elsewhere, tau, i2, q, df, p."""
        found = self.pooled
        if found is None:
            return pd.DataFrame()
        row = {
            "databases": len(found.weights),
            **{name: getattr(found, name) for name in ("estimate", "low", "high")},
            "elsewhere_low": found.elsewhere.low,
            "elsewhere_high": found.elsewhere.high,
            "tau": found.tau2**0.5,
            "i2": found.i2,
            "q": found.q,
            "df": len(found.weights) - 1,
            "p": found.q_p,
        }
        return pd.DataFrame([row])


def analyse(found: Mapping[str, Advantage]) -> AcrossDatabases:
    """Pools the advantages within databases.

    Args:
      found: contrast -> its own-group advantage; those inside one database count.
    """
    inside = {database_within(part): found[part] for part in controls.within(list(found))}
    pooled = meta_analysis.pooled(inside)
    rows = [_row(name, one, pooled) for name, one in inside.items()]
    if pooled is not None and len(pooled.weights) > 1:
        rows.append(_mean("these databases", pooled))
    # Of two laboratories it is so wide (t = 12.7) that nothing else in a plot could be read.
    if pooled is not None and len(pooled.weights) > 2:
        rows.append(_mean("laboratories like these", pooled.elsewhere))
    return AcrossDatabases(pooled, pd.DataFrame(rows), _sentence(pooled))


def _row(name: str, one: Advantage, pooled: Pooled | None) -> dict:
    return {
        "section": EACH,
        "label": labels.database(name),
        "n_subjects": one.n_persons,
        "estimate": one.estimate,
        "low": one.low,
        "high": one.high,
        "p": one.p_value,
        "weight": pooled.weights.get(name, 0.0) if pooled else 0.0,
    }


def _mean(label: str, found: HasInterval) -> dict:
    numbers = {name: getattr(found, name) for name in ("estimate", "low", "high")}
    return {"section": MEAN, "label": label, **numbers}


def _sentence(pooled: Pooled | None) -> str:
    if pooled is None:
        return (
            "No database gave an own-group advantage of its own, so ethnicity is not separable "
            "from database."
        )
    names = [labels.database(name) for name in pooled.databases]
    if len(names) == 1:
        return (
            f"{names[0]} is the only database with an own-group advantage of its own, "
            f"{interval_text(pooled)}: it stands for all, and says nothing about other "
            "laboratories."
        )
    return (
        f"Pooled over the {len(names)} databases that hold both groups ({', '.join(names)}), the "
        f"own-group advantage in UF1 is {interval_text(pooled)} in these databases, "
        f"{p_text(pooled.p_value)}, and {interval_text(pooled.elsewhere)} in laboratories like "
        f"these. {_heterogeneity(pooled)}"
    )


def _heterogeneity(pooled: Pooled) -> str:
    df = len(pooled.weights) - 1
    measured = (
        f"standard deviation between laboratories {labels.score(pooled.tau2**0.5)}, I² "
        f"{labels.percent(pooled.i2)}, Q({df}) = {labels.decimal(pooled.q)}, {p_text(pooled.q_p)}"
    )
    if pooled.q_p <= ALPHA:
        return f"The databases differ among themselves: {measured}."
    return f"The databases are not shown to differ among themselves: {measured}."
