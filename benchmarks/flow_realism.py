"""How well a classifier tells drawn from recorded flow, and what one teaches about the other.

    python -m benchmarks.flow_realism --manifest=PATH/manifest.csv [--drawn=realism=public]

Both kinds of clips as 8-bit images, each scaled by itself. Classifiers are cross-validated over
subjects: area under the ROC curve (.5: nothing tells them apart), with subjects of both kinds
resampled. Then networks and logistic regression are trained on clips of one kind and tested on
the other. Appends rows to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from absl import flags
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks import flow_features, results
from configs import common
from data_builders.database.pipeline import BuildOptions, make_record
from data_builders.simulation import options as simulation
from data_builders.sources import simulated
from data_builders.sources.manifest import list_clips
from ethnicmer_jax.analysis import intervals
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.base import class_schemes, cli
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import ClipRecord
from ethnicmer_jax.data import class_labels
from ethnicmer_jax.data.dataset import Dataset, from_records
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.protocols import build

CLASSIFIERS: Mapping[str, tuple[str, object]] = {
    "logistic regression, 7 × 7 grid": (
        "grid",
        make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
        ),
    ),
    "SVM, pixels": ("pixels", make_pipeline(StandardScaler(), SVC(class_weight="balanced"))),
    "random forest, statistics": (
        "statistics",
        RandomForestClassifier(300, class_weight="balanced", min_samples_leaf=3, random_state=0),
    ),
}
"""Name -> features and what is trained on them."""

_RESAMPLES = 400


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("manifest", None, "CSV of recorded flow.", required=True)
    flags.DEFINE_multi_string("drawn", ["", "realism=public"], "Settings of drawn clips: a=1;b=2.")
    flags.DEFINE_integer("seeds", 3, "Networks trained on each kind; 0: none.", lower_bound=0)
    flags.DEFINE_integer("epochs", 20, "Epochs of a network.", lower_bound=1)
    flags.DEFINE_integer("train_subjects", 0, "Drawn people to learn from; 0: 52.", lower_bound=0)
    flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to; empty for none.")


def main() -> None:
    """Measures each kind of drawn clips."""
    given = flags.FLAGS
    told_apart_by, taught_by = (
        results.Table.opened(given.results, heading)
        for heading in ("Drawn and recorded flow", "Between drawn and recorded flow")
    )
    real = recorded(pathlib.Path(given.manifest))
    for settings in given.drawn:
        name = settings or "default"
        for row in _discrimination(classed(real), classed(drawn(settings))):
            told_apart_by.add([results.today(), name, *row])
        if given.seeds:
            taught = drawn(settings, given.train_subjects or 52)
            for row in _transfer(real, taught, given.seeds, given.epochs):
                taught_by.add([results.today(), name, *row])


def drawn(settings: str, subjects: int = 52) -> list[ClipRecord]:
    """Simulated clips of people whose group changes nothing.

    Args:
      settings: of the simulator, `name=value` separated by semicolons.
      subjects: how many people; the public clips show 52.
    """
    half = subjects // 2
    cast = f"cohorts=simcasme2:Asian:{subjects - half},simsamm:White:{half}:grey"
    fixed = ["effect=0", cast, "clips_per_subject=5.35", "seed=14"]
    options = simulation.from_text([*fixed, *filter(None, settings.split(";"))])
    return simulated.draw_motion_fields(options)


def recorded(manifest: pathlib.Path) -> list[ClipRecord]:
    """The clips of a manifest of flow files."""
    return [make_record(task, BuildOptions()) for task in list_clips(manifest).tasks]


def classed(clips: Sequence[ClipRecord]) -> Dataset:
    """Those of the clips that have one of the three classes."""
    return class_labels.classed(from_records(clips), class_schemes.parse("3")).dataset


def told_apart(
    real: np.ndarray, made: np.ndarray, persons: np.ndarray, classifier: str
) -> tuple[Interval, Interval]:
    """How well a classifier tells drawn from recorded images of people that it has not seen.

    Args:
      real: [n, H, W, 3], recorded.
      made: [m, H, W, 3], drawn.
      persons: [n + m], whom the clips show, the recorded first.
      classifier: a key of CLASSIFIERS.

    Returns:
      Area under the ROC curve and balanced accuracy, with 95% intervals.
    """
    features, model = CLASSIFIERS[classifier]
    x = flow_features.FEATURES[features](np.concatenate([real, made]))
    y = np.repeat([0, 1], [len(real), len(made)])
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    how = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    score = cross_val_predict(model, x, y, groups=persons, cv=folds, method=how)
    score = score[:, 1] - 0.5 if score.ndim == 2 else score
    return _interval(y, score, persons, roc_auc_score), _interval(
        y, (score > 0).astype(int), persons, balanced_accuracy_score
    )


def _interval(y: np.ndarray, score: np.ndarray, persons: np.ndarray, measure) -> Interval:
    """A score with persons resampled, drawn and recorded ones apart."""
    names, first, person = np.unique(persons, return_index=True, return_inverse=True)
    rng = np.random.default_rng(intervals.SEED)
    weights = intervals.resample_weights(y[first], _RESAMPLES, rng)
    resampled = np.array([measure(y, score, sample_weight=w[person]) for w in weights])
    found = float(measure(y, score))
    return intervals.expanded_percentile(found, resampled, n_units=len(names), n_strata=2)


def _discrimination(real: Dataset, made: Dataset) -> Iterator[list[str]]:
    """The cells of a row for each classifier: over all clips, then within each class."""
    images = [flow_features.images(each.flow) for each in (real, made)]
    persons = np.concatenate([real.person, made.person])
    emotion = np.concatenate([real.emotion, made.emotion])
    for classifier in CLASSIFIERS:
        auc, accuracy = told_apart(images[0], images[1], persons, classifier)
        within = []
        for number in range(len(real.emotion_names)):
            area, _ = told_apart(
                images[0][real.emotion == number],
                images[1][made.emotion == number],
                persons[emotion == number],
                classifier,
            )
            within.append(area)
        yield [
            classifier,
            _shown(auc),
            _shown(accuracy),
            *(f"{each.estimate:.3f}" for each in within),
        ]


def _transfer(
    real: Sequence[ClipRecord], made: Sequence[ClipRecord], seeds: int, epochs: int
) -> Iterator[list[str]]:
    """The cells of a row for each classifier and direction: scores on the kind it has not seen."""
    clips = {"recorded": real, "drawn": made}
    for classifier in ("logistic", "network"):
        predictions = _each_from_the_other(clips, classifier, seeds, epochs)
        for taught, tested in (("drawn", "recorded"), ("recorded", "drawn")):
            rows = predictions.table["fold"] == tested
            counts = Counts.of(Predictions.from_table(predictions.table[rows]))
            scores = intervals.score_intervals(counts)
            yield [
                f"{len(clips[taught])} {taught}",
                f"{len(clips[tested])} {tested}",
                classifier,
                _shown(scores["uf1"]),
                _shown(scores["uar"]),
            ]


def _each_from_the_other(
    clips: Mapping[str, Sequence[ClipRecord]], classifier: str, seeds: int, epochs: int
) -> Predictions:
    """Two folds, each of one kind, tested in turn."""
    config = common.get_config()
    config.protocol.name, config.protocol.split_column = "split", "origin"
    config.protocol.seeds, config.optim.epochs = seeds, epochs
    config.classifier, config.shallow.features = classifier, "grid"
    config.checkpoint.keep = "none"
    both = classed([_marked(clip, kind) for kind, of_kind in clips.items() for clip in of_kind])
    plan = build(config.protocol, both, config.seed)
    predictions = preparation.trainer_of(config, both, plan).train()
    assert predictions is not None, "one process has trained all folds"
    return predictions


def _marked(clip: ClipRecord, origin: str) -> ClipRecord:
    labels = dataclasses.replace(clip.labels, extra={"origin": origin})
    return dataclasses.replace(clip, labels=labels)


def _shown(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    define_flags()
    cli.run(main)
