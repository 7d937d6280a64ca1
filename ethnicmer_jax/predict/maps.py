"""Where the evidence of networks lies in clips that they predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ethnicmer_jax.explain import views
from ethnicmer_jax.explain.folds import Explainer
from ethnicmer_jax.inference import Trained
from ethnicmer_jax.predict.outcomes import KEY, Outcomes
from ethnicmer_jax.predict.pixels import Seen
from ethnicmer_jax.predict.run import dataset_of

METHOD = "hirescam"
HEAD = "final"


def of(
    trained: Trained, seen: Sequence[Seen], outcomes: Outcomes
) -> dict[tuple[str, str, str], np.ndarray]:
    """HiResCAM of each clip's most probable class, mean over the networks that predicted it.

    Args:
      trained: the networks.
      seen: some of the clips of `outcomes`.
      outcomes: what was predicted of them.

    Returns:
      (database, subject, clip) -> float32 [28, 28], the mean of maps that each sum to 1, through
      the emotion branch; none where the classifier is no network.
    """
    if trained.config.classifier != "network" or not seen:
        return {}
    dataset = dataset_of(trained.config, [clip.record for clip in seen])
    engine = trained.engine(dataset)
    view = views.choose(engine.learner.model, [HEAD])[0]
    explainer = Explainer(engine, [view], [METHOD])
    rows = outcomes.table.set_index(list(KEY))["predicted"]
    keys = list(zip(dataset.database, dataset.subject, dataset.clip, strict=True))
    class_of = np.array([outcomes.classes.index(rows[key]) for key in keys])
    total = np.zeros((len(dataset), 28, 28))
    for row, state in engine.states(trained.directory):
        clips = engine.folds.test.clips(row)
        of_head = explainer.maps(state.variables, clips, {HEAD: class_of[clips]})
        heat = of_head[METHOD, view]
        total[clips] += heat / np.maximum(heat.sum((1, 2), keepdims=True), np.finfo(float).tiny)
    counts = np.zeros(len(dataset))
    for row in range(len(engine.folds)):
        counts[engine.folds.test.clips(row)] += 1
    return dict(zip(keys, total / counts[:, None, None], strict=True))
