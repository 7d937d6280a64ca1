"""The sections that say how the numbers came about and how they may be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis.data_card import DataCard
from ethnicmer_jax.base import labels
from ethnicmer_jax.report import columns
from ethnicmer_jax.report.files import Inputs, flatten
from ethnicmer_jax.report.html_page import Block, Facts, Listing, Note, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Table

_NOT_RECORDED = "not recorded"
_REPORT = "python -m ethnicmer_jax.main --workdir=DIR --mode=report"
_COMMAND = "python -m ethnicmer_jax.main --config=CONFIG --workdir=DIR"


def warnings(simulated: bool) -> list[str]:
    """What a reader must know before the conclusion."""
    return [text("common.simulated")] if simulated else []


def data_card(card: DataCard) -> Section:
    """Who and what was tested."""
    table = Table(
        "data_card",
        text("common.data_card"),
        card.composition,
        (
            columns.database("Database", "database"),
            columns.text("Ethnicity", "ethnicity"),
            columns.group("Group", "group"),
            columns.count("Subjects", "subjects"),
            columns.count("Clips", "clips"),
            *(columns.count(name.capitalize(), name) for name in card.classes),
        ),
    )
    clips, subjects = map(labels.count, (card.n_clips, card.n_subjects))
    tested = text("common.tested", clips=clips, subjects=subjects)
    pairs = [tuple(map(labels.group, pair)) for pair in card.confounded]
    notes = [text("common.confounded", first=a, second=b) for a, b in pairs]
    notes += [text("common.absent_class", group=labels.group(g), emotion=e) for g, e in card.absent]
    return Section("data", "Data card", [Prose([tested]), table, *map(Note, notes)])


def what_was_run(inputs: Inputs, runs: pd.DataFrame) -> Section:
    """Configuration, protocol, program and machine, as recorded in the files.

    Args:
      inputs: the files.
      runs: one row per run, with the column folds.
    """
    config = inputs.config
    protocol = config.get("protocol", {})
    facts = [
        ("Configuration", inputs.title),
        ("Data source", str(config.get("data", {}).get("source") or _NOT_RECORDED)),
        ("Protocol", str(protocol.get("name") or _NOT_RECORDED)),
        ("Ethnic groups", _grouping_text(inputs)),
        ("Runs", f"{len(runs):,}"),
        ("Folds", f"{runs['folds'].sum():,}"),
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
        (columns.text("Setting", "setting"), columns.text("Value", "value")),
        collapsed=True,
    )


def responsible_use() -> Section:
    """What the results must not be used for."""
    return Section("use", "Responsible use", [Note(text("common.responsible_use"))])


def reproduce(inputs: Inputs) -> Section:
    """The commands that make the job and this report again."""
    # A notebook or a benchmark has recorded that there is no command.
    recorded = inputs.environment.get("command", _COMMAND)
    listing = f"# this report alone, from the files of the work directory\n{_REPORT}"
    if recorded:
        whole = re.sub(r" --mode=\S+", "", recorded)
        listing = f"# the whole job\n{whole}\n\n{listing}"
    blocks: list[Block] = [Listing(listing), Prose(paragraphs("common.files"))]
    return Section("reproduce", "How to reproduce", blocks)


def _grouping_text(inputs: Inputs) -> str:
    if inputs.grouping is None:
        return "each ethnicity label is its own group"
    groups = inputs.grouping.groups.items()
    spelled = "; ".join(f"{labels.group(group)}: {', '.join(members)}" for group, members in groups)
    return f"{inputs.grouping.name} ({spelled})"
