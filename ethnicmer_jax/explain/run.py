"""From a work directory to its page of explanations, and the files beside it."""

from __future__ import annotations

import pathlib
import shlex

import ml_collections
import numpy as np

from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.grouping import EXCLUDED, Grouping
from ethnicmer_jax.base.schema import ETHNICITIES
from ethnicmer_jax.explain import files, findings, gallery, networks, page, request, views
from ethnicmer_jax.explain.findings import Clips
from ethnicmer_jax.explain.folds import Explained, Explainer
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.jobs import job
from ethnicmer_jax.report import document, explained
from ethnicmer_jax.report import job as report_page
from ethnicmer_jax.report.study import page as study_page
from ethnicmer_jax.training.engine import Engine


def run(directory: pathlib.Path, asked: Request) -> pathlib.Path:
    """Explains a job, or the pooled job of a study.

    Args:
      directory: its work directory; the folder explain/ appears in it, whole or not at all.
      asked: what to explain.

    Returns:
      The path of the page.

    Raises:
      UserError: anything that the user can mend.
    """
    config, where = request.trained_in(directory)
    engine, plan = job.engine(config, where)
    group = group_names(plan.grouping, engine.dataset.ethnicity)
    pair = request.two_groups(asked, plan, group)
    tests = request.tests(asked, plan, engine.dataset, group)
    explainer = _explainer(engine, asked)
    found = networks.explain(config, engine, where, explainer, tests, asked)
    clips = Clips.of(engine.dataset, engine.targets, group, asked.layout)
    numbers = findings.collect(found, clips, pair)
    trained, primary = found["trained"], findings.primary(found["trained"])
    drawn = page.Drawn(
        tuple(gallery.averages(trained, clips, pair)),
        tuple(gallery.single_clips(trained, clips, pair, engine, asked.seed)),
    )
    facts = _facts(directory, config, engine, trained, asked)
    command = f"python -m ethnicmer_jax explain {shlex.join(asked.flags(directory))}"
    simulated = config.data.source == "simulated"
    made = page.build(numbers, primary, drawn, facts, command, simulated)

    def more(folder: pathlib.Path) -> None:
        files.numbers(folder, numbers, trained, clips)
        files.summary(folder, numbers, primary, made)
        files.pictures(folder, trained, engine)

    written = document.save(made, directory / explained.FOLDER, more)
    _refresh_report(directory)
    return written


def _explainer(engine: Engine, asked: Request) -> Explainer:
    chosen = views.choose(engine.learner.model, asked.heads)
    return Explainer(engine, chosen, asked.methods, asked.layer)


def group_names(grouping: Grouping, ethnicity: np.ndarray) -> np.ndarray:
    """The group of every clip, str [n]; "" where the grouping leaves its ethnicity out."""
    of_code = [grouping.group_of(name) for name in ETHNICITIES]
    return np.array(["" if name == EXCLUDED else name for name in of_code])[ethnicity]


def _refresh_report(directory: pathlib.Path) -> None:
    """Makes a report that is there again, now with a section on the explanations."""
    if not (directory / "report").is_dir():
        return
    runs = predictions.read(directory / "predictions.csv").run_ids.values()
    study = any(run.contrast == MAIN for run in runs)
    (study_page if study else report_page).write(directory)


def _facts(
    directory: pathlib.Path,
    config: ml_collections.ConfigDict,
    engine: Engine,
    trained: Explained,
    asked: Request,
) -> dict[str, str]:
    n = len(set(trained.clip.tolist()))
    persons = len(set(engine.dataset.person[trained.clip]))
    return {
        "Work directory": directory.name,
        "Runs": ", ".join(dict.fromkeys(trained.run.tolist())),
        "Clips": f"{n:,} of {len(engine.dataset):,}, {persons} subjects",
        "Backbone": str(config.model.emotion_backbone),
        "Layer": trained.layer,
        "Fusion": str(config.model.fusion),
        "Explained class": asked.explained,
        "Grouping": str(config.protocol.grouping),
        "Pupils": f"{asked.layout.distance:.3f} of the crop's width apart, "
        f"{asked.layout.height:.3f} of its height from the top",
    }
