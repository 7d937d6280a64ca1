"""Outcomes as files: predictions.csv, models.csv, predictions.json, and the page where asked."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any

import pandas as pd

from ethnicmer_jax.base import files, lock, writable
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.predict.outcomes import Outcomes
from ethnicmer_jax.report import prose

SUMMARY = "predictions.json"
CLIPS = "predictions.csv"
MODELS = "models.csv"


@contextlib.contextmanager
def folder(
    workdir: pathlib.Path, output: pathlib.Path | None, overwrite: bool
) -> Iterator[pathlib.Path]:
    """Where the files go: `output`, or the first free one of WORKDIR/predict/1, 2, ...

    Within it, no other process writes there.

    Raises:
      UserError: something is there that would be lost, nothing can be written there, or another
        process works there.
    """
    if output is not None:
        writable.check(output)
        with lock.held_output(output):
            _check(output, overwrite)
            yield output
        return
    writable.check(workdir / "predict" / "1")
    numbered = (workdir / "predict" / str(number) for number in itertools.count(1))
    with contextlib.ExitStack() as locks:
        yield next(place for place in numbered if not place.exists() and _is_ours(place, locks))


def _is_ours(place: pathlib.Path, locks: contextlib.ExitStack) -> bool:
    """Whether `locks` hold a place where there is nothing."""
    try:
        locks.enter_context(lock.held_output(place))
    except lock.InUseError:
        return False
    return not place.exists()  # whoever had it before may just have come to the end


def _check(output: pathlib.Path, overwrite: bool) -> None:
    if not output.exists() or not any(output.iterdir()):
        return
    if not (output / SUMMARY).is_file():
        raise UserError(f"{output} is there and holds no predictions; name another --output")
    if not overwrite:
        raise UserError(
            f"{output} holds predictions; name another --output, or add --overwrite to replace them"
        )


def write(outcomes: Outcomes, folder: pathlib.Path) -> None:
    """Writes the three files into a folder."""
    files.write_table(folder / CLIPS, clips(outcomes))
    files.write_table(folder / MODELS, outcomes.each)
    files.write_text(folder / SUMMARY, text(outcomes))


def clips(outcomes: Outcomes) -> pd.DataFrame:
    """`Outcomes.table`, and a row with `error` for everything that was not predicted."""
    failed = [
        {"input": failure.source, "clip": failure.clip, "error": str(failure)}
        for failure in outcomes.failures
    ]
    if not failed:
        return _noted(outcomes).assign(error="")
    whole = pd.DataFrame(failed)
    if outcomes.table.empty:
        return whole
    counts = dict.fromkeys(("networks", "agreeing", "onset", "apex", "offset"), "Int64")
    together = pd.concat([_noted(outcomes).astype(counts), whole], ignore_index=True)
    return together.assign(error=together["error"].fillna(""))


def _noted(outcomes: Outcomes) -> pd.DataFrame:
    """The table, whose notes have what limits every probability, too."""
    own = outcomes.table["notes"]
    notes = ["; ".join(filter(None, [note, *outcomes.caveats])) for note in own]
    return outcomes.table.assign(notes=notes)


def text(outcomes: Outcomes) -> str:
    """The content of predictions.json."""
    return json.dumps(values(outcomes), indent=2, allow_nan=False) + "\n"


def values(outcomes: Outcomes) -> dict[str, Any]:
    """The same as plain data; a number that is not known is None."""
    each = outcomes.each.groupby(["database", "subject", "clip"], sort=False)
    records = outcomes.table.to_dict("records")
    found = []
    for row, seen in zip(records, outcomes.seen, strict=True):
        models = each.get_group(tuple(row[name] for name in ("database", "subject", "clip")))
        clip = {name: row[name] for name in ("input", "database", "subject", "clip", "predicted")}
        clip["probabilities"] = {
            name: {
                "mean": row[f"p_{name}"],
                "sd": row[f"sd_{name}"],
                "min": row[f"min_{name}"],
                "max": row[f"max_{name}"],
            }
            for name in outcomes.classes
        }
        rest = ("networks", "agreeing", "onset", "apex", "offset", "apex_source")
        more = ("apex_confidence", "ethnicity", "coded_emotion", "predicted_by")
        clip |= {name: row[name] for name in (*rest, *more)}
        # In the table, -1 is a frame that nobody coded.
        clip |= {name: None for name in ("onset", "apex", "offset") if row[name] < 0}
        clip["notes"] = list(seen.notes)
        if seen.found is not None:
            clip["apex_curve"] = {
                "frames": list(seen.found.numbers),
                "motion": [float(value) for value in seen.found.curve],
            }
        columns = ["run", "fold", *(f"p_{name}" for name in outcomes.classes)]
        clip["models"] = models[columns].to_dict("records")
        found.append(clip)
    return _plain(
        {
            "classes": dict(outcomes.meaning),
            "expected": outcomes.expected,
            "networks": list(outcomes.networks),
            "simulated": outcomes.simulated,
            "responsible_use": prose.text("predict.use"),
            "notes": [*outcomes.caveats, *outcomes.notes],
            "clips": found,
            "failed": [
                {"input": failure.source, "clip": failure.clip, "reason": str(failure)}
                for failure in outcomes.failures
            ],
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
