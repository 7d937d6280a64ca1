"""From a work directory to its page of explanations, and the files beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import shlex
from typing import Any

import ml_collections
import numpy as np
from jaxtyping import Int, Shaped

from ethnicmer_jax.base import files, labels, lock, progress, sums, writable
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.grouping import Grouping, grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import features, figures, findings, page, request, sanity, views
from ethnicmer_jax.explain.findings import ALL, Clips, Findings
from ethnicmer_jax.explain.folds import ClipMaps, Explainer, MapName
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.jobs import job
from ethnicmer_jax.protocols import complete
from ethnicmer_jax.report import explained, html_page, job_page
from ethnicmer_jax.report.html_page import Document
from ethnicmer_jax.report.study import page as study_page
from ethnicmer_jax.training.engine import Engine

RECORD = "request.json"
"""What a folder of explanations answers, and for which predictions."""


def run(
    directory: pathlib.Path,
    asked: Request,
    output: pathlib.Path | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Explains a job, or the pooled job of a study; the same request is answered once.

    Args:
      directory: its work directory.
      asked: what to explain.
      output: the folder that appears, whole or not at all; by default `asked.folder` in
        the work directory.
      overwrite: whether explanations that are there may be replaced.

    Returns:
      The path of the page.

    Raises:
      UserError: anything that the user can mend.
    """
    config, where = request.trained_in(directory)
    known = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    request.check_groups(asked, known)
    target = output or directory / asked.folder
    writable.check(target)
    record = record_of(asked, where)
    if not _is_done(target, record, overwrite):
        with lock.held_output(target):
            # Another process may have come first.
            if not _is_done(target, record, overwrite):
                _explain(directory, config, where, asked, target, record)
    if target.resolve() == (directory / explained.FOLDER).resolve():
        _refresh_report(directory)
    return target / "index.html"


def _is_done(target: pathlib.Path, record: dict[str, Any], overwrite: bool) -> bool:
    """Whether the answer is there; refuses to replace what was not asked to be."""
    if overwrite or not is_answered(target, record):
        check_replaceable(target)
        return False
    progress.say(f"{target} answers this request already; --overwrite explains again")
    return True


def record_of(asked: Request, where: pathlib.Path) -> dict[str, Any]:
    """The content of RECORD.

    Raises:
      UserError: the job is not finished.
    """
    if not (where / "predictions.csv").is_file():
        raise UserError(f"{where} has no predictions.csv; finish the job first")
    content = sums.read(where / "predictions.csv")
    values = dataclasses.asdict(asked)
    plain = {name: v if isinstance(v, str | int) else list(v) for name, v in values.items()}
    return {**plain, "predictions": hashlib.sha256(content).hexdigest()}


def is_answered(folder: pathlib.Path, record: dict[str, Any]) -> bool:
    """Whether a folder holds the answer to exactly this request.

    Raises:
      UserError: it holds the answer to another one, which would be lost.
    """
    if not (folder / explained.SUMMARY).is_file():
        return False
    path = folder / RECORD
    recorded = files.read_json(path) if path.is_file() else {}
    differing = [name for name, value in record.items() if recorded.get(name) != value]
    if differing:
        raise UserError(
            f"{folder} answers another request (other {', '.join(differing)}); name another "
            "folder with --output, or add --overwrite"
        )
    return True


def check_replaceable(folder: pathlib.Path) -> None:
    """Refuses to replace anything but explanations, even where overwriting was asked for.

    Raises:
      UserError: something else is there.
    """
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not (folder / explained.SUMMARY).is_file():
        raise UserError(f"{folder} is there and holds no explanations; name another --output")


def _explain(
    directory: pathlib.Path,
    config: ml_collections.ConfigDict,
    where: pathlib.Path,
    asked: Request,
    target: pathlib.Path,
    record: dict[str, Any],
) -> None:
    engine, plan = job.engine(config, where, images=("apex_image",))
    group = group_names(plan.grouping, engine.dataset.ethnicity)
    tests = request.chosen_clips(asked, plan.folds, engine.dataset, group)
    groups = request.compared_groups(asked, plan.grouping, group, tests)
    chosen = views.choose(engine.learner.model, asked.heads)
    explainer = Explainer(engine, chosen, asked.methods, asked.layer)
    networks = sanity.explain(config, engine, where, explainer, tests, asked)
    trained = networks[sanity.TRAINED]
    clips = Clips.of(engine.dataset, engine.targets, group, asked.crop(engine.dataset.crop))
    numbers = findings.collect(networks, clips, groups)
    primary = findings.primary(trained)
    map_figures = page.MapFigures(
        tuple(figures.averages(trained, clips, groups)),
        tuple(figures.single_clips(trained, clips, groups, engine, asked.seed)),
    )
    flags = [f"--workdir={directory}", *asked.flags()]
    if target != directory / asked.folder:
        flags.append(f"--output={target}")
    written = page.build(
        numbers,
        primary,
        map_figures,
        _facts(directory, config, engine, trained, asked),
        f"python -m ethnicmer_jax explain {shlex.join(flags)}",
        simulated=config.data.source == "simulated",
        features=features.section(engine, where, tests, group, asked.seed),
    )

    def more(folder: pathlib.Path) -> None:
        _write_numbers(folder, numbers, trained, clips)
        summary = _summary(numbers, primary, written)
        files.write_json(folder / explained.SUMMARY, summary, summed=True)
        files.write_json(folder / RECORD, record, summed=True)
        _write_overlays(folder, trained, engine)

    html_page.save(written, target, more)


def group_names(
    chosen: Grouping, ethnicity: Int[np.ndarray, " clips"]
) -> Shaped[np.ndarray, " clips"]:
    """The group of every clip; "" where the grouping leaves its ethnicity out."""
    # -1 stands for those that are left out, and takes the last name.
    return np.array([*chosen.names, ""])[chosen.indices(ethnicity)]


def _facts(
    directory: pathlib.Path,
    config: ml_collections.ConfigDict,
    engine: Engine,
    trained: ClipMaps,
    asked: Request,
) -> dict[str, str]:
    n = len(set(trained.clip.tolist()))
    persons = len(set(engine.dataset.person[trained.clip]))
    return {
        "Work directory": directory.name,
        "Runs": "; ".join(map(labels.run, dict.fromkeys(trained.run.tolist()))),
        "Clips": f"{n:,} of {len(engine.dataset):,}, {persons} subjects",
        "Backbone": str(config.model.emotion_backbone),
        "Layer": trained.layer,
        "Fusion": str(config.model.fusion),
        "Explained class": _explained_class(asked, engine, trained),
        "Grouping": str(config.protocol.grouping),
        "Pupils": _pupils(asked, engine.dataset.crop),
    }


def _explained_class(asked: Request, engine: Engine, trained: ClipMaps) -> str:
    """Which class, and of how many clips it is another one because the true one is not known."""
    unknown = int((engine.targets.ethnic[trained.clip] < 0).sum())
    if asked.explained != "true" or "ethnic" not in trained.classes or not unknown:
        return asked.explained
    replaced = f"true; predicted for the ethnic head of {unknown} clips of Unknown ethnicity"
    progress.say(f"explained class: {replaced}")
    return replaced


def _pupils(asked: Request, recorded: CropGeometry | None) -> str:
    crop = asked.crop(recorded)
    known_from = "as the database records" if recorded else "assumed, the database does not know"
    return (
        f"{labels.score(crop.distance)} of the crop's width apart, {labels.score(crop.height)} of "
        f"its height from the top ({'as --eyes says' if asked.eyes else known_from})"
    )


def _write_numbers(
    folder: pathlib.Path, numbers: Findings, trained: ClipMaps, clips: Clips
) -> None:
    """regions.csv, tests.csv and maps.npz."""
    files.write_table(folder / "regions.csv", numbers.masses)
    if not numbers.tests.empty:
        files.write_table(folder / "tests.csv", numbers.tests, summed=True)
    arrays = {f"{method}_{view}": maps for (method, view), maps in trained.maps.items()}
    classes = {f"class_{head}": values for head, values in trained.classes.items()}
    classes |= {f"predicted_{head}": values for head, values in trained.predicted.items()}
    rows = {"run": trained.run, "clip": clips.key[trained.clip]}
    files.write_arrays(folder / "maps.npz", compressed=True, **rows, **arrays, **classes)


def _summary(numbers: Findings, primary: MapName, written: Document) -> dict[str, Any]:
    """What `report.explained` repeats."""
    method, view = primary
    repeated = ("peaks", "regions", f"average_{method}_{view}")
    return {
        "conclusion": written.said,
        "groups": list(numbers.groups),
        "primary": {"method": method, "head": view.head, "branch": view.branch, "emotion": ALL},
        "figures": [
            {"name": f.name, "caption": f.caption, "alt": f.alt, "wide": bool(f.wide)}
            for f in written.figures()
            if f.name in repeated
        ],
    }


def _write_overlays(folder: pathlib.Path, trained: ClipMaps, engine: Engine) -> None:
    """overlays/: of every clip one picture, with every map over it."""
    data = engine.dataset
    for row, clip in enumerate(
        progress.Progress("drawing clips", trained.clip.tolist(), unit="clip")
    ):
        image = figures.picture(data, clip)
        overlays = [figures.overlay(image, maps[row]) for maps in trained.maps.values()]
        names = (trained.run[row], f"{data.database[clip]}-{data.subject[clip]}", data.clip[clip])
        run, subject, name = (str(part).replace("/", "-") for part in names)
        strip = np.concatenate([image, *overlays], axis=1)
        files.write_bytes(folder / "overlays" / run / subject / f"{name}.png", figures.png(strip))


def _refresh_report(directory: pathlib.Path) -> None:
    """Makes a report that is there again, now with a section on the explanations."""
    if not (directory / "report").is_dir():
        return
    runs = complete.read(directory / complete.PREDICTIONS).run_ids.values()
    study = any(run.contrast == MAIN for run in runs)
    (study_page if study else job_page).write(directory)
