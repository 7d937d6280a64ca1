"""Every clip explained by the network of its own held-out fold."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import inputs as pixels
from ethnicmer_jax.explain import maps, views
from ethnicmer_jax.explain.maps import Inputs, Variables
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.models.backbones import tap
from ethnicmer_jax.training.engine import Engine

EXPLAINED = ("predicted", "true")
GRID = 28
"""Cells along a side of the maps that are kept, whatever the size of a feature map."""

MapName = tuple[str, View]
"""(method, view)."""
Maps = Float[np.ndarray, "clips 28 28"]
"""Maps of clips on the GRID."""
Classes = dict[str, Int[np.ndarray, " clips"]]
"""Head -> a class of every clip."""

Key = TypeVar("Key")


@dataclasses.dataclass(frozen=True)
class ClipMaps:
    """Maps of n predictions of test clips, in the order of the fold table.

    Attributes:
      layer: whose gradients and values the maps are made of.
      run: the run of every prediction.
      clip: rows of the data set; a clip is there once per run.
      predicted: averaged with its mirrored copy, as in predictions.csv.
      classes: the class that is explained.
      maps: of each method and view.
    """

    layer: str
    run: Shaped[np.ndarray, " clips"]
    clip: Int[np.ndarray, " clips"]
    predicted: Classes
    classes: Classes
    maps: dict[MapName, Maps]


class Explainer:
    """The compiled functions that explain clips of one engine's data set."""

    def __init__(
        self,
        engine: Engine,
        chosen: Sequence[View],
        methods: Sequence[str],
        layer: str = tap.LAST,
    ):
        """Compiles nothing yet.

        Args:
          engine: holds the clips and the classifier.
          chosen: views to explain.
          methods: some of METHODS.
          layer: of every backbone, see `tap`.

        Raises:
          UserError: a backbone has no such layer, or flow is standardised within database.
        """
        if engine.standardised:
            raise UserError(
                "maps are drawn on flow as it is, and these networks see it standardised within "
                "database (data.standardise): explain networks that were trained without"
            )
        self.views, self.methods, self.layer = tuple(chosen), tuple(methods), layer
        self.model = views.differentiable(engine.learner.model)
        self._batch = engine.learner.eval_batch
        branches = ["emotion", *(["ethnic"] if self.model.ethnic_backbone is not None else [])]
        self._images = {branch: engine.images(branch) for branch in branches}
        self._which = {branch: engine.input_of(branch) for branch in branches}
        self._mirror = engine.learner.mirror
        self._targets = engine.targets
        maps.check_layer(self.model, self._inputs(np.zeros(1, int)), layer)
        self._init = jax.jit(functools.partial(self.model.init, train=False))
        self._logits = jax.jit(functools.partial(maps.logits, self.model))
        self._scores = jax.jit(functools.partial(_scores, self.model))
        self._gradients = jax.jit(
            lambda variables, inputs, classes: maps.gradient_maps(
                self.model, variables, inputs, self.views, classes, layer
            )
        )

    def random_variables(self, seed: int) -> Variables:
        """Weights that nothing was learnt with."""
        return self._init(jax.random.key(seed), self._inputs(np.zeros(1, int)))

    def predicted(self, variables: Variables, clips: Int[np.ndarray, " clips"]) -> Classes:
        """The most probable class of each clip, averaged with its mirrored copy as in training."""
        copies = [
            self._in_batches(
                lambda inputs, _: {
                    head: jax.nn.softmax(values)
                    for head, values in self._logits(variables, inputs).items()
                },
                clips,
                {},
                mirror=mirror,
            )
            for mirror in ((False, True) if self._mirror else (False,))
        ]
        return {head: sum(copy[head] for copy in copies).argmax(-1) for head in copies[0]}

    def true(self, clips: Int[np.ndarray, " clips"], otherwise: Classes) -> Classes:
        """The true class of each clip; `otherwise` where its ethnicity is Unknown."""
        labels = {"ethnic": self._targets.ethnic[clips]}
        labels = {head: labels.get(head, self._targets.emotion[clips]) for head in otherwise}
        return {head: np.where(labels[head] < 0, otherwise[head], labels[head]) for head in labels}

    def maps(
        self, variables: Variables, clips: Int[np.ndarray, " clips"], classes: Classes
    ) -> dict[MapName, Maps]:
        """The maps of clips by each method and view, of the logits of `classes`."""
        of_size = self._in_batches(
            lambda inputs, batch: self._batch_maps(variables, inputs, batch), clips, classes
        )
        return {name: _on_grid(values) for name, values in of_size.items()}

    def _batch_maps(
        self, variables: Variables, inputs: Inputs, classes: dict[str, Int[Array, " batch"]]
    ) -> dict[MapName, jax.Array | np.ndarray]:
        by_method: dict[str, Mapping[View, jax.Array | np.ndarray]] = {}
        if set(self.methods) & set(maps.GRADIENT_METHODS):
            by_method |= self._gradients(variables, inputs, classes)
        if maps.OCCLUSION in self.methods:
            score = functools.partial(self._scores, variables, classes)
            by_method[maps.OCCLUSION] = maps.occlusion_maps(score, inputs, self.views)
        # JAX sorts dictionaries; the first view is the one that is spoken of first.
        return {(method, v): by_method[method][v] for v in self.views for method in self.methods}

    def _in_batches(
        self,
        function: Callable[[Inputs, dict[str, jax.Array]], Mapping[Key, jax.Array | np.ndarray]],
        clips: Int[np.ndarray, " clips"],
        classes: Classes,
        mirror: bool = False,
    ) -> dict[Key, np.ndarray]:
        """Calls `function` on batches of one size, so that it is compiled once."""
        parts = []
        for start in range(0, len(clips), self._batch):
            rows = np.arange(start, min(start + self._batch, len(clips)))
            filled = np.resize(rows, self._batch)
            batch = {head: jnp.asarray(values[filled]) for head, values in classes.items()}
            results = function(self._inputs(clips[filled], mirror), batch)
            parts.append({name: np.asarray(x)[: len(rows)] for name, x in results.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _inputs(
        self, clips: Int[np.ndarray, " clips"], mirror: bool = False
    ) -> dict[str, jax.Array]:
        images = {}
        for branch, values in self._images.items():
            seen = values[clips]
            images[branch] = jnp.asarray(
                pixels.mirrored(seen, self._which[branch]) if mirror else seen
            )
        return {**images, "ethnicity": jnp.asarray(self._targets.ethnic[clips])}


def explain(
    explainer: Explainer,
    states: Iterable[tuple[int, Variables]],
    tests: Mapping[int, Int[np.ndarray, " clips"]],
    runs: Shaped[np.ndarray, " folds"],
    *,
    classes: Mapping[int, Classes] | str = "predicted",
    title: str = "explaining trained networks",
) -> ClipMaps:
    """Explains the chosen test clips of some folds.

    Args:
      explainer: of the engine that the folds belong to.
      states: rows of the fold table with the variables of each.
      tests: row -> the test clips that are wanted; other rows are passed over.
      runs: the run of every row.
      classes: which class is explained: one of EXPLAINED, or row -> the class of each clip.
      title: what the progress is called.
    """
    parts: list[ClipMaps] = []
    with Progress[None](title, total=len(tests), unit="fold") as progress:
        for row, variables in _until_done(states, tests):
            clips = tests[row]
            predicted = explainer.predicted(variables, clips)
            chosen = predicted
            if classes == "true":
                chosen = explainer.true(clips, predicted)
            elif not isinstance(classes, str):
                chosen = classes[row]
            clip_maps = explainer.maps(variables, clips, chosen)
            run = np.full(len(clips), runs[row])
            parts.append(ClipMaps(explainer.layer, run, clips, predicted, dict(chosen), clip_maps))
            progress.update()
    return _joined(parts)


def _until_done(
    states: Iterable[tuple[int, Variables]], tests: Mapping[int, np.ndarray]
) -> Iterator[tuple[int, Variables]]:
    """The wanted states; does not ask for those that come after the last of them."""
    left = set(tests)
    for row, variables in states:
        if row in left:
            yield row, variables
            left.remove(row)
        if not left:
            return


def _joined(parts: Sequence[ClipMaps]) -> ClipMaps:
    def joined(name: str) -> dict:
        first = getattr(parts[0], name)
        return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in first}

    return ClipMaps(
        parts[0].layer,
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.clip for part in parts]),
        *(joined(name) for name in ("predicted", "classes", "maps")),
    )


def _scores(model, variables, classes, inputs) -> dict[str, Float[Array, " batch"]]:
    """Head -> the logit of the class that is explained."""
    return {
        head: jnp.take_along_axis(values, classes[head][:, None], axis=1)[:, 0]
        for head, values in maps.logits(model, variables, inputs).items()
    }


def _on_grid(of_size: Float[np.ndarray, "clips h w"]) -> Maps:
    how = cv2.INTER_AREA if of_size.shape[1] > GRID else cv2.INTER_LINEAR
    return np.stack([cv2.resize(one, (GRID, GRID), interpolation=how) for one in of_size])
