"""From annotators to the three files of an annotation: votes, one decision per subject, a page."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from data_builders.ethnicity import audit, tables
from data_builders.ethnicity.consolidation import (
    Override,
    Person,
    Thresholds,
    consolidate,
)
from data_builders.ethnicity.votes import Annotator, Vote
from data_builders.sources import codes
from ethnicmer_jax.base import files
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import UNKNOWN, UserError

_SHOWN = 5


def annotate(
    annotators: Sequence[Annotator],
    thresholds: Thresholds,
    overrides: Mapping[Person, Override],
    out: pathlib.Path,
) -> list[str]:
    """Lets annotators vote, decides, and writes three files, each whole or not at all.

    Args:
      annotators: who votes.
      thresholds: when a label is given at all.
      overrides: what humans say, by (database, subject).
      out: the folder to write into.

    Returns:
      Lines that tell the user what came out.

    Raises:
      UserError: an annotator votes twice on a clip, there is no clip, or two overrides are
        for one subject.
    """
    votes, renamed = _one_code_each(collect(annotators))
    decisions = consolidate(votes, thresholds, _of_voters(overrides, votes))
    if not decisions:
        raise UserError("there is nothing to annotate: the table or the source has no clips")
    page = audit.Audit(decisions, thresholds)
    tables.write_votes(out / tables.VOTES_FILE, page.votes)
    files.write_text(out / audit.FILE_NAME, audit.render(page))
    tables.write_subjects(out / tables.SUBJECTS_FILE, decisions)
    return [*_lines(out, page), *renamed]


def collect(annotators: Sequence[Annotator]) -> list[Vote]:
    """The votes of all annotators, with their progress.

    Raises:
      UserError: an annotator votes twice on a clip (the same table given twice, say).
    """
    votes: dict[tuple[str, str], Vote] = {}
    for annotator in annotators:
        total = len(annotator)
        for vote in Progress(annotator.name, annotator.votes(), total=total, unit="clip"):
            key = vote.annotator, vote.key
            if key in votes:
                raise UserError(f"{vote.annotator} votes twice on {vote.key}; give one of the two")
            votes[key] = vote
    return list(votes.values())


def _one_code_each(votes: Sequence[Vote]) -> tuple[list[Vote], list[str]]:
    """Votes in which a subject has one code, though tables write 6 and 006; and what was done.

    Of codes that differ in leading zeros or case only, the longest counts. An annotator that
    has two of them itself may mean two people: then nothing is renamed.
    """
    codes_of: dict[tuple[str, str], dict[str, set[str]]] = collections.defaultdict(dict)
    for vote in votes:
        alike = codes_of[vote.database, codes.folded(vote.subject)]
        alike.setdefault(vote.subject, set()).add(vote.annotator)
    meant: dict[Person, str] = {}
    notes, one = [], []
    for (database, _), alike in sorted(codes_of.items()):
        if len(alike) == 1:
            continue
        longest = max(sorted(alike), key=len)
        written = ", ".join(sorted(set(alike) - {longest}))
        if sum(map(len, alike.values())) > len(set.union(*alike.values())):
            notes.append(f"note: {database}/{longest} and {written} may be one person")
            continue
        one.append(f"{database}/{longest} ({written})")
        meant |= {(database, code): longest for code in alike}
    if one:
        shown = ", ".join(one[:_SHOWN]) + (", …" if len(one) > _SHOWN else "")
        notes.append(f"note: {len(one)} subjects are also written otherwise: {shown}")
    as_meant = [
        dataclasses.replace(vote, subject=meant.get(vote.person, vote.subject)) for vote in votes
    ]
    return as_meant, notes


def _of_voters(
    overrides: Mapping[Person, Override], votes: Sequence[Vote]
) -> dict[Person, Override]:
    """Overrides by the codes that the votes have: 6 of a spreadsheet is 006.

    Raises:
      UserError: two of them are for one subject.
    """
    subjects: dict[str, set[str]] = collections.defaultdict(set)
    for vote in votes:
        subjects[vote.database].add(vote.subject)
    known = {database: codes.Codes(of) for database, of in subjects.items()}
    found: dict[Person, Override] = {}
    for (database, subject), override in overrides.items():
        meant = known[database].find(subject) if database in known else None
        person = database, meant or subject
        if person in found:
            raise UserError(f"two overrides are for {'/'.join(person)}; keep one of them")
        found[person] = override
    return found


def _lines(out: pathlib.Path, page: audit.Audit) -> list[str]:
    decisions = page.decisions
    labelled = sum(decision.ethnicity != UNKNOWN for decision in decisions)
    errors = sum(decision.n_errors for decision in decisions)
    unseen = [decision for decision in decisions if not decision.votes]
    return [
        f"{labelled} of {len(decisions)} subjects have a label, {errors} votes failed; "
        f"see {out / audit.FILE_NAME}",
        *(
            f"note: {decision.database}/{decision.subject} has an override but no clip; "
            "is the code right?"
            for decision in unseen
        ),
        *(
            f"note: {pair.first} and {pair.second} judge no clip in common; are databases, "
            "subjects and clips spelled alike?"
            for pair in page.strangers
        ),
    ]
