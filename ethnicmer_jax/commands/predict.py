"""Classes of clips under trained networks: `predict --workdir=DIR INPUT...`.

python -m ethnicmer_jax predict --workdir=DIR INPUT... [--report]

DIR is the work directory of a finished job with networks. An INPUT is a video, a folder of
frames, a manifest (CSV; database, subject and emotion may be left out) or a built database. Onset
and apex are those of the manifest or of --onset and --apex, or they are found as in the database.
With --spot an INPUT is a long recording, in which candidates for micro-expressions are looked for;
every candidate is then a clip (docs/spotting.md says what they are worth).
Files go to DIR/predict/1, 2, ..., unless --output names a folder.

Exit code: 0 where every clip was predicted, 1 where some were, 2 where none was or an option is
wrong. What cannot be predicted is one line on standard error; the others go on.

Responsible use: a probability of a class under a model of research says nothing of what a person
feels, intends or is, and must not be used to judge anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from ethnicmer_jax.base import cli, environment
from ethnicmer_jax.base.schema import UserError

ARGUMENTS = "INPUT..."

_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of a finished job with networks.")
_ONSET = flags.DEFINE_list(
    "onset",
    [],
    "First frame of the motion in videos and folders: a number (of a video from 0), a file name or "
    "a time such as 0.35s; one for all inputs or one for each. By default the first frame.",
)
_APEX = flags.DEFINE_list("apex", [], "The apex, written alike; by default it is found.")
_OFFSET = flags.DEFINE_list("offset", [], "The last frame, alike; by default the last one.")
_ETHNICITY = flags.DEFINE_string(
    "ethnicity",
    "",
    "White, Black, Asian, Indian, Others or Unknown, for networks that are told one; by default "
    "what a manifest or database says, and else Unknown.",
)
_PERSON = flags.DEFINE_string(
    "person",
    "",
    "DATABASE/SUBJECT that videos and folders show, where this person taught some of the networks: "
    "those that it did not teach predict.",
)
_DETECTOR = flags.DEFINE_string(
    "detector",
    "",
    "retinaface, or none for frames that come cropped to the face; by default as in the database.",
)
_ALLOW_OUTSIDE = flags.DEFINE_bool(
    "allow_outside", False, "Paths in a manifest may lead out of its folder."
)
_SPOT = flags.DEFINE_bool(
    "spot",
    False,
    "Look for candidate intervals in videos and folders, and predict each.",
)
_FPS = flags.DEFINE_float(
    "fps",
    None,
    "With --spot: frames per second, where the file does not say or is wrong.",
    lower_bound=0,
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the files; by default DIR/predict/N.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace predictions that are in --output.")
_REPORT = flags.DEFINE_bool("report", False, "Write a page, too: frames, flow, map and curve.")
_JSON = flags.DEFINE_bool("json", False, "Print predictions.json in place of the table.")


def main(inputs: Sequence[str]) -> int:
    """Predicts the inputs as the flags say."""
    if _SPOT.value and (_ONSET.value or _APEX.value or _OFFSET.value):
        raise UserError("--spot looks for onset, apex and offset itself: leave them out")
    if _FPS.value is not None and not _SPOT.value:
        raise UserError("--fps belongs to --spot")
    directory = cli.directory_of(_WORKDIR)
    output = cli.directory_of(_OUTPUT) if _OUTPUT.value else None
    environment.prefer_core_devices()
    # JAX takes seconds to import; who asks for help is spared it.
    from ethnicmer_jax.predict import program
    from ethnicmer_jax.predict.recordings import whole
    from ethnicmer_jax.predict.request import Request
    from ethnicmer_jax.predict.spotting.spotter import Spotter

    request = Request(
        inputs,
        onset=_ONSET.value,
        apex=_APEX.value,
        offset=_OFFSET.value,
        ethnicity=_ETHNICITY.value,
        person=_PERSON.value,
        detector=_DETECTOR.value,
        allow_outside=_ALLOW_OUTSIDE.value,
        cutter=Spotter(_FPS.value) if _SPOT.value else whole,
    )
    how = program.How(output, _OVERWRITE.value, _REPORT.value, _JSON.value)
    return program.run(directory, request, how)
