"""A run's identity and its one text form, and the names that may enter it.

The text is what predictions.csv, folds and checkpoint folders call a run:

    <cell>-seed<s>                      loso-seed0
    <cell>-draw<k>-seed<s>              mono_asian-draw0-seed0
    <contrast>.<cell>-draw<k>-seed<s>   ethnicity.mono_asian-draw0-seed0, of a study
    <job>.<cell>-seed<s>                pooled.loso-seed0, of a study; inner.samm-006-seed0;
                                        final.everybody-seed0

An average over seeds has no seed. Nothing else takes such a text apart.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ethnicmer_jax.base import contrast_roles
from ethnicmer_jax.base.schema import UserError

INNER = "inner"
"""The job of runs that validate settings on training subjects; they are no results."""

FINAL = "final"
"""The job of runs that train on everybody and test nobody: models to be used elsewhere."""

EVERYBODY = "everybody"
"""The cell of such runs, and the name of their one fold."""

ALL = "all"
"""The protocol of such runs alone, which holds out nobody."""

POOLED = "pooled"
"""The job of a study that trains on everybody's clips, by LOSO, without ethnicity."""

STEREO = "stereo"
"""The cell that mixes both sides of a contrast."""

WRONG_LABELS = ("shuffled", "constant", "swapped")
"""How jobs of models that are told the ethnicity are told a wrong one."""

_MONO = "mono_"
_SINGLE = "single_"
_TO = "_to_"

_NUMBER = "(?:0|[1-9][0-9]*)"
_SEED = f"(?:-seed(?P<seed>{_NUMBER}))?"
_DRAWN = re.compile(rf"(?:(?P<contrast>.+)\.)?(?P<cell>[^.]+)-draw(?P<draw>{_NUMBER}){_SEED}", re.S)
_WHOLE = re.compile(rf"(?:(?P<job>[^.]+)\.)?(?P<cell>.+?){_SEED}", re.S)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunId:
    """What distinguishes a run from all others; `str` gives its text.

    What two texts could not tell apart cannot be built: a run of a contrast has a draw, a
    run of a job has none, and only the contrast of a draw or the cell of a job may hold dots.

    Attributes:
      job: the job of a study, `INNER`, `FINAL`, or "".
      contrast: the contrast of a study, or "".
      cell: what is trained and tested, such as "loso", "mono_asian" or "asian_to_non_asian".
      draw: number of the draw of subjects, from 0; None where nothing is drawn.
      seed: of the random streams, from 0; None for an average over seeds.

    Raises:
      ValueError: the text of these fields reads as another run.
    """

    job: str = ""
    contrast: str = ""
    cell: str
    draw: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if _fields(str(self)) != dataclasses.asdict(self):
            raise ValueError(f"{dataclasses.asdict(self)} cannot be told from {str(self)!r}")

    @classmethod
    def parse(cls, text: str) -> RunId:
        """The run of a text; `str` of it is the same text.

        Raises:
          ValueError: the text is empty.
        """
        return cls(**_fields(text))

    def __str__(self) -> str:
        draw = "" if self.draw is None else f"-draw{self.draw}"
        seed = "" if self.seed is None else f"-seed{self.seed}"
        return f"{self.arm}{draw}{seed}"

    @property
    def part(self) -> str:
        """The contrast or the job; "" where it belongs to none."""
        return self.contrast or self.job

    @property
    def arm(self) -> str:
        """The text without draw and seed: what scores are averaged over."""
        return ".".join(filter(None, (self.job, self.contrast, self.cell)))


def _fields(text: str) -> dict[str, Any]:
    match = _DRAWN.fullmatch(text) or _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError("the name of a run is empty")
    found = match.groupdict()
    numbers = {name: int(found[name]) if found.get(name) else None for name in ("draw", "seed")}
    return {name: found.get(name) or "" for name in ("job", "contrast", "cell")} | numbers


def mono(side: str) -> str:
    """The cell of one side of a contrast, trained and tested by itself."""
    return f"{_MONO}{side}"


def crossed(trained: str, tested: str) -> str:
    """The cell of models trained on one side (or `STEREO`) and tested on another."""
    return f"{trained}{_TO}{tested}"


def single(database: str) -> str:
    """The cell of one database that is trained and tested by itself."""
    return f"{_SINGLE}{database}"


def databases_of(cell: str) -> tuple[str, str] | None:
    """Trained on and tested on, of a cell that `single` or `crossed` named; None for others."""
    if cell.startswith(_SINGLE):
        return cell.removeprefix(_SINGLE), cell.removeprefix(_SINGLE)
    trained, to, tested = cell.partition(_TO)
    return (trained, tested) if to else None


def mono_side(cell: str) -> str | None:
    """The side of a cell that `mono` named; None for other cells."""
    return cell.removeprefix(_MONO) if cell.startswith(_MONO) else None


def is_arm(cell: str) -> bool:
    """Whether a cell tests the very subjects that it trains on, one left out at a time."""
    return cell == STEREO or mono_side(cell) is not None


def wrongly_told(job: str, labels: str) -> str:
    """The job that is a job's control, with one of `WRONG_LABELS`."""
    return f"{job}_{labels}"


_LONGEST = 60
"""Bytes of a name; two of them and a few words fit into the name of a folder."""

_TAKEN: Mapping[str, Callable[[str], object]] = {
    "database": lambda name: contrast_roles.is_regrouped(name.lower()),
    "database of a cell": re.compile(rf"{_SINGLE}.*|.*({_TO}|\.).*").fullmatch,
    "group": re.compile(rf"{STEREO}|excluded|all|.*({_TO}|\.).*").fullmatch,
}
"""Whether a name has a meaning of its own among contrasts and cells."""


Kind = Literal["database", "database of a cell", "subject", "group", "fold"]


def check_name(kind: Kind, name: str) -> None:
    """Refuses what `name_fault` finds fault with.

    Raises:
      UserError: in one line.
    """
    if fault := name_fault(kind, name):
        raise UserError(f"{kind} {name!r} {fault}; give it a plain name of letters, digits and _")


def name_fault(kind: Kind, name: str) -> str:
    """Why a name may not enter runs, folds and the folders named after them; "" if it may."""
    if not name or name.strip() != name or not name.isprintable():
        return "is blank, or has blanks or other characters that cannot be seen"
    if "/" in name or name in (".", ".."):
        return "must not be . or .. or contain /"
    if len(name.encode()) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    if re.search(rf"-(draw|seed){_NUMBER}\Z", name):
        return "ends like the name of a run"
    if kind in _TAKEN and _TAKEN[kind](name):
        return "has a meaning of its own in the names of runs"
    return ""
