"""Whether scores may be reported: not where test clips have chosen the network that they score.

`protocol.peek` repeats a habit of the field so that its worth can be measured. The setting is
asked about here and nowhere else, of a config or of a work directory; in the rows that such a
job leaves it is the column COLUMN, which goes wherever its predictions go.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from ethnicmer_jax.base.schema import UserError

MARK = "NOT REPORTABLE"
"""Stands wherever a number of such a job can be seen."""

COLUMN = "not_reportable"
"""Column of tables, and key of metrics.json, that says why."""

FILE_NAME = "NOT_REPORTABLE.txt"

BEST_TEST_EPOCH = "best_test_epoch"
"""The habit as a value of `protocol.peek`; the other one is none."""

REASON = (
    "of each fold, the epoch with the best accuracy on its own test clips was kept "
    f"(protocol.peek={BEST_TEST_EPOCH})"
)


def fault(config: Mapping[str, Any]) -> str:
    """Why scores under a config must not be reported; "" where they may be.

    Args:
      config: a config, or what a work directory has recorded of one, of whatever version.
    """
    protocol = config.get("protocol")
    peek = protocol.get("peek", "none") if isinstance(protocol, Mapping) else "none"
    return REASON if peek == BEST_TEST_EPOCH else ""


def marked(reason: str) -> str:
    """One sentence for people, that begins with MARK; "" where nothing is wrong."""
    return f"{MARK}: {reason}." if reason else ""


def of_some(names: Iterable[str], reason: str) -> str:
    """The reason with the names of those that it holds for; "" where there is none."""
    return f"of {', '.join(names)}: {reason}" if reason else ""


def refuse(directory: pathlib.Path, use: str) -> None:
    """Refuses a use of a work directory whose scores must not be reported.

    Args:
      directory: with or without a config.json.
      use: what is refused, such as "predict".

    Raises:
      UserError: one line that says why, and what to do instead.
    """
    # Whoever checks settings is spared the import of pandas.
    from ethnicmer_jax.base import files

    path = directory / "config.json"
    recorded = files.read_json(path) if path.is_file() else {}
    if isinstance(recorded, Mapping) and (reason := fault(recorded)):
        raise UserError(
            f"{directory} is {MARK.lower()}, and {use} takes nothing from it: {reason}; train "
            "again, in a new --workdir, with --config.protocol.peek=none"
        )
