"""The model card: which models a work directory holds, what they are for, and what to expect.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019 (arXiv 1810.03993).
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import jinja2

from ethnicmer_jax.analysis.job_findings import JobFindings
from ethnicmer_jax.base import files, labels, markdown, reportable
from ethnicmer_jax.report.files import flatten
from ethnicmer_jax.report.html_page import Block, Facts, Link, Listing, Prose, Section

FILE_NAME = "model_card.md"

_USE = "python -m ethnicmer_jax predict --workdir=DIR INPUT..."

_RECIPE = {
    "Classifier": "classifier",
    "Fusion with ethnicity": "model.fusion",
    "Backbone": "model.emotion_backbone",
    "Ethnic backbone": "model.ethnic_backbone",
    "Flow": "data.flow_method",
    "Head motion taken out": "data.stabilise",
    "Scaling of the flow": "data.flow_scaling",
    "Mirrored copies": "data.mirror",
    "Classes": "data.classes",
    "Learning rate": "optim.learning_rate",
    "Schedule": "optim.schedule",
    "Epochs": "optim.epochs",
    "Batch": "optim.batch_size",
    "Dropout": "model.dropout",
    "Class-balanced loss": "loss.class_balanced",
    "Starts from": "init.path",
}
"""What the card calls a setting -> its dotted name; blank settings are left out."""

_NETWORK_ONLY = ("model.fusion", "optim.", "model.dropout")


def is_due(config: Mapping[str, Any]) -> bool:
    """Whether a work directory is of a job that trained models, not of others' predictions."""
    return {"classifier", "model", "checkpoint"} <= config.keys() and "averaged" not in config


def section(
    config: Mapping[str, Any], metrics: Mapping[str, Any], final: Mapping[str, Any]
) -> Section:
    """The models as a part of the report: which there are, and how to use them."""
    kept = _kept(config, metrics)
    blocks: list[Block] = [
        Prose(list(_kinds(final, kept))),
        Facts(
            [("Networks of held-out folds", kept or "none kept"), ("Final models", _finals(final))]
        ),
    ]
    if final:
        blocks.append(Prose([_expected_of_final(final)]))
    if final or kept:
        blocks.append(Listing(_USE))
    blocks.append(Link("Intended use, data, recipe and limits:", FILE_NAME, f"../{FILE_NAME}"))
    return Section("models", "Models", blocks)


def write(
    directory: pathlib.Path,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    final: Mapping[str, Any],
    found: JobFindings | None,
) -> None:
    """Writes the card of a finished job; equal values give equal text.

    Args:
      directory: its work directory.
      config: of it.
      metrics: of metrics.json; {} where nobody was held out.
      final: of final.json; {} where there are no final models.
      found: in its predictions; None where nobody was held out.

    Raises:
      ValueError: there are neither final models nor predictions.
    """
    files.write_text(directory / FILE_NAME, render(config, metrics, final, found))


def render(
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    final: Mapping[str, Any],
    found: JobFindings | None,
) -> str:
    """The card as Markdown; see `write`."""
    if not final and found is None:
        raise ValueError("a card needs final models or predictions")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ethnicmer_jax.report"),
        undefined=jinja2.StrictUndefined,
        finalize=_cell,
    )
    kept, reason = _kept(config, metrics), reportable.fault(config)
    source = config["data"]["source"]
    return environment.get_template("model_card.md.j2").render(
        title=f"{reportable.MARK}: {config['name']}" if reason else config["name"],
        not_reportable=reportable.marked(reason),
        kinds=_kinds(final, kept),
        input=_input(config),
        classes=final["classes"] if final else found.classes if found else (),
        held_out=kept or "none kept",
        final=_finals(final),
        usable=bool(final or kept),
        simulated=source == "simulated",
        trained_on=_trained_on(final, found),
        about=("labelled by", "agreement") if final else ("group",),
        composition=_composition(final, found),
        database=config.get("database") or final.get("database", ""),
        licences=list(_licences(final, found)),
        recipe=list(_recipe(config)),
        scores=_scores(found),
        expected=_expected(final, found),
        level=labels.percent(_level(metrics)),
        limits=list(_limits(config, final, found)),
        versions=[
            (name.removeprefix("versions."), value)
            for name, value in flatten(
                metrics.get("environment") or final.get("environment") or {"": "not recorded"}
            )
        ],
    )


def _cell(value: Any) -> str:
    """A value as text, never as markup."""
    return markdown.escape(str(value))


def _kept(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """How many models of held-out folds can predict."""
    runs = metrics.get("runs", {})
    if not runs or "checkpoint" not in config:
        return ""
    if _has_network(config) and config["checkpoint"]["keep"] == "none":
        return ""
    folds = sum(values["n_folds"] for values in runs.values())
    return f"{folds:,}, in {len(runs)} run{'' if len(runs) == 1 else 's'}"


def _has_network(config: Mapping[str, Any]) -> bool:
    """Whether the classifier is a network, or one of several kinds that are averaged."""
    return "network" in str(config["classifier"]).split("+")


def _kinds(final: Mapping[str, Any], kept: str) -> Iterator[str]:
    if final:
        yield (
            f"Models of the recipe {final['recipe']}, trained on everybody who takes part, to be "
            "used on other people."
        )
    elif kept:
        yield (
            "There is no final model here: what predicts other people is the ensemble of the "
            "networks of all held-out folds."
        )
    else:
        yield (
            "No model was kept (checkpoint.keep=none, and no final model): this card is of a "
            "result."
        )


def _finals(final: Mapping[str, Any]) -> str:
    if not final:
        return "none"
    seeds = [str(member["seed"]) for member in final["members"]]
    named = f"seed{'' if len(seeds) == 1 else 's'} {', '.join(seeds)}"
    return f"{len(seeds)} ({named}), {final['kept_as']}"


def _input(config: Mapping[str, Any]) -> str:
    seen = {config["model"][f"{branch}_input"] for branch in ("emotion", "ethnic")}
    what = "optical flow from onset to apex of an aligned face (u, v, optical strain)"
    return f"{what}; the apex frame" if "apex" in seen else what


def _trained_on(final: Mapping[str, Any], found: JobFindings | None) -> str:
    if final:
        return (
            f"The final models have learnt from {final['clips']:,} clips of {final['subjects']:,} "
            "subjects:"
        )
    assert found is not None, "a card without final models is of predictions"
    data = found.data
    return (
        f"{data.n_clips:,} clips of {data.n_subjects:,} subjects were tested by models that had "
        "not seen their subject:"
    )


def _composition(final: Mapping[str, Any], found: JobFindings | None) -> list[dict[str, Any]]:
    if final:
        return [
            {
                **row,
                "database": labels.database(row["database"]),
                "labelled by": row["labelled_by"] or "not recorded",
                "agreement": labels.score(row["agreement"]),
            }
            for row in final["people"]
        ]
    assert found is not None, "a card without final models is of predictions"
    rows = found.data.composition.iloc[:-1].to_dict("records")
    return [
        {
            **row,
            "database": labels.database(str(row["database"])),
            "group": labels.group(str(row["group"])),
        }
        for row in rows
    ]


def _licences(final: Mapping[str, Any], found: JobFindings | None) -> Iterator[tuple[str, str]]:
    # OpenCV, which the readers need, takes its time.
    from data_builders.sources import registry

    names = {str(row["database"]) for row in final["people"]} if final else set()
    if found is not None:
        names |= set(found.data.composition["database"].iloc[:-1].astype(str))
    for name in sorted(names & registry.DATABASES.keys()):
        yield labels.database(name), registry.DATABASES[name].licence


def _recipe(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = dict(flatten(config))
    network = _has_network(config)
    one_branch = config["model"]["fusion"] in ("none", "bias", "mtl", "adversarial")
    for name, setting in _RECIPE.items():
        value = settings.get(setting, "")
        if not value or (not network and setting.startswith(_NETWORK_ONLY)):
            continue
        if setting == "model.ethnic_backbone" and one_branch:
            continue
        yield name, value


def _scores(found: JobFindings | None) -> list[dict[str, Any]]:
    """The arms, and the groups and databases in each."""
    if found is None:
        return []
    return [
        {
            "label": row["label"],
            "subjects": int(row["n_subjects"]),
            "clips": int(row["n_clips"]),
            **{
                score: labels.estimate(row[score], row[f"{score}_low"], row[f"{score}_high"])
                for score in ("uf1", "uar")
            },
        }
        for _, row in found.parts.iterrows()
    ]


def _expected(final: Mapping[str, Any], found: JobFindings | None) -> str:
    note = final["expected"]["note"] if final else "pooled over held-out clips"
    return note if found is None else f"Scores {note}."


def _expected_of_final(final: Mapping[str, Any]) -> str:
    note = final["expected"]["note"]
    return f"Expected of the final models: the scores above, {note}."


def _level(metrics: Mapping[str, Any]) -> float:
    for scores in metrics.get("summary", {}).values():
        return scores["uf1"]["level"]
    return 0.95


def _limits(
    config: Mapping[str, Any], final: Mapping[str, Any], found: JobFindings | None
) -> Iterator[str]:
    subjects = final["subjects"] if final else found.data.n_subjects if found else 0
    yield (
        f"{subjects:,} subjects is a small sample: intervals are wide, and people unlike them may "
        "be recognised worse."
    )
    if config["data"]["source"] != "simulated":
        yield (
            "Micro-expressions in databases of this field were elicited by films in a laboratory, "
            "with the face towards the camera; those elsewhere may look otherwise."
        )
    yield (
        "Every clip is taken to hold one micro-expression: a clip without one gets probabilities "
        "all the same. They are not calibrated."
    )
    if config["model"]["fusion"] != "none":
        yield (
            "The models have an ethnic branch or are told an ethnicity; what it reads is the look "
            "of a label in this database, not who anybody is."
        )
    if found is not None:
        for first, second in found.data.confounded:
            yield (
                f"{labels.group(first)} and {labels.group(second)} are spread unevenly over the "
                "databases: a difference between them may be one between databases."
            )
        for group, emotion in found.data.absent:
            yield f"{labels.group(group)} has no clip of the class {emotion}."
