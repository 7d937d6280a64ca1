"""The TFDS builder `ethnic_me`: packages clip records as array_record, without TensorFlow.

Read a built database with `tfds.builder_from_directory(directory)` and
`as_data_source("clips")`, or with `ethnicmer_jax.dataset.load(directory)`.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer as tfds_writer
from tensorflow_datasets.proto import tf_example_pb2

from ethnicmer_jax.base.schema import EMOTIONS, ETHNICITIES, FLOW_UNITS, GENDERS, ClipRecord

SPLIT = "clips"
"""The one split: how clips are parted is the protocol's business, not the database's."""

_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


@dataclasses.dataclass(eq=False)
class EthnicMeConfig(tfds.core.BuilderConfig):
    """One database: where its clips come from and the size they are stored in.

    Attributes:
      clips: the records to package, or a Beam `PTransform` that yields them.
      flow_size: side of the square flow field, pixels.
      metadata: facts about how the database was made, stored beside it.
    """

    clips: Any = dataclasses.field(default=(), repr=False)  # TFDS logs the whole config
    flow_size: int = 28
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class EthnicMe(tfds.core.GeneratorBasedBuilder):
    """Micro-expression clips: onset-to-apex flow, face crops, labels, ethnicity."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "1.0.0": "First release.",
        "2.0.0": "`emotion` is the coded emotion, not one of three classes; no clip is left out.",
    }

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=features(config.flow_size),
            supervised_keys=("flow", "emotion"),
            homepage="https://arxiv.org/abs/2507.10209",
            metadata=tfds.core.MetadataDict(config.metadata),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # the clips are under licence: nobody may download them for the user
        return {SPLIT: self._generate_examples(self.builder_config.clips)}

    def _example_writer(self) -> tfds_writer.ExampleWriter:
        return _CanonicalWriter(file_format=self.info.file_format)

    def _generate_examples(self, clips: Any) -> Any:
        if isinstance(clips, Iterable):
            return (keyed_example(record) for record in clips)
        import apache_beam as beam

        return clips | "Encode" >> beam.Map(keyed_example)


class _CanonicalWriter(tfds_writer.ExampleWriter):
    """Writes each example with its fields in sorted order.

    Protocol buffers serialise a map in an order that changes from process to process; the
    same clips must give the same bytes.
    """

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """See the base class."""
        return super().write(path, ((key, _canonical(example)) for key, example in examples))


def _canonical(serialized: bytes) -> bytes:
    return tf_example_pb2.Example.FromString(serialized).SerializeToString(deterministic=True)


def features(flow_size: int) -> tfds.features.FeaturesDict:
    """What one example of `ethnic_me` holds; see README.md for the conventions."""
    text, image = tfds.features.Text(), tfds.features.Image(encoding_format="png")
    return tfds.features.FeaturesDict(
        {
            "database": text,
            "subject": text,
            "clip": text,
            "flow": tfds.features.Tensor(shape=(flow_size, flow_size, 3), dtype=np.float32),
            "flow_unit": tfds.features.ClassLabel(names=FLOW_UNITS),
            "has_frames": np.bool_,
            "onset_image": image,
            "apex_image": image,
            "emotion": tfds.features.ClassLabel(names=EMOTIONS),
            "raw_emotion": text,
            "action_units": tfds.features.Sequence(text),
            "ethnicity": tfds.features.ClassLabel(names=ETHNICITIES),
            "ethnicity_source": text,
            "ethnicity_agreement": np.float32,
            "age_decade": np.int32,
            "gender": tfds.features.ClassLabel(names=GENDERS),
            "fps": np.float32,
            "onset": np.int32,
            "apex": np.int32,
            "offset": np.int32,
            "extra": text,
        }
    )


def keyed_example(record: ClipRecord) -> tuple[str, dict[str, Any]]:
    """The TFDS key and example of one record: labels as names, images as PNG bytes."""
    has_frames = record.onset_image is not None and record.apex_image is not None
    labels = record.labels
    example = {
        **{field.name: getattr(labels, field.name) for field in dataclasses.fields(labels)},
        "action_units": [str(unit) for unit in labels.action_units],
        "extra": json.dumps(dict(labels.extra), sort_keys=True, ensure_ascii=False),
        "flow": record.flow,
        "flow_unit": record.flow_unit,
        "has_frames": has_frames,
        "onset_image": _png(record.onset_image if has_frames else _NO_IMAGE),
        "apex_image": _png(record.apex_image if has_frames else _NO_IMAGE),
    }
    return labels.key, example


def _png(rgb: np.ndarray) -> io.BytesIO:
    """PNG bytes of a uint8 [H, W, 3] RGB image; TFDS needs TensorFlow to encode arrays."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return io.BytesIO(encoded.tobytes())
