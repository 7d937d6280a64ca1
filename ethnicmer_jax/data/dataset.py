"""A built database as NumPy arrays: what protocols and engine work on."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ethnicmer_jax.base import sums
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import (
    EMOTIONS,
    ETHNICITIES,
    FLOW_UNITS,
    GENDERS,
    ActionUnit,
    ClipLabels,
    ClipRecord,
    UserError,
)

IMAGES = ("onset_image", "apex_image")
"""Fields of `Dataset` that are the crops of frames."""

OF_ALL_CLIPS = ("emotion_names", "crop")
"""Fields of `Dataset` that are no column: they hold one value for all clips."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """n clips, sorted by (database, subject, clip).

    Attributes:
      flow: float32 [n, H, W, 3]; u, v, optical strain, in the clip's `flow_unit`.
      flow_unit: str [n], each one of FLOW_UNITS.
      onset_image: uint8 [n, S, S, 3] RGB, or None when any clip comes without frames.
      apex_image: as `onset_image`.
      emotion: int32 [n], index into `emotion_names`.
      raw_emotion: str [n], the emotion as written in the source.
      ethnicity: int32 [n], index into ETHNICITIES.
      database: str [n].
      subject: str [n], a code within the database.
      clip: str [n], a code within the subject.
      action_units: the coded AUs of each clip.
      ethnicity_source: str [n], who labelled the ethnicity.
      ethnicity_agreement: float32 [n] in [0, 1], NaN unknown.
      gender: str [n], each one of GENDERS.
      age_decade: int32 [n], -1 unknown.
      fps: float32 [n], NaN unknown.
      frames: int32 [n, 3], frame numbers of onset, apex, offset; -1 unknown.
      extra: further columns of each clip, as text.
      emotion_names: EMOTIONS, the coded emotions; the classes once a scheme is applied
        (`class_labels.classed`).
      crop: where the pupils lie in the crops; None where nobody knows, or it differs.
    """

    flow: np.ndarray
    flow_unit: np.ndarray
    onset_image: np.ndarray | None
    apex_image: np.ndarray | None
    emotion: np.ndarray
    raw_emotion: np.ndarray
    ethnicity: np.ndarray
    database: np.ndarray
    subject: np.ndarray
    clip: np.ndarray
    action_units: tuple[tuple[ActionUnit, ...], ...]
    ethnicity_source: np.ndarray
    ethnicity_agreement: np.ndarray
    gender: np.ndarray
    age_decade: np.ndarray
    fps: np.ndarray
    frames: np.ndarray
    extra: tuple[dict[str, str], ...]
    emotion_names: tuple[str, ...] = EMOTIONS
    crop: CropGeometry | None = None

    def __len__(self) -> int:
        return len(self.emotion)

    @functools.cached_property
    def key(self) -> np.ndarray:
        """Str [n], `database/subject/clip`: a clip's identity."""
        return _joined(self.database, self.subject, self.clip)

    @functools.cached_property
    def person(self) -> np.ndarray:
        """Str [n], `database/subject`: a person's identity."""
        return _joined(self.database, self.subject)

    def select(self, which: np.ndarray | Sequence[int] | Sequence[bool]) -> Dataset:
        """The clips of a boolean mask [n] or of a list of indices, in that order."""
        positions = np.arange(len(self))[np.asarray(which, dtype=None if len(which) else np.intp)]

        def taken(values: Any) -> Any:
            if isinstance(values, tuple):
                return tuple(values[position] for position in positions)
            return values[positions] if isinstance(values, np.ndarray) else values

        per_clip = [f.name for f in dataclasses.fields(self) if f.name not in OF_ALL_CLIPS]
        return dataclasses.replace(self, **{name: taken(getattr(self, name)) for name in per_clip})


def from_records(records: Sequence[ClipRecord]) -> Dataset:
    """Stacks records into arrays; the same result as building and loading them.

    Raises:
      ValueError: no records, a clip twice, or clips of different flow or image sizes.
    """
    if not records:
        raise ValueError("a data set needs at least one clip")
    records = sorted(records, key=lambda record: record.labels.identity)
    labels = [record.labels for record in records]
    for earlier, later in itertools.pairwise(labels):
        if earlier.key == later.key:
            raise ValueError(f"clip {later.key} occurs twice")

    def texts(name: str) -> np.ndarray:
        return np.array([getattr(clip, name) for clip in labels], dtype=np.str_)

    def numbers(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(clip, name) for clip in labels], dtype=dtype)

    def codes(name: str, names: Sequence[str]) -> np.ndarray:
        return np.array([names.index(getattr(clip, name)) for clip in labels], np.int32)

    return Dataset(
        flow=_stacked(records, "flow").astype(np.float32, copy=False),
        flow_unit=np.array([record.flow_unit for record in records], dtype=np.str_),
        onset_image=_images(records, "onset_image"),
        apex_image=_images(records, "apex_image"),
        emotion=codes("emotion", EMOTIONS),
        raw_emotion=texts("raw_emotion"),
        ethnicity=codes("ethnicity", ETHNICITIES),
        database=texts("database"),
        subject=texts("subject"),
        clip=texts("clip"),
        action_units=tuple(tuple(clip.action_units) for clip in labels),
        ethnicity_source=texts("ethnicity_source"),
        ethnicity_agreement=numbers("ethnicity_agreement", np.float32),
        gender=texts("gender"),
        age_decade=numbers("age_decade", np.int32),
        fps=numbers("fps", np.float32),
        frames=np.array([(clip.onset, clip.apex, clip.offset) for clip in labels], np.int32),
        extra=tuple(dict(clip.extra) for clip in labels),
    )


def concatenated(parts: Sequence[Dataset]) -> Dataset:
    """The clips of one part after those of the other, neither sorted nor checked for repeats.

    Raises:
      ValueError: the parts differ in their classes.
    """
    first = parts[0]
    if any(part.emotion_names != first.emotion_names for part in parts):
        raise ValueError("data sets of different classes cannot be joined")

    def joined(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if any(value is None for value in values):
            return None
        return sum(values, ()) if isinstance(values[0], tuple) else np.concatenate(values)

    per_clip = [f.name for f in dataclasses.fields(Dataset) if f.name not in OF_ALL_CLIPS]
    crop = first.crop if all(part.crop == first.crop for part in parts) else None
    columns = {name: joined(name) for name in per_clip}
    return Dataset(**columns, emotion_names=first.emotion_names, crop=crop)


def records(dataset: Dataset) -> list[ClipRecord]:
    """The clips one by one, in their order; `from_records` stacks them again.

    Args:
      dataset: clips whose emotions are the coded ones.
    """
    return [_record_at(dataset, index) for index in range(len(dataset))]


def _record_at(dataset: Dataset, index: int) -> ClipRecord:
    names = ("database", "subject", "clip", "raw_emotion", "ethnicity_source", "gender")
    onset, apex, offset = (int(number) for number in dataset.frames[index])
    labels = ClipLabels(
        **{name: str(getattr(dataset, name)[index]) for name in names},
        emotion=dataset.emotion_names[dataset.emotion[index]],
        action_units=dataset.action_units[index],
        ethnicity=ETHNICITIES[dataset.ethnicity[index]],
        ethnicity_agreement=float(dataset.ethnicity_agreement[index]),
        age_decade=int(dataset.age_decade[index]),
        fps=float(dataset.fps[index]),
        onset=onset,
        apex=apex,
        offset=offset,
        extra=dataset.extra[index],
    )
    held = {name: getattr(dataset, name) for name in IMAGES}
    images = {name: None if values is None else values[index] for name, values in held.items()}
    return ClipRecord(labels, dataset.flow[index], str(dataset.flow_unit[index]), **images)


def load(directory: str | os.PathLike[str], images: Collection[str] = IMAGES) -> Dataset:
    """Reads a built `ethnic_me` database.

    Args:
      directory: the TFDS directory of one version, as `data_builders.build` prints it.
      images: which of IMAGES are decoded and held; the others are None. Crops of 112 px take
        37 KB each, four times as much as the flow of a clip.

    Raises:
      UserError: there is no complete database in the directory, or a damaged one.
    """
    records, metadata = read_records(directory, images)
    return dataclasses.replace(from_records(records), crop=_crop(directory, metadata))


def _crop(directory: str | os.PathLike[str], metadata: Mapping[str, Any]) -> CropGeometry | None:
    """Where the pupils lie in its crops; None of a database without crops."""
    crop = metadata.get("crop")
    if not crop:
        return None
    try:
        return CropGeometry(float(crop["distance"]), float(crop["height"]))
    except (KeyError, TypeError, ValueError):
        raise sums.DamagedError(
            pathlib.Path(directory), "cannot be read (it does not say how faces are cropped)", _MEND
        ) from None


def read_records(
    directory: str | os.PathLike[str], images: Collection[str] = IMAGES
) -> tuple[list[ClipRecord], Mapping[str, Any]]:
    """The clips of a built database one by one, and what its builder recorded about it.

    Args:
      directory: see `load`.
      images: see `load`.

    Raises:
      UserError: there is no complete database in the directory, or a damaged one.
    """
    # Importing TFDS takes longer than reading a database; who only stacks records is spared it.
    import tensorflow_datasets as tfds

    path = pathlib.Path(directory)
    if not (path / "dataset_info.json").is_file():
        raise UserError(
            f"{directory} holds no complete database; build it with data_builders.build"
        )
    summed = sums.check_folder(path, _MEND)
    try:
        builder = tfds.builder_from_directory(os.fspath(directory))
        skipped = {name: tfds.decode.SkipDecoding() for name in IMAGES if name not in images}
        source = builder.as_data_source("clips", decoders=skipped)
        records = [_record(example, images) for example in source]
        metadata = builder.info.metadata  # read only now
    except Exception as error:  # Whatever damaged files of an earlier version lead to.
        if summed or isinstance(error, PermissionError):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise sums.DamagedError(path, f"cannot be read ({reason})", _MEND) from None
    if not records:
        raise sums.DamagedError(path, "holds no clip", _MEND)
    return records, metadata if isinstance(metadata, Mapping) else {}


_MEND = "delete the folder of this database and build it again with data_builders.build"


def _record(example: Mapping[str, Any], images: Collection[str]) -> ClipRecord:
    """The record behind one decoded TFDS example."""
    plain: dict[str, Any] = {
        name: example[name].decode()
        for name in ("database", "subject", "clip", "raw_emotion", "ethnicity_source")
    }
    plain |= {name: int(example[name]) for name in ("age_decade", "onset", "apex", "offset")}
    has_frames = bool(example["has_frames"])
    labels = ClipLabels(
        **plain,
        emotion=EMOTIONS[example["emotion"]],
        action_units=tuple(ActionUnit.from_code(code.decode()) for code in example["action_units"]),
        ethnicity=ETHNICITIES[example["ethnicity"]],
        ethnicity_agreement=float(example["ethnicity_agreement"]),
        gender=GENDERS[example["gender"]],
        fps=float(example["fps"]),
        extra=json.loads(example["extra"]),
    )
    return ClipRecord(
        labels,
        example["flow"],
        FLOW_UNITS[example["flow_unit"]],
        **{name: example[name] for name in images if has_frames},
    )


def _joined(*columns: np.ndarray) -> np.ndarray:
    return np.array(["/".join(parts) for parts in zip(*columns, strict=True)], dtype=np.str_)


def _images(records: Sequence[ClipRecord], name: str) -> np.ndarray | None:
    if any(getattr(record, name) is None for record in records):
        return None
    return _stacked(records, name)


def _stacked(records: Sequence[ClipRecord], name: str) -> np.ndarray:
    shapes = {getattr(record, name).shape for record in records}
    if len(shapes) > 1:
        raise ValueError(f"clips differ in the shape of {name}: {sorted(shapes)}")
    return np.stack([getattr(record, name) for record in records])
