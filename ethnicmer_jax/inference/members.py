"""The models of a work directory, who taught each of them, and which of them may predict whom.

The rule is the protocol's: nobody is predicted by a model that has learnt from that person. A
person is (database, subject); a clip that is one of the database under another name is known by
its pixels.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from ethnicmer_jax.base.run_id import FINAL, INNER, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import network_file
from ethnicmer_jax.protocols.network_file import Networks

_NAMED = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """One model.

    Attributes:
      run: text of its `RunId`.
      fold: the part that was held out, such as "samm-006"; "everybody" for a final model.
      seed: of its random streams.
      final: whether it has learnt from everybody.
      row: its place among the models of the work directory.
      networks: all of them.
    """

    run: str
    fold: str
    seed: int
    final: bool
    row: int
    networks: Networks = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """`run/fold`, what its checkpoint is called."""
        return f"{self.run}/{self.fold}"

    @functools.cached_property
    def taught(self) -> frozenset[str]:
        """Everybody whom it, or its start, has learnt from, "database/subject"."""
        return self.networks.teachers(self.row).persons


class Choice(NamedTuple):
    """The models that may predict somebody.

    Attributes:
      members: at least one.
      note: which they are and why, one line.
    """

    members: tuple[Member, ...]
    note: str


class Members:
    """All models of a work directory."""

    def __init__(self, networks: Networks):
        """Lists the models; those of inner validation predict nobody else.

        Args:
          networks: as recorded.
        """
        jobs = {run: RunId.parse(str(run)).job for run in np.unique(networks.run)}
        job = np.array([jobs[run] for run in networks.run], np.str_)
        self._networks, self._final, self._outer = networks, job == FINAL, job != INNER
        self.all = tuple(self._member(row) for row in np.flatnonzero(self._outer).tolist())
        self._of_row = {member.row: member for member in self.all}
        # Two spellings of a code are one person: it must not be capitals that let a leak through.
        self._number = {str(name).lower(): i for i, name in enumerate(networks.person)}
        self._before = {str(name).lower() for name in networks.start_person}
        self._known = dict(zip(networks.clip.tolist(), networks.digest.tolist(), strict=True))
        self._same: dict[int, list[str]] = {}
        before = zip(networks.start_clip.tolist(), networks.start_digest.tolist(), strict=True)
        for clip, digest in (*self._known.items(), *before):
            self._same.setdefault(digest, []).append(clip)

    def choose(self, person: str | None) -> Choice:
        """The models that may predict a person: see `Trained.choose`."""
        return self._choice([person] if person is not None else [])

    def choices(self, dataset: Dataset) -> list[tuple[Choice, Int[np.ndarray, " _"]]]:
        """The models that may predict each of some clips.

        A clip whose flow is that of a clip of the database counts as one of that person, too.

        Args:
          dataset: n clips.

        Returns:
          Choices, and the clips that each is for; every clip is in one of them.

        Raises:
          UserError: every model has learnt from a person.
        """
        alike: dict[tuple[str, ...], list[int]] = {}
        digests = network_file.digests(dataset).tolist()
        for index, (key, digest) in enumerate(zip(dataset.key.tolist(), digests, strict=True)):
            alike.setdefault(self._twins(key, digest), []).append(index)
        made = []
        for twins, indices in alike.items():
            persons = {twin.rpartition("/")[0] for twin in twins}
            by_person: dict[str, list[int]] = {}
            for index in indices:
                by_person.setdefault(str(dataset.person[index]), []).append(index)
            for person, own in by_person.items():
                choice = self._choice(sorted(persons | {person}))
                if twins:
                    note = f"the same pixels as {', '.join(twins[:_NAMED])}; {choice.note}"
                    choice = Choice(choice.members, note)
                made.append((choice, np.asarray(own)))
        return made

    def _twins(self, key: str, digest: int) -> tuple[str, ...]:
        """Clips of the database with the same pixels, of a clip that is none of them itself."""
        if digest == network_file.STILL or self._known.get(key) == digest:
            return ()
        return tuple(self._same.get(digest, ()))

    def _choice(self, persons: Collection[str]) -> Choice:
        before = [person for person in persons if person.lower() in self._before]
        if before:
            raise UserError(
                f"{' and '.join(before)} {_have(before)} taught the weights that all models "
                "here start from (init.path), so that none may predict clips of this person"
            )
        known = [person for person in persons if person.lower() in self._number]
        return self._of_known(known) if known else self._of_strangers()

    def _of_known(self, persons: Collection[str]) -> Choice:
        names, numbers = " and ".join(persons), [self._number[who.lower()] for who in persons]
        untaught = self._outer & ~self._networks.taught[:, numbers].any(1)
        held_out = untaught & self._networks.tested[:, numbers].any(1)
        if held_out.any():
            members = self._members(held_out)
            return Choice(
                members,
                f"{names} is of the database: predicted by {_counted(members, 'model')} of the "
                f"folds that hold this person out ({_runs(members)})",
            )
        if untaught.any():
            members = self._members(untaught)
            return Choice(
                members,
                f"{names} is of the database and was tested in no fold: predicted by "
                f"{_counted(members, 'model')} that did not learn from this person "
                f"({_runs(members)})",
            )
        raise UserError(
            f"{names} {_have(persons)} taught every model here, so that none may "
            "predict clips of this person; train with a protocol that holds everybody out, such as "
            "--config.protocol.name=loso"
        )

    def _of_strangers(self) -> Choice:
        if self._final.any():
            members = self._members(self._final)
            people = int(self._networks.taught[members[0].row].sum())
            return Choice(
                members, f"predicted by {_counted(members, 'final model')} of {people} subjects"
            )
        members = self._members(self._outer)
        return Choice(
            members,
            f"there are no final models here: predicted by all {_counted(members, 'model')} of the "
            f"held-out folds ({_runs(members)}), none of which knows this person",
        )

    def _members(self, mask: Bool[np.ndarray, " models"]) -> tuple[Member, ...]:
        return tuple(self._of_row[row] for row in np.flatnonzero(mask).tolist())

    def _member(self, row: int) -> Member:
        networks = self._networks
        names = str(networks.run[row]), str(networks.fold[row]), int(networks.seed[row])
        return Member(*names, bool(self._final[row]), row, networks)


def _counted(members: Collection[Member], what: str) -> str:
    return f"{len(members)} {what}{'' if len(members) == 1 else 's'}"


def _have(persons: Collection[str]) -> str:
    return "has" if len(persons) == 1 else "have"


def _runs(members: Collection[Member]) -> str:
    names = list(dict.fromkeys(member.run for member in members))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
