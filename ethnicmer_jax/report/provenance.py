"""The sections that say how the numbers came about and how they may be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.report.document import Block, Facts, Listing, Note, Prose, Section
from ethnicmer_jax.report.files import Inputs, flatten
from ethnicmer_jax.report.tables import Column, Table

_NOT_RECORDED = "not recorded"
_COMMAND = "python -m ethnicmer_jax.main --config=CONFIG --workdir=DIR"


def what_was_run(inputs: Inputs) -> Section:
    """Configuration, protocol, program and machine, as recorded in the files."""
    config = inputs.config
    protocol = config.get("protocol", {})
    facts = [
        ("Configuration", inputs.title),
        ("Data source", str(config.get("data", {}).get("source") or _NOT_RECORDED)),
        ("Protocol", str(protocol.get("name") or _NOT_RECORDED)),
        ("Ethnic groups", _grouping_text(inputs)),
        ("Runs", f"{len(inputs.predictions.runs):,}"),
        ("Folds", f"{inputs.predictions.table.groupby('run')['fold'].nunique().sum():,}"),
        *((name, value) for name, value in inputs.environment.items() if name != "command"),
    ]
    blocks: list[Block] = [Facts(facts)]
    if inputs.notes:
        blocks.append(Prose([f"Protocol: {'; '.join(inputs.notes)}."]))
    if config:
        blocks.append(_settings(config))
    return Section("run", "What was run", blocks)


def _settings(config: Mapping[str, Any]) -> Table:
    frame = pd.DataFrame(flatten(config), columns=["setting", "value"])
    return Table(
        "configuration",
        f"Every setting of the configuration ({len(frame)})",
        frame,
        (Column("Setting", "{setting}", False), Column("Value", "{value}", False)),
        collapsed=True,
    )


def methods() -> Section:
    """How the numbers were made, in words."""
    return Section(
        "methods",
        "Methods",
        [
            Prose(
                [
                    "Every prediction is of a clip whose subject took no part in training the "
                    "model that made it. Scores are computed once from all test predictions of "
                    "a run (pooled), never averaged over folds. UF1 is the unweighted mean of the "
                    "F1 scores of the classes, UAR that of their recalls.",
                    "Intervals come from resampling whole subjects with replacement, because "
                    "clips of one subject are not independent; they are percentile intervals "
                    "expanded for the number of subjects. They do not cover what other training "
                    "subjects would have changed. A difference between groups counts as found "
                    "only if its interval excludes 0, and as separable from database only if it "
                    "shows within one database as well; where several differences are compared, "
                    "their intervals are widened to hold jointly (Bonferroni).",
                    "The majority-class baseline always answers the most frequent class; the "
                    "chance baseline gives every class with equal probability.",
                ]
            )
        ],
    )


def responsible_use() -> Section:
    """What the results must not be used for."""
    return Section(
        "use",
        "Responsible use",
        [
            Note(
                "This is research about groups of people in databases. Nothing here supports a "
                "claim about what an individual feels, intends or is, and it must not be used to "
                "judge one. Ethnicity labels made by an algorithm are uncertain, "
                "simplify how people describe themselves, and are no ground truth. A difference in "
                "scores is a property of a model and its data, not of people."
            )
        ],
    )


def reproduce(inputs: Inputs) -> Section:
    """The commands that make the job and this report again."""
    recorded = inputs.environment.get("command", _COMMAND)
    job = re.sub(r" --mode=\S+", "", recorded)
    listing = f"# the whole job\n{job}"
    # Our commands other than `main` know no such mode.
    if not re.match(r"(python -m ethnicmer_jax|ethnicmer) ", job):
        listing += (
            f"\n\n# this report alone, from the files of the work directory\n{job} --mode=report"
        )
    files = (
        "Figures lie beside this page as PNG and SVG in figures/, tables as CSV (full precision) "
        "and LaTeX in tables/. Everything is computed from predictions.csv."
    )
    return Section("reproduce", "How to reproduce", [Listing(listing), Prose([files])])


def _grouping_text(inputs: Inputs) -> str:
    if inputs.grouping is None:
        return "each ethnicity label is its own group"
    members = "; ".join(f"{group}: {', '.join(of)}" for group, of in inputs.grouping.groups.items())
    return f"{inputs.grouping.name} ({members})"
