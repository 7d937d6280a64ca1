"""Small made-up databases and configs for the tests of protocols, engine and job."""

import dataclasses

import cv2
import numpy as np
import pandas as pd

from configs import common
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import ClipLabels, ClipRecord
from ethnicmer_jax.data import class_labels, dataset, targets
from ethnicmer_jax.protocols import build

EMOTIONS = ("negative", "positive", "surprise")

PEOPLE = (
    ("casme2", "s1", "Asian"),
    ("casme2", "s2", "Asian"),
    ("casme2", "s3", "Unknown"),
    # The codes of casme2 come again: other persons.
    ("samm", "s1", "White"),
    ("samm", "s2", "Black"),
    ("samm", "s3", "Indian"),
)


def flow(emotion, seed, size=28):
    """Noise in which every class moves in a corner of its own."""
    values = np.random.default_rng(seed).normal(size=(size, size, 3)).astype(np.float32)
    start = 8 * emotion
    values[start : start + 10, start : start + 10] += 2
    return values


def records(people=PEOPLE, clips=3, size=28):
    """`clips` clips of each person; the emotions take turns."""
    return [
        ClipRecord(
            ClipLabels(
                database=database,
                subject=subject,
                clip=f"c{number}",
                emotion=EMOTIONS[number % 3],
                raw_emotion=EMOTIONS[number % 3],
                ethnicity=ethnicity,
            ),
            flow=flow(number % 3, 1000 * who + number, size),
            flow_unit="percent_of_width",
        )
        for who, (database, subject, ethnicity) in enumerate(people)
        for number in range(clips)
    ]


def world(people=PEOPLE, clips=3, size=28):
    """The data set of `records`."""
    return classed(dataset.from_records(records(people, clips, size)))


def classed(data, classes="3"):
    """The data set under a class scheme."""
    return class_labels.classed(data, class_schemes.parse(classes)).dataset


def group_world(asian, non_asian, clips=3):
    """A data set of so many persons of each group, with flow of 2×2 px: for protocols."""
    people = [("casme2", f"a{i:02d}", "Asian") for i in range(asian)]
    people += [("samm", f"w{i:02d}", "White") for i in range(non_asian)]
    return world(people, clips, size=2)


def config(**overrides):
    """The common config made small; overrides name fields with __ for the dot."""
    made = common.get_config()
    made.data.detector = "none"
    made.optim.epochs = 2
    made.optim.batch_size = 8
    made.checkpoint.keep = "none"
    with made.unlocked():
        made.update_from_flattened_dict(
            {name.replace("__", "."): value for name, value in overrides.items()}
        )
    return made


def engine(made, data, rows=None):
    """The engine for a config over a data set; of some of its folds where `rows` says so."""
    # Here and not above: JAX has to start under the flags that conftest.py sets.
    from ethnicmer_jax.training.engine import Engine

    data = classed(data, made.data.classes)
    plan = build(made.protocol, data, made.seed)
    labels = targets.of_config(made, data, plan.grouping)
    folds = plan.folds if rows is None else plan.folds.select(rows)
    return Engine(made, data, labels, folds)


def first_constants(engine):
    """What distinguishes the first fold of an engine's table, see `batches.Constants`."""
    import jax

    from ethnicmer_jax.training import batches

    batch = engine.learner.eval_batch
    table = batches.constants(engine._config, engine.targets, engine.folds, batch)
    return jax.tree.map(lambda x: x[0], table)


def changed(data, clip, **values):
    """The data set with other values in the row of one clip."""
    arrays = {name: getattr(data, name).copy() for name in values}
    for name, value in values.items():
        arrays[name][clip] = value
    return dataclasses.replace(data, **arrays)


def write_manifest(folder, people=PEOPLE, clips=3):
    """A manifest of .npy flow files; returns its path."""
    rows = []
    for number, record in enumerate(records(people, clips)):
        np.save(folder / f"{number}.npy", record.flow)
        labels = record.labels
        rows.append(
            {
                "database": labels.database,
                "subject": labels.subject,
                "clip": labels.clip,
                "emotion": labels.raw_emotion,
                "ethnicity": labels.ethnicity,
                "flow": f"{number}.npy",
            }
        )
    path = folder / "manifest.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def read_manifest(path, size=28):
    """A manifest of 8-bit flow images as a data set, without a database in between."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)

    def one(row):
        image = cv2.imread(str(path.parent / row.flow))[..., ::-1]
        pixels = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        labels = ClipLabels(
            database=row.database,
            subject=row.subject,
            clip=row.clip,
            emotion=row.emotion,
            raw_emotion=row.emotion,
            ethnicity=row.ethnicity or "Unknown",
        )
        return ClipRecord(labels, pixels.astype(np.float32) / 255, "normalised")

    return classed(dataset.from_records([one(row) for row in table.itertuples()]))
