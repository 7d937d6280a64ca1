"""From a request to its outcomes; nothing is written or printed.

outcomes = run(inference.open(directory), Request(["clip.mp4"]))
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import ml_collections
import pandas as pd

from data_builders.database.pipeline import BuildOptions
from data_builders.sources.base import FlowFile
from ethnicmer_jax.base import class_schemes, files
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ClipRecord, UserError
from ethnicmer_jax.data.dataset import Dataset, from_records
from ethnicmer_jax.inference import Trained
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.predict import inputs, outcomes, pixels
from ethnicmer_jax.predict.inputs import Contents, Failure
from ethnicmer_jax.predict.outcomes import Outcomes
from ethnicmer_jax.predict.pixels import Seen
from ethnicmer_jax.predict.request import Request


def run(trained: Trained, request: Request) -> Outcomes:
    """Predicts every clip of the inputs that can be predicted.

    Args:
      trained: the networks of a work directory.
      request: what to predict.

    Raises:
      UserError: nothing can be predicted for a reason that lies in no input.
    """
    options = build_options(trained.config, request.detector)
    return of_contents(trained, inputs.read(request, options.identity()), request.detector)


def of_contents(trained: Trained, contents: inputs.Contents, detector: str = "") -> Outcomes:
    """Predicts every clip of what inputs hold that can be predicted.

    Args:
      trained: the networks of a work directory.
      contents: clips, and what is wrong with others.
      detector: another face detector; "" for that of the work directory.

    Raises:
      UserError: nothing can be predicted for a reason that lies in no input.
    """
    options = build_options(trained.config, detector)
    total = len(contents.clips)
    computed = Progress("clips", pixels.see(contents.clips, options), total=total, unit="clip")
    seen: list[Seen] = []
    failures = list(contents.failures)
    for clip in computed:
        failure = clip if isinstance(clip, Failure) else _unusable(trained.config, clip)
        if failure is not None:
            failures.append(failure)
        elif isinstance(clip, Seen):
            seen.append(clip)
    seen, taught = _predictable(trained, seen)
    scheme = class_schemes.parse(trained.config.data.classes)
    made = Outcomes(
        trained.classes,
        outcomes.meaning(scheme, trained.classes),
        pd.DataFrame(columns=list(outcomes.KEY)),
        pd.DataFrame(),
        tuple(seen),
        (*failures, *taught),
        (),
        str(trained.expected),
        (*_notes_on_films(trained, contents, options), *contents.notes),
        trained.config.data.source == "simulated",
        options.detector,
    )
    return _predicted(trained, made) if seen else made


def build_options(config: ml_collections.ConfigDict, detector: str = "") -> BuildOptions:
    """How clips are computed: as those that taught the networks.

    Args:
      config: of the work directory.
      detector: another face detector; "" for that of the config.
    """
    options = preparation.build_options(config)
    return dataclasses.replace(options, detector=detector) if detector else options


def dataset_of(config: ml_collections.ConfigDict, records: Sequence[ClipRecord]) -> Dataset:
    """Clips as networks take them: sorted by identity, with frames where the networks see some."""
    held = [record if sees_frames(config) else _without_frames(record) for record in records]
    geometry = build_options(config).faces().geometry
    return dataclasses.replace(from_records(held), crop=geometry)


def sees_frames(config: ml_collections.ConfigDict) -> bool:
    """Whether a branch of the networks sees the apex frame."""
    return "apex" in (config.model.emotion_input, config.model.ethnic_input)


def _predictable(trained: Trained, seen: Sequence[Seen]) -> tuple[list[Seen], list[Failure]]:
    """The clips that some network may predict, and those of people who have taught all of them."""
    usable, failures = [], []
    for clip in seen:
        try:
            trained.choices(dataset_of(trained.config, [clip.record]))
            usable.append(clip)
        except UserError as error:
            failures.append(Failure(clip.source, clip.record.labels.clip, str(error)))
    return usable, failures


def _predicted(trained: Trained, made: Outcomes) -> Outcomes:
    dataset = dataset_of(trained.config, [clip.record for clip in made.seen])
    each = trained.predict(dataset)
    source = {clip.record.labels.identity: clip.source for clip in made.seen}
    keys = zip(*(each[name] for name in outcomes.KEY), strict=True)
    each.insert(0, "input", [source[key] for key in keys])
    networks = {
        key: choice.note
        for choice, clips in trained.choices(dataset)
        for key in dataset.key[clips].tolist()
    }
    table = outcomes.table_of(made.seen, each, made.classes, networks)
    named = tuple(dict.fromkeys(table["predicted_by"]))
    return dataclasses.replace(made, each=each, table=table, networks=named)


def _notes_on_films(trained: Trained, contents: Contents, options: BuildOptions) -> list[str]:
    """In what new frames may differ from what the networks have learnt from, one line each."""
    motions = (clip.task.motion for clip in contents.clips if clip.task)
    if all(isinstance(motion, FlowFile) for motion in motions):
        return []
    notes = []
    if options.detector == "none":
        notes.append(
            "frames are taken whole, for these networks have learnt from frames that come cropped "
            "(data.detector=none); --detector=retinaface crops those that do not"
        )
    if _taught_by_files(trained):
        notes.append(
            "the networks have learnt from flow that came as files, of which nobody knows how it "
            "was computed; that of new frames is this program's own "
            f"({options.flow_method}, head movement: {options.stabilise})"
        )
    return notes


def _taught_by_files(trained: Trained) -> bool:
    """Whether the database, as far as it is still there, was built from flow alone."""
    name = files.read_json(trained.directory / "config.json").get("database")
    folder = pathlib.Path(trained.config.data.data_dir)
    built = [files.read_json(path) for path in folder.glob(f"ethnic_me/{name}/*/metadata.json")]
    options = [one.get("options") for one in built if not one.get("crop")]
    return any(isinstance(one, dict) and one.get("detector", "none") != "none" for one in options)


def _unusable(config: ml_collections.ConfigDict, clip: Seen) -> Failure | None:
    if sees_frames(config) and clip.record.apex_image is None:
        return Failure(
            clip.source,
            clip.record.labels.clip,
            "comes as flow, and these networks see the apex frame: give its frames",
        )
    return None


def _without_frames(record: ClipRecord) -> ClipRecord:
    return dataclasses.replace(record, onset_image=None, apex_image=None)
