"""Labels subjects with an algorithmic ethnicity: votes per clip, one decision per subject.

From a table that exists already, from the frames, or from an earlier run's votes:

  python -m data_builders.annotate --annotator=metadata --table=raw.csv --database=samm --out=DIR
  python -m data_builders.annotate --annotator=fairface --source=samm --raw=SAMM --out=DIR
  python -m data_builders.annotate --annotator=votes --votes=DIR/ethnicity_votes.csv --out=DIR

Writes ethnicity.csv (one row per subject: `data_builders.build --ethnicity` joins it),
ethnicity_votes.csv (one row a vote) and ethnicity.html (the audit page) into --out.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from data_builders.ethnicity import tables
from data_builders.ethnicity.consolidation import CLIPS_SEEN, Thresholds
from data_builders.ethnicity.frame_annotator import Classifier, FrameAnnotator
from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.ethnicity.votes import Annotator
from data_builders.pixels import faces
from data_builders.sources import registry
from ethnicmer_jax.base import cli, lock, writable
from ethnicmer_jax.base.imagenet import IMAGENET_MEAN, IMAGENET_STD
from ethnicmer_jax.base.progress import say
from ethnicmer_jax.base.schema import UserError


def define_flags() -> None:
    """Defines the flags of this command; not on import, where they would be everyone's."""
    defaults = Thresholds()
    flags.DEFINE_multi_enum(
        "annotator", None, list(ANNOTATORS), "Who votes; repeatable.", required=True
    )
    flags.DEFINE_string("out", None, "Folder to write into.", required=True)
    flags.DEFINE_string("override", "", "Table of database, subject, ethnicity, reason that wins.")
    flags.DEFINE_integer(
        "min_clips",
        defaults.min_clips,
        f"Fewest clips for a label; unless given, {CLIPS_SEEN} for what a classifier sees, 1 for "
        "what a table states.",
    )
    flags.DEFINE_float("min_agreement", defaults.min_agreement, "Least share of votes for it.")
    flags.DEFINE_float("min_probability", defaults.min_probability, "Least mean probability.")
    flags.DEFINE_multi_string("table", [], "Table of labels, for metadata; repeatable.")
    flags.DEFINE_string("votes", "", f"An earlier {tables.VOTES_FILE}, for votes.")
    flags.DEFINE_string("database", "", "Database of the table's rows, where it has no column.")
    flags.DEFINE_integer("subject_width", 0, "Zero-fill numeric subject codes: 3 makes 6 to 006.")
    flags.DEFINE_string("source", "casme2+samm", f"Whose frames to look at: {registry.KINDS}.")
    flags.DEFINE_string("raw", "", registry.RAW_HELP)
    flags.DEFINE_bool("allow_outside", False, registry.OUTSIDE_HELP)
    flags.DEFINE_enum("detector", "retinaface", faces.DETECTORS, "none: frames come cropped.")
    flags.DEFINE_string("onnx_model", "", "ONNX file of a face classifier.")
    flags.DEFINE_list("onnx_classes", [], "What its outputs stand for, such as White,Black,Asian.")
    flags.DEFINE_list("onnx_mean", [*map(str, IMAGENET_MEAN)], "Mean per RGB channel, of 0 to 1.")
    flags.DEFINE_list("onnx_std", [*map(str, IMAGENET_STD)], "Deviation per RGB channel.")
    flags.DEFINE_enum("onnx_scores", "logits", ["logits", "probabilities"], "What its outputs are.")
    flags.DEFINE_float("onnx_margin", 0.25, "Share of the face that it wants around the face.")


def main() -> None:
    """Annotates as the flags say."""
    given = flags.FLAGS
    thresholds = Thresholds(given.min_clips, given.min_agreement, given.min_probability)
    overrides = {}
    if given.override:
        overrides = tables.read_overrides(pathlib.Path(given.override), given.subject_width)
    from data_builders.ethnicity import annotation

    out = pathlib.Path(given.out)
    writable.check(out / tables.SUBJECTS_FILE)
    annotators = [each for name in given.annotator for each in ANNOTATORS[name](given)]
    with lock.held(out):
        lines = annotation.annotate(annotators, thresholds, overrides, out)
    sys.stdout.write("\n".join(lines) + "\n")


def _metadata(given: flags.FlagValues) -> list[Annotator]:
    paths = [pathlib.Path(path) for path in given.table]
    if not paths:
        raise UserError("--annotator=metadata needs --table, a CSV or xlsx file of labels")
    # One table is "the metadata"; several are annotators of their own.
    names = ["metadata"] if len(paths) == 1 else [path.stem for path in paths]
    return [
        TableAnnotator(path, given.database, given.subject_width, name)
        for path, name in zip(paths, names, strict=True)
    ]


def _votes(given: flags.FlagValues) -> list[Annotator]:
    if not given.votes:
        raise UserError(f"--annotator=votes needs --votes, an earlier {tables.VOTES_FILE}")
    return [tables.RecordedVotes(pathlib.Path(given.votes))]


def _onnx(given: flags.FlagValues) -> list[Annotator]:
    from data_builders.ethnicity.onnx_classifier import OnnxClassifier, OnnxSpec

    if not (given.onnx_model and given.onnx_classes):
        raise UserError("--annotator=onnx needs --onnx_model and --onnx_classes")
    spec = OnnxSpec(
        pathlib.Path(given.onnx_model),
        given.onnx_classes,
        _numbers("onnx_mean", given.onnx_mean),
        _numbers("onnx_std", given.onnx_std),
        given.onnx_scores,
        given.onnx_margin,
    )
    return [_looking(OnnxClassifier(spec), given)]


def _fairface(given: flags.FlagValues) -> list[Annotator]:
    from data_builders.ethnicity.fairface import FairFace

    return [_looking(FairFace(), given)]


def _looking(classifier: Classifier, given: flags.FlagValues) -> FrameAnnotator:
    asked = registry.Request(given.source, given.raw, allow_outside=given.allow_outside)
    listing = registry.list_clips(asked)
    for problem in listing.problems:
        say(f"left out: {problem}" if problem.fatal else str(problem))
    return FrameAnnotator(classifier, listing.tasks, given.detector)


def _numbers(name: str, cells: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(float(cell) for cell in cells)
    except ValueError:
        raise UserError(f"--{name} takes three numbers, got {','.join(cells)}") from None


ANNOTATORS: Mapping[str, Callable[[flags.FlagValues], list[Annotator]]] = {
    "metadata": _metadata,
    "onnx": _onnx,
    "fairface": _fairface,
    "votes": _votes,
}

if __name__ == "__main__":
    define_flags()
    cli.run(main)
