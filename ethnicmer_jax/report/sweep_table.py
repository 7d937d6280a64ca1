"""The summary of a sweep: one row a point, as CSV, Markdown and a self-contained page."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax import confusion, metrics, workdir
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.report import document, figures, page, provenance
from ethnicmer_jax.report.document import Block, Document, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.tables import Column, Table
from ethnicmer_jax.stats import bootstrap
from ethnicmer_jax.sweep.results import Result

_RESAMPLES = 2000
_METHODS = (
    "Every point is a job of its own, with its own report in points/. Every prediction is of a "
    "clip whose subject took no part in training the model that made it, and scores are computed "
    "from all test predictions of a run at once. Intervals come from resampling whole subjects; "
    "they do not cover what other training subjects would have changed, and are not widened for "
    "the number of points."
)
_LABELS = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}


def write(name: str, results: Sequence[Result], directory: pathlib.Path) -> pathlib.Path:
    """Writes summary.csv, summary.md and summary.html.

    Args:
      name: of the sweep.
      results: all points, finished or not; the first is what others are compared with.
      directory: of the sweep.

    Returns:
      The path of summary.html.
    """
    values = frame(results)
    shown = _table(values)
    sentences = conclusions(values, simulated=_simulated(results))
    heading = f"# Sweep: {name}\n\n" + "".join(f"- {text}\n" for text in sentences)
    workdir.write_text(directory / "summary.csv", values.to_csv(index=False))
    workdir.write_text(
        directory / "summary.md", f"{heading}\n{shown.markdown()}\n{shown.caption}\n"
    )
    built = _document(name, values, shown, sentences)
    workdir.write_text(directory / "summary.html", document.render(built))
    return directory / "summary.html"


def frame(results: Sequence[Result]) -> pd.DataFrame:
    """One row a point, at full precision; NaN where a point is not finished.

    Returns:
      Columns point, status (finished | failed | not finished), every swept field, runs,
      clips, subjects, for each score its mean, _sd over runs and the bounds _low and _high
      of its interval over subjects, seconds, difference (of UF1 from the first point) with
      _low and _high, and error.
    """
    reference = results[0].predictions.outer() if results and results[0].predictions else None
    rows = []
    for number, result in enumerate(results):
        row = {"point": result.name, "status": _status(result)}
        row |= {field: _plain(value) for field, value in result.overrides.items()}
        if result.predictions is not None:
            row |= _scores(result)
            if reference is not None and number:
                row |= _difference(result, reference)
        rows.append(row | {"seconds": result.seconds, "error": result.error or ""})
    fields = list(dict.fromkeys(field for result in results for field in result.overrides))
    order = ["point", "status", *fields, *_MEASURED, "seconds", *_DIFFERENCE, "error"]
    made = pd.DataFrame(rows).reindex(columns=order)
    # Whole numbers stay whole beside missing ones.
    counted = [*fields, *_COUNTS]
    return made.assign(**made[counted].convert_dtypes())


_COUNTS = ("runs", "clips", "subjects")
_MEASURED = (
    *_COUNTS,
    *(f"{score}{end}" for score in confusion.SCORES for end in ("", "_sd", "_low", "_high")),
)
_DIFFERENCE = ("difference", "difference_low", "difference_high")


def conclusions(values: pd.DataFrame, *, simulated: bool) -> list[str]:
    """What can be said about a sweep, from its `frame`."""
    finished = values[values.status == "finished"]
    sentences = [page.SIMULATED] if simulated else []
    sentences.append(f"{len(finished)} of {len(values)} points are finished.")
    for status in ("failed", "not finished"):
        count = int((values.status == status).sum())
        if count:
            sentences.append(f"{count} {status}: the same command goes on with what is missing.")
    if values.status[0] != "finished":
        sentences.append(f"Differences are from {values.point[0]} and have to wait for it.")
    if finished.uf1.notna().any():
        best = finished.loc[finished.uf1.idxmax()]
        sentences.append(
            f"The highest UF1 is {best.uf1:.3f} [{best.uf1_low:.3f}, {best.uf1_high:.3f}], of "
            f"{best.point}. The highest of {len(finished)} is optimistic as an estimate of what "
            "that point can do; where one is to be chosen, choose on training subjects "
            "(protocol nested)."
        )
    compared = values.difference.notna()
    if compared.any():
        apart = (values.difference_low > 0) | (values.difference_high < 0)
        sentences.append(
            f"Differences of UF1 from {values.point[0]} whose interval excludes 0, each taken by "
            f"itself: {apart.sum()} of {compared.sum()}."
        )
    return sentences


def _status(result: Result) -> str:
    if result.predictions is not None:
        return "finished"
    return "failed" if result.error else "not finished"


def _scores(result: Result) -> dict[str, float]:
    results = result.predictions.outer()
    row = {
        "runs": len(results.runs),
        "clips": len(set(results.key)),
        "subjects": len(set(results.person)),
    }
    for score, values in metrics.summary(results, n_resamples=_RESAMPLES).items():
        low, high = values["subject_interval"]
        row |= {score: values["mean"], f"{score}_sd": values["std"]}
        row |= {f"{score}_low": low, f"{score}_high": high}
    return row


def _difference(result: Result, reference: Predictions) -> dict[str, float]:
    own = result.predictions.outer()
    if own.classes != reference.classes:
        return {}
    interval = bootstrap.difference(own, reference, "uf1", n_resamples=_RESAMPLES)
    return dict(zip(_DIFFERENCE, (interval.estimate, interval.low, interval.high), strict=True))


def _plain(value: object) -> object:
    """Something that a cell of a CSV file can hold."""
    return value if isinstance(value, str | int | float | bool) else str(value)


def _simulated(results: Sequence[Result]) -> bool:
    return any(r.config.get("data", {}).get("source") == "simulated" for r in results)


def _table(values: pd.DataFrame) -> Table:
    uf1, *others = (_score_columns(values, score, label) for score, label in _LABELS.items())
    difference = Column(
        "UF1 − first", "{difference:+.3f} [{difference_low:+.3f}, {difference_high:+.3f}]"
    )
    columns = [Column("Point", "{label}", False), *uf1, difference, *others[0], *others[1]]
    columns += [Column("Runs", "{runs:,.0f}"), Column("Clips", "{clips:,.0f}")]
    columns += [Column("Minutes", "{minutes:.1f}")]
    if (values.status != "finished").any():
        columns.insert(1, Column("Status", "{status}", False))
    return Table(
        "summary",
        "Pooled scores, mean over runs, with 95% intervals from resampling subjects; SD: spread "
        "over runs (seeds, draws). UF1 − first: difference from the first point, the same "
        "subjects resampled on both sides. Clips that several runs test count once. Minutes: "
        "wall time of the processes that worked at a point, its report included.",
        values.assign(minutes=values.seconds / 60, label=_labels(values)),
        columns,
    )


def _score_columns(values: pd.DataFrame, score: str, label: str) -> list[Column]:
    """The score with its interval, and its spread where any point has more than one run."""
    columns = [Column(label, f"{{{score}:.3f}} [{{{score}_low:.3f}}, {{{score}_high:.3f}}]")]
    if values[f"{score}_sd"].notna().any():
        columns.append(Column("SD", f"{{{score}_sd:.3f}}"))
    return columns


def _labels(values: pd.DataFrame) -> list[str]:
    """The names of the points, such that a line can be broken between two settings."""
    return [name.replace(",", ", ") for name in values.point]


def _document(name: str, values: pd.DataFrame, table: Table, sentences: Sequence[str]) -> Document:
    failures = [f"{row.point}: {row.error}" for row in values.itertuples() if row.error]
    points: list[Block] = [table, *_forests(values)]
    if failures:
        points.append(Listing("\n".join(failures)))
    return Document(
        title=f"Sweep: {name}",
        question="How much does each of these settings matter?",
        conclusion=sentences,
        sections=[
            Section("points", "Points", points),
            Section("methods", "Methods", [Prose([_METHODS])]),
            provenance.responsible_use(),
        ],
    )


def _forests(values: pd.DataFrame) -> list[Gallery]:
    """UF1 of the finished points, and their differences from the first."""
    scored = values[values.uf1.notna()]
    compared = values[values.difference.notna()]
    drawn = []
    if len(scored):
        drawn.append(
            figures.forest(
                _lines(scored, "uf1"),
                name="uf1_forest",
                caption="UF1 of the finished points with 95% intervals from resampling subjects.",
                xlabel="UF1",
            )
        )
    if len(compared):
        drawn.append(
            figures.forest(
                _lines(compared, "difference"),
                name="differences_forest",
                caption=f"Difference of UF1 from {values.point[0]} with 95% intervals from "
                "resampling subjects, each taken by itself.",
                xlabel="difference of UF1",
                references={"no difference": 0.0},
                signed=True,
            )
        )
    return [Gallery(drawn)] if drawn else []


def _lines(values: pd.DataFrame, score: str) -> pd.DataFrame:
    bounds = values[[score, f"{score}_low", f"{score}_high"]].to_numpy(np.float64)
    lines = pd.DataFrame(bounds, columns=["estimate", "low", "high"])
    return lines.assign(label=_labels(values))
