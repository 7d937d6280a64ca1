"""The trained models of a work directory, asked about clips from Python."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ethnicmer_jax import inference
from ethnicmer_jax.api import arrays
from ethnicmer_jax.api.database import Database
from ethnicmer_jax.api.places import Path, place
from ethnicmer_jax.base import environment
from ethnicmer_jax.base.schema import EMOTIONS, FLOW_UNITS, UserError
from ethnicmer_jax.data import dataset
from ethnicmer_jax.data.dataset import Dataset

if TYPE_CHECKING:
    from ethnicmer_jax.predict.outcomes import Outcomes

Inputs: TypeAlias = "Path | np.ndarray | Database | Dataset | Sequence[Path | np.ndarray]"
"""What `Model.predict` takes, see there."""

_KEY = ["database", "subject", "clip"]

_WIDTH = 100.0
"""Percent of the face crop's width: no point of a face moves farther."""


class HeldOutWarning(UserWarning):
    """Clips show people of the database: models that these people did not teach predict them."""


class CaveatWarning(UserWarning):
    """What is to be known beside probabilities: drawn faces taught, frames are taken whole."""


class UnusableClipWarning(UserWarning):
    """A clip, or a whole input, of which nothing can be predicted."""


@dataclasses.dataclass(frozen=True)
class Maps:
    """Where the evidence of models lies in clips.

    Attributes:
      table: one row per clip: database, subject, clip, predicted (the class that is explained),
        mass_<region> (the share of the map on that region of the face; not there where clips
        were cropped by somebody else).
      maps: float [n, 28, 28], of each row of `table`, the mean over the models; each sums to 1
        over the face crop.
    """

    table: pd.DataFrame
    maps: np.ndarray


class Model:
    """All models of a finished work directory, as `em.load` opens them.

    No test clip teaches: clips of a person of the database are predicted by the models of the
    folds that held this person out; everybody else by the final models (see docs/protocols.md)
    or, where there are none, by the models of all held-out folds. The column `predicted_by` says
    which it were, and a `HeldOutWarning` says it once.

    Attributes:
      workdir: the work directory.
    """

    def __init__(self, workdir: Path):
        self.workdir = place("workdir", workdir)
        self._trained = inference.open(self.workdir)
        self._warned = False
        self._caveats: set[str] = set()

    def __repr__(self) -> str:
        finals = sum(member.final for member in self._trained.members)
        held_out = len(self._trained.members) - finals
        return (
            f"Model({str(self.workdir)!r}: {', '.join(self.classes)}; {finals} final and "
            f"{held_out} held-out models; expected {self.expected})"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the models tell apart, in the order of the p_ columns."""
        return self._trained.classes

    @property
    def expected(self) -> inference.Expected:
        """The held-out score of the same recipe: what may be expected on people never seen.

        `uf1` and `uar` have mean, low and high (95% interval over subjects); `str` tells all.
        """
        return self._trained.expected

    def predict(
        self,
        inputs: Inputs,
        *,
        onset: str | Sequence[str] = (),
        apex: str | Sequence[str] = (),
        offset: str | Sequence[str] = (),
        ethnicity: str = "",
        person: str = "",
        detector: str = "",
        allow_outside: bool = False,
        unit: str = "percent_of_width",
        every_model: bool = False,
    ) -> pd.DataFrame:
        """The probability of each class under these models, of every clip.

        A probability of a class says nothing of what a person feels.

        Args:
          inputs: the path of a video, a folder of frames, a manifest or a built database, or
            several paths; uint8 [frames, H, W, 3], the RGB frames of one clip, or several;
            float [n, S, S, 3], the flow of n clips (u, v, optical strain from onset to apex; S
            as in training, 28 by default); an `em.Database` or a selection of one.
          onset: of videos, folders and frames: a frame number, file name or time ("0.35s"), one
            for all inputs or one for each; by default the first frame.
          apex: the same; by default it is found.
          offset: the same; by default the last frame.
          ethnicity: what models that are told one are told of all clips; by default what the
            input says, and else Unknown.
          person: "database/subject" that videos, folders and frames show, if it taught.
          detector: "retinaface" or "none" (frames that come cropped to the face); by default as
            the models' database was built.
          allow_outside: whether paths in a manifest may lead out of its folder.
          unit: of flow in arrays: "percent_of_width" (u to the right and v down, in percent of
            the face crop's width; strain without a unit) or "normalised" (each channel in
            [0, 1], as 8-bit flow images are).
          every_model: one row per clip and model in place of the mean.

        Returns:
          One row per clip: input, database, subject, clip, predicted (the class of the highest
          mean), networks (how many models), agreeing (how many have this class as their most
          probable one), p_<class> (mean over models), sd_, min_ and max_<class>, onset, apex,
          offset (-1 unknown), apex_source, apex_confidence, ethnicity, coded_emotion,
          predicted_by, notes. With `every_model`: input, database, subject, clip, run, fold,
          seed, final, ethnicity, p_<class> and, of an ethnic head, q_<ethnicity>. `attrs` has
          "expected", "failures" and "notes". What holds for all clips is in `notes` of each,
          too, and is a `CaveatWarning` once.

        Raises:
          UserError: no clip can be predicted; a clip that cannot, beside others that can, is an
            `UnusableClipWarning`.

        Example:
          >>> model = em.load("runs/baseline")  # doctest: +SKIP
          >>> model.predict(["a.mp4", "b.mp4"], onset=["12", "0.5s"])  # doctest: +SKIP
        """
        coded = {"onset": onset, "apex": apex, "offset": offset}
        made = self._outcomes(inputs, coded, ethnicity, person, detector, unit, allow_outside)
        table = made.each if every_model else made.table
        if not every_model:
            of_all = [*made.caveats, *made.notes]
            table["notes"] = ["; ".join([*filter(None, [own]), *of_all]) for own in table["notes"]]
        table.attrs = {
            "expected": str(self.expected),
            "failures": [str(failure) for failure in made.failures],
            "notes": [*made.caveats, *made.notes],
        }
        return table

    def features(
        self,
        inputs: Inputs,
        *,
        onset: str | Sequence[str] = (),
        apex: str | Sequence[str] = (),
        offset: str | Sequence[str] = (),
        ethnicity: str = "",
        person: str = "",
        detector: str = "",
        allow_outside: bool = False,
        unit: str = "percent_of_width",
    ) -> pd.DataFrame:
        """What the last layer of each model reads of every clip, not mirrored.

        Features of different models have no axes in common: compare clips within a model.

        Args:
          inputs: see `predict`.
          onset: see `predict`.
          apex: see `predict`.
          offset: see `predict`.
          ethnicity: see `predict`.
          person: see `predict`.
          detector: see `predict`.
          allow_outside: see `predict`.
          unit: see `predict`.

        Returns:
          One row per clip and model: run, fold, seed, final, database, subject, clip, f_0, f_1,
          ...

        Raises:
          UserError: see `predict`.
        """
        from ethnicmer_jax.predict import run

        coded = {"onset": onset, "apex": apex, "offset": offset}
        made = self._outcomes(inputs, coded, ethnicity, person, detector, unit, allow_outside)
        clips = run.dataset_of(self._trained.config, [clip.record for clip in made.seen])
        return self._trained.features(clips)

    def explain(
        self,
        inputs: Inputs,
        *,
        onset: str | Sequence[str] = (),
        apex: str | Sequence[str] = (),
        offset: str | Sequence[str] = (),
        ethnicity: str = "",
        person: str = "",
        detector: str = "",
        allow_outside: bool = False,
        unit: str = "percent_of_width",
    ) -> Maps:
        """Where the evidence for the predicted class lies: HiResCAM, mean over the models.

        What such maps show, and what they do not, is in docs/explain.md.

        Args:
          inputs: see `predict`.
          onset: see `predict`.
          apex: see `predict`.
          offset: see `predict`.
          ethnicity: see `predict`.
          person: see `predict`.
          detector: see `predict`.
          allow_outside: see `predict`.
          unit: see `predict`.

        Raises:
          UserError: the models are no networks, or see `predict`.
        """
        from ethnicmer_jax.explain import regions
        from ethnicmer_jax.jobs import check
        from ethnicmer_jax.predict import maps, run

        check.has_checkpoints(self._trained.config)
        coded = {"onset": onset, "apex": apex, "offset": offset}
        made = self._outcomes(inputs, coded, ethnicity, person, detector, unit, allow_outside)
        of_clip = maps.of(self._trained, made.seen, made)
        table = made.table[[*_KEY, "predicted"]].copy()
        heat = np.stack([of_clip[key] for key in table[_KEY].itertuples(index=False, name=None)])
        crop = run.build_options(self._trained.config).faces().geometry
        if crop is not None:
            shares = regions.masses(heat, crop)
            for number, region in enumerate(regions.REGIONS):
                table[f"mass_{region}"] = shares[:, number]
        return Maps(table, heat)

    def _outcomes(
        self,
        inputs: Any,
        coded: dict[str, Any],
        ethnicity: str,
        person: str,
        detector: str,
        unit: str,
        allow_outside: bool,
    ) -> Outcomes:
        from ethnicmer_jax.predict import run
        from ethnicmer_jax.predict.inputs import Contents, Listed
        from ethnicmer_jax.predict.request import Request

        held = _held(inputs, unit)
        if held is None:
            onset, apex, offset = (_texts(name, value) for name, value in coded.items())
            request = Request(
                _several(inputs),
                onset,
                apex,
                offset,
                ethnicity,
                person,
                detector,
                allow_outside,
            )
            made = run.run(self._trained, request)
        else:
            if person or detector or any(_texts(name, value) for name, value in coded.items()):
                raise UserError(
                    "onset, apex, offset, person and detector are of videos, folders and frames; "
                    "the clips of a database, and flow, have theirs"
                )
            records = dataset.records(held)
            if ethnicity:
                told = Request([""], ethnicity=ethnicity).ethnicity
                records = [
                    dataclasses.replace(
                        record, labels=dataclasses.replace(record.labels, ethnicity=told)
                    )
                    for record in records
                ]
            listed = tuple(Listed("memory", record=record) for record in records)
            made = run.of_contents(self._trained, Contents(listed, (), ()))
        return self._told(made)

    def _told(self, made: Outcomes) -> Outcomes:
        """The outcomes, after all that has to be said of them."""
        failures = [str(failure) for failure in made.failures]
        if not made.seen:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise UserError(f"no clip can be predicted: {failures[0]}{more}")
        for failure in failures:
            warnings.warn(failure, UnusableClipWarning, 4)
        for caveat in (*made.caveats, *made.notes):
            if caveat not in self._caveats:
                self._caveats.add(caveat)
                warnings.warn(caveat, CaveatWarning, 4)
        count = self._of_known_people(made)
        if count and not self._warned:
            self._warned = True
            warnings.warn(
                f"{count} of {len(made.seen)} clips are of people of the database: models that "
                "these people did not teach predict them, see the column predicted_by",
                HeldOutWarning,
                4,
            )
        return made

    def _of_known_people(self, made: Outcomes) -> int:
        """How many clips are predicted by other models than those of a stranger."""
        from ethnicmer_jax.predict import run

        strangers = self._trained.choose(None).members
        clips = run.dataset_of(self._trained.config, [clip.record for clip in made.seen])
        choices = self._trained.choices(clips)
        return sum(len(rows) for choice, rows in choices if choice.members != strangers)


def load(workdir: Path) -> Model:
    """Opens the trained models of a finished work directory.

    As in `em.run`, every core of a CPU becomes a device of JAX, unless JAX has started before.

    Args:
      workdir: of a job with checkpoints or final models, or of a study (its pooled job).

    Raises:
      UserError: there is no model, and how to get one.

    Example:
      >>> model = em.load("runs/baseline")  # doctest: +SKIP
      >>> model.predict("clip.mp4")  # doctest: +SKIP
    """
    # The same flags of the compiler as in training, for the same bits.
    environment.prefer_core_devices()
    return Model(workdir)


def _texts(name: str, value: Any) -> list[str]:
    """One coded frame or several, as texts."""
    several = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    for one in several:
        if isinstance(one, bool) or not isinstance(one, str | int | np.integer):
            raise UserError(
                f"{name}={one!r} is no frame: give a number, a file name or a time such as '0.35s'"
            )
    return [str(one) for one in several]


def _several(inputs: Any) -> list[Any]:
    """The inputs that have to be read."""
    one = str | os.PathLike | np.ndarray
    several = [inputs] if isinstance(inputs, one) else inputs
    if not isinstance(several, list | tuple) or not all(isinstance(each, one) for each in several):
        raise UserError(
            f"{type(inputs).__name__} cannot be predicted: give a path, frames or flow as an "
            "array, a list of these, or an em.Database"
        )
    return list(several)


def _held(inputs: Any, unit: str) -> Dataset | None:
    """The clips of a database or of flow in memory; None for what has to be read."""
    if isinstance(inputs, Database):
        inputs = inputs.dataset
    if isinstance(inputs, Dataset):
        if inputs.emotion_names != EMOTIONS:
            raise UserError("the clips have classes in place of emotions: give those of a database")
        return inputs
    is_list = isinstance(inputs, list | tuple) and len(inputs) > 0
    first = inputs[0] if is_list else inputs
    if not isinstance(first, np.ndarray) or not np.issubdtype(first.dtype, np.floating):
        return None
    if is_list and len({np.shape(one) for one in inputs}) > 1:
        raise UserError("the clips of a list of flow must have one size")
    flow = np.stack(inputs) if is_list else inputs
    if flow.dtype.itemsize < np.float32().itemsize:
        # Rounded to so few bits, a clip of the database is not known by its pixels any more.
        raise UserError(f"the flow is {flow.dtype}; give it as it was, as float32 or float64")
    if unit not in FLOW_UNITS:
        raise UserError(f"unit is {unit!r}; it must be one of {', '.join(FLOW_UNITS)}")
    if flow.ndim != 4 or flow.shape[3] != 3 or flow.shape[1] != flow.shape[2] or not len(flow):
        raise UserError(
            f"flow is float [n, S, S, 3] with n > 0, frames are uint8 [frames, H, W, 3]; this is "
            f"{flow.dtype} {list(flow.shape)}"
        )
    if not np.isfinite(flow).all() or np.abs(flow).max() > np.finfo(np.float32).max:
        raise UserError("the flow has values that are no finite numbers")
    lowest, highest = float(flow.min()), float(flow.max())
    if unit == "normalised" and not 0 <= lowest <= highest <= 1:
        raise UserError(f"normalised flow is in [0, 1], and this is in [{lowest:g}, {highest:g}]")
    if unit != "normalised" and max(-lowest, highest) > _WIDTH:
        raise UserError(
            f"flow of up to {max(-lowest, highest):g} percent of the width leaves the face: give "
            'percent, or unit="normalised" for the numbers of flow images over 255'
        )
    return arrays.clips(flow, unit)
