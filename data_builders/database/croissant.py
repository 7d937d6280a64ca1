"""Croissant metadata (MLCommons, version 1.0): a database described for machines.

array_record is not a format that Croissant can look into, so the labels are also written
as a table, `clips.csv`, and described column by column.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import pandas as pd

from data_builders.sources.base import ClipTask
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import EMOTIONS, ClipLabels

TABLE = "clips.csv"
FILE_NAME = "croissant.json"

_COLUMNS = {
    "database": "Source database.",
    "subject": "Subject code within the database.",
    "clip": "Clip code within the subject.",
    "emotion": f"Coded emotion: {', '.join(EMOTIONS)}.",
    "raw_emotion": "The same as the source database writes it.",
    "action_units": "FACS Action Units, joined by +.",
    "ethnicity": "White, Black, Asian, Indian, Others or Unknown.",
    "ethnicity_source": "Who labelled the ethnicity.",
    "ethnicity_agreement": "Share of votes for the label; empty: unknown.",
    "age_decade": "Decade of life; -1 unknown.",
    "gender": "male, female or unknown.",
    "fps": "Frames per second; empty: unknown.",
    "onset": "First frame; -1 unknown.",
    "apex": "Most intense frame; -1 unknown.",
    "offset": "Last frame; -1 unknown.",
}
"""Label -> its description; the fields of `schema.ClipLabels` but `extra`."""

_TYPES = {
    "str": "sc:Text",
    "tuple[ActionUnit, ...]": "sc:Text",
    "float": "sc:Float",
    "int": "sc:Integer",
}
"""Annotation of a field -> its type in Croissant."""

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "recordSet": "cr:recordSet",
    "field": "cr:field",
    "key": "cr:key",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "source": "cr:source",
    "fileObject": "cr:fileObject",
    "extract": "cr:extract",
    "column": "cr:column",
}


def describe(directory: pathlib.Path, tasks: Sequence[ClipTask], name: str) -> None:
    """Writes `clips.csv` and `croissant.json` into a database's directory.

    Args:
      directory: holds the database, complete but for these two files.
      tasks: its clips.
      name: of the database.
    """
    files.write_table(directory / TABLE, _table(tasks))
    text = json.dumps(_metadata(directory, tasks, name), indent=2, ensure_ascii=False)
    files.write_text(directory / FILE_NAME, text + "\n")


def _table(tasks: Sequence[ClipTask]) -> pd.DataFrame:
    rows = [{column: getattr(task.labels, column) for column in _COLUMNS} for task in tasks]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["action_units"] = ["+".join(map(str, task.labels.action_units)) for task in tasks]
    return table


def _metadata(directory: pathlib.Path, tasks: Sequence[ClipTask], name: str) -> dict[str, Any]:
    listed = [directory / TABLE, *sorted(directory.glob("*.array_record*"))]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"ethnic_me_{name}",
        "description": f"{len(tasks)} micro-expression clips with the ethnicity of each person.",
        "url": "https://arxiv.org/abs/2507.10209",
        "license": "The licences of the source databases; see README.md of the builder.",
        "citeAs": "Khor, Li, Jiang, Zhao: Is Micro-expression Ethnic Leaning? ICMEW 2025.",
        "version": directory.name,
        "distribution": [_file(path) for path in listed],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "key": [{"@id": f"clips/{column}"} for column in ("database", "subject", "clip")],
                "field": [_field(column) for column in _COLUMNS],
            }
        ],
    }


def _file(path: pathlib.Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "text/csv" if path.name == TABLE else "application/octet-stream",
        "sha256": digest,
    }


def _field(column: str) -> dict[str, Any]:
    [annotation] = [f.type for f in dataclasses.fields(ClipLabels) if f.name == column]
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column}",
        "name": column,
        "description": _COLUMNS[column],
        "dataType": _TYPES[str(annotation)],
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": column}},
    }
