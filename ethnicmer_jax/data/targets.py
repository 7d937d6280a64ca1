"""What the two branches have to learn: class indices and their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import ml_collections
import numpy as np
from jaxtyping import Int, Int32, Shaped

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError
from ethnicmer_jax.data import strata
from ethnicmer_jax.data.dataset import Dataset

ETHNIC_TARGETS = ("ethnicity", "group")
"""What an ethnic head may tell apart."""

ADVERSARIAL_TARGETS = ("database", *ETHNIC_TARGETS)
"""What an adversary may tell apart."""

_Labels = Int[np.ndarray, " people"]
_Names = Shaped[np.ndarray, " people"]


@dataclasses.dataclass(frozen=True)
class Targets:
    """Labels of n clips.

    Attributes:
      emotion: int32 [n], index into `emotion_names`.
      emotion_names: the classes of the scheme, as in the dataset.
      ethnic: int32 [n], index into `ethnic_names`; -1 for Unknown, which no ethnic
        loss sees.
      ethnic_names: the ethnicities, the groups of the protocol's grouping, or the databases.
      database: int32 [n], index into `database_names`, -1 for another one; None where nothing
        depends on it.
      database_names: the databases of the job.
      stratum: int32 [n], index into `stratum_names`, -1 for none, see `strata.of`; None alike.
      stratum_names: what training weighs against each other.
    """

    emotion: Int32[np.ndarray, " clips"]
    emotion_names: tuple[str, ...]
    ethnic: Int32[np.ndarray, " clips"]
    ethnic_names: tuple[str, ...]
    database: Int32[np.ndarray, " clips"] | None = None
    database_names: tuple[str, ...] = ()
    stratum: Int32[np.ndarray, " clips"] | None = None
    stratum_names: tuple[str, ...] = ()


def target_of(model: ml_collections.ConfigDict) -> str:
    """What the ethnic head of a `config.model` tells apart, one of ADVERSARIAL_TARGETS."""
    own = model.get("adversarial_target", "") if model.fusion == "adversarial" else ""
    return own or model.ethnic_target


def of_config(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    grouping: Grouping,
    databases: Sequence[str] | None = None,
    ethnic_labels: str | None = None,
) -> Targets:
    """The labels under a config.

    Args:
      config: the whole config.
      dataset: n clips, with the classes of a scheme (`class_labels.classed`).
      grouping: the protocol's grouping.
      databases: of the job, where the clips are others; those of the clips by default.
      ethnic_labels: one of ETHNIC_LABELS; `model.ethnic_labels` by default.

    Raises:
      UserError: another target, or other labels; nobody is in a stratum.
    """
    made = build(
        dataset,
        target_of(config.model),
        grouping,
        config.model.ethnic_labels if ethnic_labels is None else ethnic_labels,
        config.seed,
        databases,
    )
    if target_of(config.model) == "database" and len(made.database_names) < 2:
        raise UserError(
            f"model.adversarial_target is database, and all clips are of {made.database_names[0]}: "
            "an adversary has nothing to tell apart"
        )
    weighed = {config.loss.balanced_over, config.loss.robust} - {"none"}
    by = weighed.pop() if weighed else "none"
    assert made.database is not None, "build gives it"
    group = grouping.indices(dataset.ethnicity)
    stratum = strata.of(by, group, len(grouping.names), made.database)
    if by != "none" and databases is None and not (stratum >= 0).any():
        raise UserError(f"nobody belongs to a {by}: loss.* cannot weigh clips by it")
    names = strata.names(by, grouping.names, made.database_names)
    return dataclasses.replace(made, stratum=stratum, stratum_names=names)


def build(
    dataset: Dataset,
    ethnic_target: str,
    grouping: Grouping,
    ethnic_labels: str = "annotated",
    seed: int = 0,
    databases: Sequence[str] | None = None,
) -> Targets:
    """The labels of emotion, ethnicity and database.

    Args:
      dataset: n clips, with the classes of a scheme (`class_labels.classed`).
      ethnic_target: "ethnicity" (five classes), "group" (those of `grouping`) or "database".
      grouping: the protocol's grouping.
      ethnic_labels: one of ETHNIC_LABELS; what is done to the ethnic labels, and to
        nothing else: see `controlled`.
      seed: of what is random about them.
      databases: their names; those of the clips by default.

    Raises:
      UserError: another target, or other labels.
    """
    if ethnic_target not in ADVERSARIAL_TARGETS:
        raise UserError(f"model.ethnic_target {ethnic_target!r}: choose from {ETHNIC_TARGETS}")
    if ethnic_labels not in ETHNIC_LABELS:
        raise UserError(f"model.ethnic_labels {ethnic_labels!r}: choose from {ETHNIC_LABELS}")
    group = grouping.indices(dataset.ethnicity)
    names = tuple(sorted(map(str, databases or np.unique(dataset.database))))
    place = {name: number for number, name in enumerate(names)}
    database = np.array([place.get(str(name), -1) for name in dataset.database], np.int32)
    if ethnic_target == "database":
        ethnic, ethnic_names = database, names
    elif ethnic_target == "group":
        ethnic, ethnic_names = group, grouping.names
    else:
        ethnic_names = tuple(name for name in ETHNICITIES if name != UNKNOWN)
        unknown = dataset.ethnicity == ETHNICITIES.index(UNKNOWN)
        ethnic = np.where(unknown, -1, dataset.ethnicity).astype(np.int32)
    changed = controlled(ethnic_labels, ethnic, group, dataset, seed)
    return Targets(dataset.emotion, dataset.emotion_names, changed, ethnic_names, database, names)


def controlled(
    which: str,
    ethnic: Int32[np.ndarray, " clips"],
    group: Int[np.ndarray, " clips"],
    dataset: Dataset,
    seed: int,
) -> Int32[np.ndarray, " clips"]:
    """Ethnic labels that are wrong on purpose: controls of models that are told the ethnicity.

    A gain from ethnic labels has to vanish when they carry no information (shuffled,
    constant), and predictions that depend on them change when they are swapped. A person has
    the same label in every clip.

    Args:
      which: "annotated", as they are; "shuffled", persons of a database exchange theirs at
        random; "constant", everybody has the most frequent one; "swapped", everybody has
        the most frequent one of the next group (of two groups: the other one), as a
        counterfactual.
      ethnic: int32 [n], the annotated labels, -1 where unknown.
      group: int32 [n], index of the clip's group, -1 for none.
      dataset: the n clips.
      seed: of the shuffle.

    Returns:
      int32 [n]. Unknown labels stay unknown, except under "constant".

    Raises:
      KeyError: another name.
    """
    if which == "annotated":
        return ethnic
    _, first, clips = np.unique(dataset.person, return_index=True, return_inverse=True)
    changed = _CONTROLS[which](ethnic[first], group[first], dataset.database[first], seed)
    return changed[clips].astype(np.int32)


def _shuffled(ethnic: _Labels, group: _Labels, database: _Names, seed: int) -> _Labels:
    del group
    rng, changed = np.random.default_rng(seed), ethnic.copy()
    for name in np.unique(database):
        known = np.flatnonzero((database == name) & (ethnic >= 0))
        changed[known] = rng.permutation(ethnic[known])
    return changed


def _constant(ethnic: _Labels, group: _Labels, database: _Names, seed: int) -> _Labels:
    del group, database, seed
    return np.full_like(ethnic, _most_frequent(ethnic))


def _swapped(ethnic: _Labels, group: _Labels, database: _Names, seed: int) -> _Labels:
    del database, seed
    changed = ethnic.copy()
    groups = np.unique(group[(group >= 0) & (ethnic >= 0)])
    for one, following in zip(groups, np.roll(groups, -1), strict=True):
        changed[(group == one) & (ethnic >= 0)] = _most_frequent(ethnic[group == following])
    return changed


def _most_frequent(ethnic: Int[np.ndarray, " people"]) -> int:
    """Of the known labels; -1 where there is none."""
    known = ethnic[ethnic >= 0]
    return int(np.bincount(known).argmax()) if len(known) else -1


_CONTROLS: Mapping[str, Callable[..., np.ndarray]] = {
    "shuffled": _shuffled,
    "constant": _constant,
    "swapped": _swapped,
}

ETHNIC_LABELS = ("annotated", *_CONTROLS)
"""What may be done to the ethnic labels, see `controlled`."""
