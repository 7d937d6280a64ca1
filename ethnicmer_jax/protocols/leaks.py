"""The refusal to test a network on whom its start has learnt from.

A person is (database, subject), capitals aside; a clip is known by its flow, whatever it is
called. What taught a network's own start has taught the network, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import network_file
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.network_file import Taught

_SHOWN = 3
"""Names in a message, at most."""


def refuse_tests(setting: str, taught: Taught, folds: FoldTable, dataset: Dataset) -> None:
    """Refuses folds that test whom, or what, their start has learnt from.

    Args:
      setting: what names the start, such as "init.path=runs/pretrained".
      taught: by whom and what.
      folds: over the n clips; each fold starts there.
      dataset: the n clips.

    Raises:
      UserError: in one line, with names of subjects or of clips.
    """
    tested = folds.test.union()
    known = {person.lower() for person in taught.persons}
    persons = sorted({str(p) for p in dataset.person[tested] if str(p).lower() in known})
    if persons:
        total = len(np.unique(dataset.person[tested]))
        raise UserError(
            f"{setting} has learnt from {_listed(persons)}, {len(persons)} of the {total} subjects "
            "that this job tests: no score of theirs would be of an unseen person; name a network "
            "that other people have taught, or hold out others"
        )
    tests = dataset.select(tested)
    digests = zip(network_file.digests(tests).tolist(), tests.key, strict=True)
    again = [
        f"{key} (there {taught.clips[digest]})"
        for digest, key in digests
        if digest != network_file.STILL and digest in taught.clips
    ]
    if again:
        raise UserError(
            f"{setting} has learnt from clips that this job tests under other names, pixel for "
            f"pixel: {_listed(again)}; name a network that other clips have taught, or leave these "
            "subjects out"
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
