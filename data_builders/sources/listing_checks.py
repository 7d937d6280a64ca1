"""What is wrong with a whole listing, whatever source its clips come from.

A person whose code is written in two ways would be trained on in one fold and tested in it
under the other name; a clip whose onset is its apex shows no motion.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence

from data_builders.sources import codes, demographics
from data_builders.sources.base import ClipTask, Film, FramePair, GivenFlow, Listing, Problem


def checked(listing: Listing) -> Listing:
    """The listing with a problem for each doubtful code and each clip without motion.

    Neither is fatal: the clips are kept. So are problems of tables of ethnicities with rows
    of databases that nobody has read (`demographics.foreign_rows`). A note counts the clips
    whose apex nobody coded.

    Raises:
      UserError: a table of ethnicities cannot be read.
    """
    listing = demographics.foreign_rows(listing)
    found = (*_twins(listing.tasks), *_motionless(listing.tasks))
    notes = (*listing.notes, *_uncoded(listing.tasks))
    return dataclasses.replace(listing, problems=(*listing.problems, *found), notes=notes)


def _uncoded(tasks: Sequence[ClipTask]) -> Iterator[str]:
    """A note of the clips whose apex the builder looks for."""
    if films := sum(isinstance(task.motion, Film) for task in tasks):
        yield f"no apex is coded in {films} clips: it is found, and recorded as found"


def _twins(tasks: Sequence[ClipTask]) -> Iterator[Problem]:
    """Subjects of one database whose codes differ in leading zeros or case only.

    The database may be written in two ways, too.
    """
    alike: dict[tuple[str, str], dict[str, str]] = collections.defaultdict(dict)
    for task in tasks:
        labels = task.labels
        twins = alike[codes.database_key(labels.database), codes.folded(labels.subject)]
        twins.setdefault(labels.person, task.key)
    for twins in alike.values():
        if len(twins) > 1:
            first, *others = sorted(twins)
            yield Problem(
                first,
                f"may be the same person as {', '.join(others)}: folds would train on one and test"
                " on the other; give a person one code",
                fatal=False,
            )


def _motionless(tasks: Sequence[ClipTask]) -> Iterator[Problem]:
    """Clips of frames whose onset is their apex, by number or by file."""
    for task in tasks:
        labels, motion = task.labels, task.motion
        if isinstance(motion, GivenFlow):
            continue
        frame = ""
        if labels.onset == labels.apex >= 0:
            frame = f"frame {labels.onset}"
        elif isinstance(motion, FramePair) and motion.onset == motion.apex:
            frame = f"the file {motion.onset.name}"
        if frame:
            yield Problem(
                task.key,
                f"no motion, onset and apex are both {frame}: mend the apex or leave the clip out",
                fatal=False,
            )
