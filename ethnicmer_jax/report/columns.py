"""The columns that tables share: one label and one number format for each quantity."""

from __future__ import annotations

from collections.abc import Iterable

from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.base import labels
from ethnicmer_jax.report.tables import Column, Interval, Named, PValue, Sentence


def text(label: str, key: str) -> Column:
    """Words, aligned to the left."""
    return Column(label, f"{{{key}}}", numeric=False)


def sentence(label: str, key: str) -> Column:
    """Words with numbers among them."""
    return Sentence(label, f"{{{key}}}")


def run(label: str, key: str) -> Column:
    """A run or an arm of one."""
    return Named(label, f"{{{key}}}", show=labels.run)


def cell(label: str, key: str) -> Column:
    """A cell of a contrast."""
    return Named(label, f"{{{key}}}", show=labels.cell)


def group(label: str, key: str) -> Column:
    """An ethnic group."""
    return Named(label, f"{{{key}}}", show=labels.group)


def database(label: str, key: str) -> Column:
    """A database."""
    return Named(label, f"{{{key}}}", show=labels.database)


def count(label: str, key: str) -> Column:
    """A whole number, such as of clips or subjects."""
    return Column(label, f"{{{key}:count}}")


def number(label: str, key: str) -> Column:
    """A score, a share or a spread of them."""
    return Column(label, f"{{{key}:score}}")


def tenths(label: str, key: str) -> Column:
    """A quantity known to a tenth, such as a mean of counts, or minutes."""
    return Column(label, f"{{{key}:,.1f}}")


def estimate(label: str = "UF1 [95% interval]") -> Column:
    """An estimate with its interval: the frame's columns estimate, low and high."""
    return _interval(label, "estimate", "", "score")


def difference(
    label: str = "UF1 [95% interval]", *, key: str = "estimate", prefix: str = ""
) -> Column:
    """A difference with its interval, with signs.

    Args:
      label: header.
      key: the frame's column of the difference.
      prefix: stands before low and high in the frame's columns of the bounds.
    """
    return _interval(label, key, prefix, "signed")


def interval(label: str = "95% interval") -> Column:
    """The bounds alone: the frame's columns low and high."""
    return Column(label, "[{low:score}, {high:score}]")


def score(name: str) -> Column:
    """A score with its interval: the frame's columns <name>, <name>_low and <name>_high."""
    return _interval(LABELS[name], name, f"{name}_", "score")


def bounded(label: str, key: str) -> Column:
    """A score with its interval: the frame's columns <key>, <key>_low and <key>_high."""
    return _interval(label, key, f"{key}_", "score")


def scores() -> Iterable[Column]:
    """Every score with its interval."""
    return map(score, LABELS)


def bare_scores() -> Iterable[Column]:
    """Every score without an interval."""
    return (number(label, name) for name, label in LABELS.items())


def per_run() -> tuple[Column, ...]:
    """Folds, clips and scores of each run."""
    return (
        run("Run", "run"),
        count("Folds", "folds"),
        count("Clips", "clips"),
        *bare_scores(),
    )


def per_class() -> tuple[Column, ...]:
    """Class, clips and rates of `results.class_scores`."""
    return (
        text("Class", "emotion"),
        count("Clips", "clips"),
        number("F1", "f1"),
        number("Recall", "recall"),
        number("False-positive rate", "false_positive_rate"),
    )


def rejections(series: str) -> tuple[Column, ...]:
    """Rejections on simulated databases of `calibration.with_wilson`; `series` is a header."""
    return (
        text(series, "series"),
        Column("True effect", "{effect:compact}"),
        count("Databases", "databases"),
        count("Rejections", "rejections"),
        _interval("Rate [95% interval]", "rate", "", "percent1"),
    )


def p_value(label: str = "p", key: str = "p") -> Column:
    """A p value."""
    return PValue(label, f"{{{key}}}")


def p_holm(label: str = "p (Holm)", key: str = "p_holm") -> Column:
    """A p value after Holm's correction."""
    return PValue(label, f"{{{key}}}")


def _interval(label: str, key: str, prefix: str, form: str) -> Column:
    low, high = f"{prefix}low", f"{prefix}high"
    estimate = f"{{{key}:{form}}}"
    template = f"{estimate} [{{{low}:{form}}}, {{{high}:{form}}}]"
    return Interval(label, template, bounds=(low, high), unbounded=f"{estimate} (no bounds)")
