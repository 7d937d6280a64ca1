"""svm and logistic regression on clips: fitted anew from the database, as they were in training.

Nothing of a fitted classifier of scikit-learn is kept (its own format is pickle, which nobody
should load from elsewhere). A fit takes little time and is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator

import ml_collections
import numpy as np
from jaxtyping import Float

from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset, concatenated
from ethnicmer_jax.data.targets import build as build_targets
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.protocols import build
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training.shallow import Shallow
from ethnicmer_jax.training.shallow import features as shallow_features


def predicted(config: ml_collections.ConfigDict, dataset: Dataset, table: FoldTable) -> Predictions:
    """The predictions of clips.

    Args:
      config: of the job.
      dataset: n clips, with the classes of the job; their emotions are not looked at.
      table: which model predicts which of them; who taught it is looked up.

    Raises:
      UserError: the database has changed, or cannot be built.
    """
    database = preparation.read(config).dataset
    plan = build(config.protocol, database, config.seed)
    row_of = {name: row for row, name in enumerate(plan.folds.names)}
    missing = [name for name in table.names if name not in row_of]
    if missing or database.emotion_names != dataset.emotion_names:
        what = f"fold {missing[0]}" if missing else "classes"
        raise UserError(f"the database has changed since training: other {what}")
    known, new = np.arange(len(database)), np.arange(len(dataset)) + len(database)
    both = concatenated([database, dataset])
    train = plan.folds.train.select([row_of[name] for name in table.names])
    taught, tested = train.placed(known, len(both)), table.test.placed(new, len(both))
    joint = FoldTable(table.run, table.fold, taught, tested, table.seed)
    found = Shallow(config, both, build_targets(both, "ethnicity", plan.grouping), joint).train()
    assert found is not None, "every model here tests a clip"
    return found


def features(
    config: ml_collections.ConfigDict, dataset: Dataset, table: FoldTable
) -> Iterator[tuple[int, Float[np.ndarray, "clips features"]]]:
    """What each classifier sees of its clips: row of the table, float32 [clips, d]."""
    if config.data.standardise != "none":
        raise UserError(
            "each of these classifiers sees flow that is standardised within the databases of its "
            "fold (data.standardise): they have no features in common"
        )
    found = shallow_features.extract(config, dataset, table.seed)
    for row, seed in enumerate(table.seed.tolist()):
        yield row, found.by_seed[seed][0, table.test.clips(row)]
