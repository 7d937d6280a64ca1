"""The labels of clips as models want them: classes that nobody knows yet, and the ethnicity.

No network sees the emotion of a clip that it predicts. The ethnicity it may be told: fusion
`bias`, and `embed` with `model.embed_source=label`. What it is told is what the clip says,
Unknown by default; where the models were told wrong labels on purpose (`model.ethnic_labels`),
people of the database keep the label that was told in training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import ml_collections
import numpy as np

from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.data import targets
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.jobs import preparation


def labelled(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    classes: Sequence[str],
    databases: Sequence[str],
) -> tuple[Dataset, Targets]:
    """Clips with the classes of a job, all of them as if of the first one, and their targets.

    Args:
      config: of the job.
      dataset: n clips, with whatever emotions.
      classes: of the job, in order.
      databases: of the job.
    """
    emotion = np.zeros(len(dataset), np.int32)
    held = dataclasses.replace(dataset, emotion=emotion, emotion_names=tuple(classes))
    return held, _targets(config, held, databases)


def _targets(
    config: ml_collections.ConfigDict, dataset: Dataset, databases: Sequence[str]
) -> Targets:
    chosen = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    made = targets.of_config(config, dataset, chosen, databases, "annotated")
    if config.model.ethnic_labels == "annotated":
        return made
    database = preparation.read(config).dataset
    told = targets.of_config(config, database, chosen).ethnic
    of_person = dict(zip(database.person.tolist(), told.tolist(), strict=True))
    ethnic = [of_person.get(who, -1) for who in dataset.person.tolist()]
    return dataclasses.replace(made, ethnic=np.asarray(ethnic, np.int32))
