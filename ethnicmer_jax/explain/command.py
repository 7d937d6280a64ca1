"""From a work directory to its page of explanations, and the files beside it."""

from __future__ import annotations

import dataclasses
import io
import itertools
import pathlib
import shlex
import sys
from collections.abc import Iterator

import ml_collections
import numpy as np

from ethnicmer_jax import job, predictions, workdir
from ethnicmer_jax.engine import Engine
from ethnicmer_jax.explain import (
    drawings,
    findings,
    folds,
    overlays,
    page,
    request,
    sanity,
    views,
    wording,
)
from ethnicmer_jax.explain.findings import ALL, Clips, Findings
from ethnicmer_jax.explain.folds import Explained, Explainer, MapName
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.protocols.grouping import EXCLUDED, Grouping
from ethnicmer_jax.report import document, explained, study_page
from ethnicmer_jax.report import page as report_page
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.schema import ETHNICITIES

_RANDOM, _LABELS = "random weights", "shuffled labels"


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
    explainer = Explainer(engine, views.choose(engine.learner.model, asked.heads), asked.methods)
    found = explain_all(config, engine, where, explainer, tests, asked)
    clips = Clips.of(engine.dataset, engine.targets, group)
    numbers = findings.collect(found, clips, pair)
    trained, primary = found["trained"], findings.primary(found["trained"])
    drawn = page.Drawn(
        tuple(_averages(trained, clips, pair)),
        tuple(_galleries(trained, clips, pair, engine, asked.seed)),
    )
    facts = _facts(directory, config, engine, trained, asked)
    simulated = config.data.source == "simulated"
    made = page.build(numbers, primary, drawn, facts, shlex.join(_command()), simulated)

    def more(folder: pathlib.Path) -> None:
        _write_numbers(folder, numbers, trained, clips)
        _write_summary(folder, numbers, primary, made)
        _write_overlays(folder, trained, engine)

    written = document.save(made, directory / explained.FOLDER, more)
    _refresh_report(directory)
    return written


def explain_all(
    config: ml_collections.ConfigDict,
    engine: Engine,
    where: pathlib.Path,
    explainer: Explainer,
    tests: dict[int, np.ndarray],
    asked: Request,
) -> dict[str, Explained]:
    """The maps of the trained networks, and of those that they are compared with."""
    runs = engine.folds.run
    states = ((row, state.variables) for row, state in engine.states(where))
    trained = folds.explain(explainer, states, tests, runs, classes=asked.explained)
    out = {"trained": _without_duplicates(trained)}
    classes = sanity.classes_of(trained, runs, tests)
    few = dict(itertools.islice(tests.items(), asked.label_folds))
    others = {
        _RANDOM: (sanity.random_states(explainer, list(tests), asked.seed), tests),
        _LABELS: (sanity.label_states(config, engine, list(few), asked.seed), few),
    }
    for name, (made, some) in others.items():
        if some:
            found = folds.explain(explainer, made, some, runs, classes=classes, title=name)
            kept = {key: found.maps[key] for key in out["trained"].maps}
            out[name] = dataclasses.replace(found, maps=kept)
    return out


def group_names(grouping: Grouping, ethnicity: np.ndarray) -> np.ndarray:
    """The group of every clip, str [n]; "" where the grouping leaves its ethnicity out."""
    of_code = [grouping.group_of(name) for name in ETHNICITIES]
    return np.array(["" if name == EXCLUDED else name for name in of_code])[ethnicity]


def _without_duplicates(trained: Explained) -> Explained:
    """Leaves HiResCAM out where it is Grad-CAM."""

    def same(name: MapName, maps: np.ndarray) -> bool:
        other = trained.maps.get(("gradcam", name[1]))
        if name[0] != "hirescam" or other is None:
            return False
        return np.allclose(maps, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())

    kept = {name: maps for name, maps in trained.maps.items() if not same(name, maps)}
    return dataclasses.replace(trained, maps=kept)


def _averages(trained: Explained, clips: Clips, groups: tuple[str, ...]) -> Iterator[Figure]:
    first = findings.primary(trained)
    if not groups:
        return
    ordered = [first, *(name for name in trained.maps if name != first), findings.MOTION]
    for name in ordered:
        method, view = name
        maps = clips.motion[trained.clip] if name == findings.MOTION else trained.maps[name]
        means, rows = findings.averages(maps, trained.clip, clips, groups)
        what = wording.METHODS[method]
        if name != findings.MOTION:
            what += f", {view.head} head, {view.branch} branch"
        yield drawings.average_maps(
            means,
            rows,
            groups,
            name=f"average_{method}_{view}",
            caption=f"{what[0].upper()}{what[1:]}: mean over clips of maps that each sum to 1.",
        )


def _galleries(
    trained: Explained, clips: Clips, groups: tuple[str, ...], engine: Engine, seed: int
) -> Iterator[Figure]:
    view = findings.primary(trained)[1]
    methods = [method for method, of in trained.maps if of == view]
    right = trained.predicted["final"] == engine.targets.emotion[trained.clip]
    rng = np.random.default_rng(seed)
    for group in groups:
        for emotion in engine.targets.emotion_names:
            kind = (clips.group[trained.clip] == group) & (clips.emotion[trained.clip] == emotion)
            rows = [
                int(row)
                for wanted in (kind & right, kind & ~right)
                for row in rng.permutation(np.flatnonzero(wanted))[: drawings.EACH]
            ]
            if rows:
                yield drawings.gallery(
                    [_shown(trained, row, methods, view, engine) for row in rows],
                    ["clip", *(wording.METHODS[method] for method in methods)],
                    name=f"clips_{group}_{emotion}",
                    caption=f"{group}, {emotion}: {int((kind & right).sum())} of "
                    f"{int(kind.sum())} explained clips are recognised. {view.head} head, "
                    f"{view.branch} branch.",
                )


def _shown(trained: Explained, row: int, methods, view, engine: Engine) -> drawings.Shown:
    clip = trained.clip[row]
    image = overlays.picture(engine.dataset, clip)
    said = engine.targets.emotion_names[trained.predicted["final"][row]]
    right = trained.predicted["final"][row] == engine.targets.emotion[clip]
    parts = (engine.dataset.database[clip], engine.dataset.subject[clip], engine.dataset.clip[clip])
    label = "\n".join([*parts, "right" if right else f"wrong: {said}"])
    laid = [overlays.overlay(image, trained.maps[method, view][row]) for method in methods]
    return drawings.Shown(label, [image, *laid])


def _refresh_report(directory: pathlib.Path) -> None:
    """Makes a report that is there again, now with a section on the explanations."""
    if not (directory / "report").is_dir():
        return
    runs = predictions.read(directory / "predictions.csv").runs
    contrast = any(run.startswith("ethnicity.") for run in runs)
    (study_page if contrast else report_page).write(directory)


def _facts(directory, config, engine: Engine, trained: Explained, asked: Request) -> dict[str, str]:
    n = len(set(trained.clip.tolist()))
    persons = len(set(engine.dataset.person[trained.clip]))
    return {
        "Work directory": directory.name,
        "Runs": ", ".join(dict.fromkeys(trained.run.tolist())),
        "Clips": f"{n:,} of {len(engine.dataset):,}, {persons} subjects",
        "Backbone": str(config.model.emotion_backbone),
        "Fusion": str(config.model.fusion),
        "Explained class": asked.explained,
        "Grouping": str(config.protocol.grouping),
    }


def _write_numbers(
    folder: pathlib.Path, numbers: Findings, trained: Explained, clips: Clips
) -> None:
    numbers.masses.to_csv(folder / "regions.csv", index=False, lineterminator="\n")
    if not numbers.tests.empty:
        numbers.tests.to_csv(folder / "tests.csv", index=False, lineterminator="\n")
    arrays = {f"{method}_{view}": maps for (method, view), maps in trained.maps.items()}
    labels = {f"class_{head}": values for head, values in trained.classes.items()}
    labels |= {f"predicted_{head}": values for head, values in trained.predicted.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, run=trained.run, clip=clips.key[trained.clip], **arrays, **labels)
    (folder / "maps.npz").write_bytes(packed.getvalue())


def _write_summary(folder, numbers: Findings, primary: MapName, made: document.Document) -> None:
    method, view = primary
    shown = [
        f for f in made.figures() if f.name in ("peaks", "regions", f"average_{method}_{view}")
    ]
    summary = {
        "conclusion": list(made.conclusion),
        "groups": list(numbers.groups),
        "primary": {"method": method, "head": view.head, "branch": view.branch, "emotion": ALL},
        "figures": [
            {"name": f.name, "caption": f.caption, "alt": f.alt, "wide": bool(f.wide)}
            for f in shown
        ],
    }
    workdir.write_json(folder / explained.SUMMARY, summary)


def _write_overlays(folder: pathlib.Path, trained: Explained, engine: Engine) -> None:
    data = engine.dataset
    for row, clip in enumerate(trained.clip):
        image = overlays.picture(data, clip)
        laid = [overlays.overlay(image, maps[row]) for maps in trained.maps.values()]
        names = [part.replace("/", "-") for part in (data.database[clip], data.subject[clip])]
        where = folder / "overlays" / trained.run[row].replace("/", "-") / "-".join(names)
        where.mkdir(parents=True, exist_ok=True)
        strip = np.concatenate([image, *laid], axis=1)
        name = str(data.clip[clip]).replace("/", "-")
        (where / f"{name}.png").write_bytes(overlays.png(strip))


def _command() -> list[str]:
    return ["python", "-m", "ethnicmer_jax.explain", *sys.argv[1:]]
