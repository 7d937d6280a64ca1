"""What people read: names of runs, cells, contrasts, groups and databases, and numbers.

Files keep the names that scripts join on (`asian_to_non_asian`, `casme2`) and numbers at full
precision; terminal, pages, LaTeX and prose show what stands here. Numbers follow the habit of
psychology's journals (APA 7): a quantity that cannot exceed 1 in size has no zero before its
point, and a minus is a minus sign, not a hyphen.
"""

from __future__ import annotations

import math
import re

from ethnicmer_jax.base import contrast_roles, run_id
from ethnicmer_jax.base.run_id import RunId

MISSING = "–"
"""Stands where there is no number."""

DATABASES = {
    "casme": "CASME",
    "casme2": "CASME II",
    "casme_squared": "CAS(ME)²",
    "casme3": "CAS(ME)³ part A",
    "casme3c": "CAS(ME)³ part C",
    "samm": "SAMM",
    "smic": "SMIC-HS",
    "smic_vis": "SMIC-VIS",
    "smic_nir": "SMIC-NIR",
    "4dme": "4DME",
    "mmew": "MMEW",
    "dfme": "DFME",
}
"""Database -> the name that its authors gave it; others are shown as `group` shows groups."""

_DRAWN = {f"sim{name}": f"simulated {shown}" for name, shown in DATABASES.items()}
"""Drawn databases, called after those that they are drawn after."""

_CELLS = {
    "loso": "LOSO",
    "lodo": "leave one database out",
    "kfold": "K folds",
    "hold_out": "hold-out",
    "held_out": "held out",
    run_id.STEREO: "stereo",
}

_CONTRASTS = {
    contrast_roles.MAIN: "ethnic groups",
    contrast_roles.DATABASE: "databases as groups",
    contrast_roles.FLIPPED: "labels with errors",
    contrast_roles.PLACEBO: "placebo groups",
    contrast_roles.REFERENCE: "the reference's draw",
    run_id.POOLED: "pooled LOSO",
    run_id.INNER: "inner validation",
    "": "other runs",
}

_GROUPINGS = {
    "reference": "Indian and Others counted as Asian",
    "strict": "Asian against all others",
    "white_black_vs_asian": "Asian against White and Black",
}

_ALONE = ("all", "excluded", "mixed")
"""Words, not names, in the place of a group."""


def group(name: str) -> str:
    """An ethnic group: `non_asian` is "Non-Asian", `east_asian` "East Asian"."""
    if name in _ALONE:
        return name
    head, _, rest = name.partition("_")
    if head == "non" and rest:
        return f"Non-{group(rest)}"
    return " ".join(_capital(word) for word in name.split("_") if word) or name


def database(name: str) -> str:
    """A database: `casme2` is "CASME II"."""
    return DATABASES.get(name) or _DRAWN.get(name) or group(name)


def side(name: str) -> str:
    """A side of a cell: a group, a database, or "stereo"."""
    return _CELLS.get(name) or database(name)


def cell(name: str) -> str:
    """What is trained and tested: `asian_to_non_asian` is "Asian → Non-Asian".

    `mono_asian` is "mono Asian", `single_samm` "SAMM alone"; "stereo" stays.
    """
    if alone := run_id.mono_side(name):
        return f"mono {side(alone)}"
    if pair := run_id.databases_of(name):
        trained, tested = map(side, pair)
        return f"{trained} alone" if pair[0] == pair[1] else f"{trained} → {tested}"
    return _CELLS.get(name, name.replace("_", " "))


def contrast(name: str) -> str:
    """A contrast or job of a study: `within_samm` is "within SAMM"."""
    if name in _CONTRASTS:
        return _CONTRASTS[name]
    if contrast_roles.is_regrouped(name):
        return _regrouped(name)
    if contrast_roles.role(name) is contrast_roles.Role.WITHIN:
        return f"within {database(contrast_roles.database_within(name))}"
    told, _, labels = name.rpartition("_")
    if told and labels in run_id.WRONG_LABELS:
        return f"{told.replace('_', ' ')}, {labels} labels"
    return name.replace("_", " ")


def run(name: str) -> str:
    """A run or an arm: `ethnicity.mono_asian-draw3-seed0` is "ethnic groups: mono Asian, draw 3,
    seed 0", `loso-seed0` "LOSO, seed 0".
    """
    parsed = RunId.parse(name)
    shown = cell(parsed.cell)
    if parsed.part:
        shown = f"{contrast(parsed.part)}: {shown}"
    numbers = {"draw": parsed.draw, "seed": parsed.seed}
    return ", ".join([shown, *(f"{key} {n}" for key, n in numbers.items() if n is not None)])


def human(text: str) -> str:
    """A name of which the kind is not known: a database, a group, or else a run or a cell.

    Where the kind is known, `group`, `database`, `cell`, `contrast` and `run` say it.
    """
    if text in DATABASES:
        return DATABASES[text]
    if re.fullmatch(r"(non_)?(asian|white|black|indian)", text):
        return group(text)
    return run(text) if text else text


def score(value: float | None, digits: int = 3) -> str:
    """A score, share, correlation or probability: `.752`, `−.012`, `1.000`; a dash for none."""
    return _shown(value, f"z.{digits}f", zero=False)


def signed(value: float | None, digits: int = 3) -> str:
    """A difference of scores: `+.050`, `−.012`."""
    return _shown(value, f"+z.{digits}f", zero=False)


def decimal(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """A quantity that may exceed 1, such as an odds ratio or Cohen's h: `0.85`."""
    return _shown(value, f"{'+' if sign else ''}z.{digits}f", zero=True)


def percent(value: float | None, digits: int = 0) -> str:
    """A share as per cent: `76%`."""
    return _shown(value, f"z.{digits}%", zero=True)


def compact(value: float | None) -> str:
    """A setting within [0, 1], with as many digits as it needs: `.25`, `.5`, `1`."""
    return _shown(value, "g", zero=False)


def count(value: float | None) -> str:
    """A whole number: `22,482`."""
    return _shown(value, ",.0f", zero=True)


def interval(low: float | None, high: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """The bounds of a score, or with signs those of a difference: `[.669, .818]`."""
    show = signed if sign else score
    return f"[{show(low, digits)}, {show(high, digits)}]"


def estimate(
    value: float | None,
    low: float | None,
    high: float | None,
    digits: int = 3,
    *,
    sign: bool = False,
) -> str:
    """A score with its interval: `.752 [.669, .818]`; alone where there is none."""
    shown = (signed if sign else score)(value, digits)
    if _missing(low) or _missing(high):
        return shown
    return f"{shown} {interval(low, high, digits, sign=sign)}"


def minus(text: str) -> str:
    """The same text with a minus sign, not a hyphen, before every negative number."""
    return _NEGATIVE.sub("−", text)


_NEGATIVE = re.compile(r"(?<![\w.\-])-(?=\.?\d)")


def _shown(value: float | None, form: str, *, zero: bool) -> str:
    if _missing(value):
        return MISSING
    text = format(value, form).replace("-", "−")
    return text if zero else re.sub(r"(?<!\d)0(?=\.)", "", text)


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _capital(word: str) -> str:
    # "EU" and "vonDavier" are as somebody wants them.
    return word.capitalize() if word.isalpha() and word.islower() else word


def _regrouped(name: str) -> str:
    """`strict_grouping`, and `within_samm_strict_grouping` inside a database."""
    for key, shown in _GROUPINGS.items():
        inside, whole, _ = name.partition(contrast_roles.regrouped(key))
        if whole and not inside:
            return shown
        if whole:
            within = contrast_roles.database_within(inside.removesuffix("_"))
            return f"within {database(within)}, {shown}"
    return name.replace("_", " ")
