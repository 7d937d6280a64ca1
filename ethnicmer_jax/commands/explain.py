"""Where trained networks look: `python -m ethnicmer_jax explain --workdir=DIR`.

DIR is the work directory of a job with checkpoints, or of a study. The page is
DIR/explain/index.html; the maps, their numbers and tests lie beside it, and the report of DIR
repeats its conclusion. A selection (--clips, --groups, --runs, --heads) goes to a folder of its
own, DIR/explain-.../, unless --output names one. The same request is answered once; a folder that
answers another request is replaced with --overwrite only.
"""

from __future__ import annotations

from absl import flags

from ethnicmer_jax.base import cli, environment

_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of a finished job or study.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for the page; DIR/explain by default, or DIR/explain-<selection>."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Explain again, and replace explanations that are there."
)
_CLIPS = flags.DEFINE_list("clips", [], "Globs on database/subject/clip, such as casme2/*/*.")
_GROUPS = flags.DEFINE_list("groups", [], "Groups of the job's grouping; the first two by default.")
_RUNS = flags.DEFINE_list("runs", [], "Globs on run ids; the first run by default.")
_HEADS = flags.DEFINE_list("heads", [], "final, emotion, ethnic; all that there are by default.")
_METHODS = flags.DEFINE_list(
    "methods",
    ["gradcam", "hirescam", "occlusion"],
    "Kinds of maps; occlusion takes a hundred times as long as the others.",
)
_EXPLAINED = flags.DEFINE_enum(
    "explained", "predicted", ["predicted", "true"], "Which class's logit is explained."
)
_MAX_CLIPS = flags.DEFINE_integer(
    "max_clips", 0, "At most so many clips, drawn at random; 0 for all.", lower_bound=0
)
_LABEL_FOLDS = flags.DEFINE_integer(
    "label_folds", 4, "Folds trained anew on shuffled labels as a check.", lower_bound=0
)
_EYES = flags.DEFINE_list(
    "eyes",
    [],
    "Pupils' distance and height as shares of the crop, where crops are not our own.",
)
_LAYER = flags.DEFINE_string(
    "layer",
    "last",
    "Feature map of Grad-CAM and HiResCAM: last, or stage1, stage2, ... of networks with stages.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Of whatever is drawn at random.", lower_bound=0)


def main() -> None:
    """Explains the work directory that the flags name."""
    directory = cli.directory_of(_WORKDIR)
    output = cli.directory_of(_OUTPUT) if _OUTPUT.value else None
    environment.prefer_core_devices()
    # JAX takes seconds to import; who asks for help is spared it.
    from ethnicmer_jax.explain import run
    from ethnicmer_jax.explain.request import Request
    from ethnicmer_jax.report import console

    asked = Request(
        clips=_CLIPS.value,
        groups=_GROUPS.value,
        runs=_RUNS.value,
        heads=_HEADS.value,
        methods=_METHODS.value,
        explained=_EXPLAINED.value,
        max_clips=_MAX_CLIPS.value,
        label_folds=_LABEL_FOLDS.value,
        seed=_SEED.value,
        eyes=_EYES.value,
        layer=_LAYER.value,
    )
    console.print_report(run.run(directory, asked, output, _OVERWRITE.value))
