"""Which statistic gives the randomisation test most power, with logistic regression.

    python -m benchmarks.exact_statistics [--design=balanced_08] [--effect=0.5]

Databases of seed 5, which no check uses. Each relabelling is drawn, dealt into folds and trained
once; every statistic is taken of the same models. Printed are, for each statistic, how often the
test rejects at 5%, and by how many standard deviations of the relabellings the groups as they are
stand out on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ml_collections
import numpy as np
from absl import flags

from configs import calibrate
from ethnicmer_jax.analysis import confusion, effects, permutation
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs.calibration import trial, worlds
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.protocols import relabelling
from ethnicmer_jax.protocols.relabelling import Relabelling
from ethnicmer_jax.protocols.request import Request
from ethnicmer_jax.training.shallow import features, together
from ethnicmer_jax.training.shallow.classifier import Recipe


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("design", "balanced_08", "A design of configs/calibrate.py.")
    flags.DEFINE_float("effect", 0.5, "True effect.")
    flags.DEFINE_integer("databases", 40, "Simulated databases.", lower_bound=1)
    flags.DEFINE_integer("relabellings", 39, "Beside the groups as they are.", lower_bound=39)
    flags.DEFINE_integer("deals", 1, "Of the subjects into folds.", lower_bound=1)
    flags.DEFINE_integer("draws", 1, "Of the matched arms.", lower_bound=1)
    flags.DEFINE_integer("folds", 4, "On each side.", lower_bound=2)


def main() -> None:
    """Prints the table."""
    given = flags.FLAGS
    config = calibrate.get_config("logistic")
    config.data.simulated.seed = 5
    config.protocol.draws = given.draws
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in STATISTICS}
    for number in Progress("databases", range(given.databases), unit="database"):
        world = World(given.design, given.effect, number)
        values = of_database(worlds.motion_fields(world, config), config)
        for name, own in values.items():
            p = permutation.two_sided_p(own[0], own[1:])
            found[name].append((p, (own[0] - own[1:].mean()) / own[1:].std(ddof=1)))
    print(f"{given.design}, effect {given.effect:g}, {given.databases} databases, "
          f"{given.relabellings} relabellings, {given.draws} draws, {given.deals} deals, "
          f"{given.folds} folds")  # fmt: skip
    for name, pairs in found.items():
        p, outstanding = np.transpose(pairs)
        low, high = effects.wilson_interval(int((p <= effects.ALPHA).sum()), len(p))
        print(f"{name}: {(p <= effects.ALPHA).mean():.0%} [{low:.0%}, {high:.0%}], "
              f"stands out by {outstanding.mean():.1f}")  # fmt: skip


def of_database(dataset: Dataset, config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
    """The own-group advantage of every relabelling, in each of STATISTICS."""
    everybody = np.ones(len(dataset), bool)
    request = Request(config.protocol, dataset, everybody, trial.groups(config), (config.seed,))
    seen = features.extract(config, dataset, np.array([config.seed])).by_seed[config.seed]
    every = relabelling.possible(request, flags.FLAGS.relabellings, flags.FLAGS.draws)
    rows = [_advantages(one, request, seen, Recipe.of(config)) for one in every]
    return {name: np.array([row[name] for row in rows]) for name in STATISTICS}


def _advantages(
    one: Relabelling, request: Request, seen: np.ndarray, recipe: Recipe
) -> dict[str, float]:
    dataset, deals = request.dataset, flags.FLAGS.deals
    table = relabelling.rows(one, request, folds=flags.FLAGS.folds, deals=deals)
    classes, truth = len(dataset.emotion_names), dataset.emotion
    train = np.array(list(table.train))
    p = together.probabilities(recipe, seen, truth, train, classes)
    blocks = np.split(np.arange(len(table)), len(one.drawn) * deals)
    made: dict[str, list[float]] = {name: [] for name in STATISTICS}
    for number, block in enumerate(blocks):
        sides = one.drawn[number // deals].sides
        answers = np.full((2, len(dataset), classes), np.nan)  # of own models, then of others
        for row in block:
            trained = int((train[row] & sides[1]).any())
            for side in (0, 1):
                clips = table.test[row] & sides[side]
                answers[int(side != trained), clips] = p[row, clips]
        for name, score in STATISTICS.items():
            own, other = (
                np.mean([score(answer[side], truth[side]) for side in sides]) for answer in answers
            )
            made[name].append(own - other)
    return {name: float(np.mean(values)) for name, values in made.items()}


def _counts(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Confusion matrix."""
    classes = np.eye(p.shape[1])
    return classes[truth].T @ classes[p.argmax(axis=1)]


def _sums(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The same of probabilities."""
    return np.eye(p.shape[1])[truth].T @ p


def _of_truth(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return p[np.arange(len(p)), truth]


def _margin(p: np.ndarray, truth: np.ndarray) -> float:
    others = np.where(np.eye(p.shape[1], dtype=bool)[truth], -1.0, p).max(axis=1)
    return float((_of_truth(p, truth) - others).mean())


STATISTICS: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mean probability of the true class": lambda p, truth: float(_of_truth(p, truth).mean()),
    "its margin over the next class": _margin,
    "mean log probability": lambda p, truth: float(
        np.log(np.maximum(_of_truth(p, truth), 1e-3)).mean()
    ),
    "UF1 of summed probabilities": lambda p, truth: float(confusion.uf1(_sums(p, truth))),
    "accuracy": lambda p, truth: float(confusion.accuracy(_counts(p, truth))),
    "UF1": lambda p, truth: float(confusion.uf1(_counts(p, truth))),
    "UAR": lambda p, truth: float(confusion.uar(_counts(p, truth))),
}


if __name__ == "__main__":
    define_flags()
    cli.run(main)
