"""Probabilities of clips under several networks, and what they come to over the networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.base.class_schemes import ClassScheme
from ethnicmer_jax.predict.inputs import OWN, SOMEBODY, Failure
from ethnicmer_jax.predict.pixels import Seen

KEY = ("database", "subject", "clip")

FOUND, CODED, NO_APEX = "found", "coded", ""
"""Where an apex comes from; "" for clips that come as flow without frame numbers."""


SIMULATED = "the networks have learnt from simulated (drawn) faces only"


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What networks say of clips, and of which clips they cannot say anything.

    Attributes:
      classes: the classes' names, in order.
      meaning: class -> the coded emotions that taught it.
      each: one row per clip and network: `input`, KEY, run, fold, seed, p_<class> and, of networks
        with an ethnic head, q_<ethnicity>.
      table: one row per clip, in the order of the inputs; see `table_of`.
      seen: the clips, in the same order.
      failures: clips and inputs of which nothing is predicted.
      networks: which networks predicted, one line for each choice of them.
      expected: the pooled held-out score of the same recipe, in words; "" where there is none.
      notes: what else is to be known, one line each.
      simulated: whether drawn faces alone have taught the networks.
      detector: the face detector of frames, one of `faces.DETECTORS`.
    """

    classes: tuple[str, ...]
    meaning: Mapping[str, str]
    each: pd.DataFrame
    table: pd.DataFrame
    seen: tuple[Seen, ...]
    failures: tuple[Failure, ...]
    networks: tuple[str, ...]
    expected: str
    notes: tuple[str, ...]
    simulated: bool = False
    detector: str = "retinaface"

    @property
    def caveats(self) -> tuple[str, ...]:
        """What limits every probability, one line each."""
        return (SIMULATED,) if self.simulated else ()

    @property
    def exit_code(self) -> int:
        """0 where every clip was predicted, 1 where some were, 2 where none was."""
        if not self.seen:
            return 2
        return 1 if self.failures else 0


def table_of(
    seen: Sequence[Seen], each: pd.DataFrame, classes: Sequence[str], networks: Mapping[str, str]
) -> pd.DataFrame:
    """One row per clip.

    Args:
      seen: the clips.
      each: one row per clip and network, with KEY and p_<class>.
      classes: their names.
      networks: key of a clip -> which networks predicted it, in words.

    Returns:
      Columns `input`, KEY, `predicted` (the class of the highest mean probability), `networks`
      (how many), `agreeing` (how many of them have this class as their most probable one),
      p_<class> (mean over networks), sd_<class> (standard deviation over networks, of n - 1; NaN
      for one network), min_<class>, max_<class>, `onset`, `apex`, `offset` (frame numbers, -1
      unknown), `apex_source`, `apex_confidence` (NaN where it was not found), `ethnicity` (what
      the networks were told), `coded_emotion` ("" where nobody coded it), `predicted_by`, `notes`.
    """
    columns = [f"p_{name}" for name in classes]
    of_clip = {key: rows[columns].to_numpy(float) for key, rows in each.groupby(list(KEY))}
    rows = []
    for clip in seen:
        labels = clip.record.labels
        p = of_clip[labels.identity]
        best = int(p.mean(axis=0).argmax())
        spread = p.std(axis=0, ddof=1) if len(p) > 1 else np.full(len(classes), np.nan)
        statistics = {"p": p.mean(axis=0), "sd": spread, "min": p.min(axis=0), "max": p.max(axis=0)}
        rows.append(
            {
                "input": clip.source,
                **dict(zip(KEY, labels.identity, strict=True)),
                "predicted": classes[best],
                "networks": len(p),
                "agreeing": int((p.argmax(axis=1) == best).sum()),
                **{
                    f"{statistic}_{name}": float(values[i])
                    for statistic, values in statistics.items()
                    for i, name in enumerate(classes)
                },
                "onset": labels.onset,
                "apex": labels.apex,
                "offset": labels.offset,
                "apex_source": source_of_apex(clip),
                "apex_confidence": _confidence(clip),
                "ethnicity": labels.ethnicity,
                "coded_emotion": labels.raw_emotion,
                "predicted_by": networks[labels.key],
                "notes": "; ".join(clip.notes),
            }
        )
    return pd.DataFrame(rows)


def shown(row: Mapping[str, object]) -> str:
    """What a clip is called on terminal and page: its code, with its person where it has one."""
    if (row["database"], row["subject"]) == (OWN, SOMEBODY):
        return str(row["clip"])
    return "/".join(str(row[name]) for name in KEY)


def _confidence(clip: Seen) -> float:
    if clip.found is not None:
        return clip.found.confidence
    return float(clip.record.labels.extra.get("apex_confidence") or "nan")


def source_of_apex(clip: Seen) -> str:
    """FOUND, CODED or NO_APEX."""
    labels = clip.record.labels
    if labels.extra.get("apex_source") == FOUND:
        return FOUND
    return CODED if labels.apex >= 0 else NO_APEX


def meaning(scheme: ClassScheme, classes: Sequence[str]) -> dict[str, str]:
    """Class -> the emotions that count as it, as coders of databases write them."""
    found = {}
    for name in classes:
        coded = [emotion for emotion, of in scheme.of.items() if of == name]
        found[name] = ", ".join(coded) or name
    return found
