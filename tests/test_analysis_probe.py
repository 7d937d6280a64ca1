"""Probes on features whose content is known."""

import dataclasses

import numpy as np
import pytest

from ethnicmer_jax.analysis import probe
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import FoldTable

PERSONS = np.repeat([f"db/{number:02d}" for number in range(40)], 6)
LABELS = np.repeat(np.arange(40) % 2, 6)
"""40 persons of 6 clips; every second one belongs to the other group."""


def noise(seed, width=10):
    return np.random.default_rng(seed).normal(size=(len(LABELS), width))


def shifted(seed, distance):
    """Noise, and one feature whose means differ by `distance` deviations between the groups."""
    features = noise(seed)
    features[:, 0] += distance * LABELS
    return features


def two_folds(run):
    held_out = np.isin(PERSONS, PERSONS[:120])
    test = np.stack([held_out, ~held_out])
    sets = ClipSets.of(~test, len(PERSONS)), ClipSets.of(test, len(PERSONS))
    return FoldTable(np.array([run] * 2), np.array(["a", "b"]), *sets, np.zeros(2, np.int64))


@pytest.mark.parametrize("kind", probe.PROBES)
def test_a_label_that_is_there_is_read(kind):
    # The best reader of two unit normals 3 apart is right with probability Phi(1.5) = .933;
    # 240 clips give a standard error of .016, and the probes pay a little for learning.
    found = probe.balanced_accuracy(shifted(0, 3.0), LABELS, PERSONS, kind=kind)
    assert 0.87 <= found.estimate <= 0.98
    assert found.low < found.estimate < found.high
    assert found.low > 0.8


@pytest.mark.parametrize("kind", probe.PROBES)
def test_a_label_that_is_not_there_is_not_read(kind):
    # Chance is .5 with a standard error of .032 over 240 independent clips.
    found = probe.balanced_accuracy(noise(1), LABELS, PERSONS, kind=kind)
    assert found.estimate == pytest.approx(0.5, abs=0.11)
    assert found.low < 0.5 < found.high


def test_somebody_s_looks_are_not_mistaken_for_their_group():
    # Each person has features of their own and the groups have none: a split through
    # persons would let the probe recognise everybody, and be right in nearly all clips.
    looks = np.random.default_rng(2).normal(size=(40, 30))
    features = np.repeat(looks, 6, axis=0) + 0.1 * noise(3, 30)
    found = probe.balanced_accuracy(features, LABELS, PERSONS)
    assert found.estimate < 0.75


def test_a_rare_label_counts_as_much_as_a_frequent_one():
    # 5 of 40 persons have label 1, and nothing tells: always saying 0 would be right in 7 of
    # 8 clips, and is worth .5.
    rare = (np.repeat(np.arange(40), 6) % 8 == 0).astype(int)
    assert probe.balanced_accuracy(noise(4), rare, PERSONS).estimate < 0.65


def test_a_bend_is_seen_by_the_kernel_alone():
    # Label 1 lies on both sides of label 0: no line separates them.
    features = noise(5, 2)
    side = np.random.default_rng(6).choice([-4.0, 4.0], len(LABELS))
    features[:, 0] += side * LABELS
    scores = {
        kind: probe.balanced_accuracy(features, LABELS, PERSONS, kind=kind).estimate
        for kind in probe.PROBES
    }
    assert scores["logistic"] < 0.65
    assert scores["svm"] > 0.9


def test_every_fold_has_a_probe_of_its_own():
    # The second network says the same with the opposite sign: one probe for both would be
    # wrong in half of the clips, two are right in all.
    strong = shifted(7, 12.0)
    found = probe.across_folds([strong, -strong], LABELS, PERSONS, two_folds("run"))
    assert found.estimate == 1.0


def test_runs_are_averaged():
    # One run's networks say everything (1), the other's nothing (about .5).
    tables = [two_folds("one"), two_folds("two")]
    features = [shifted(8, 12.0)] * 2 + [noise(9)] * 2
    found = probe.across_folds(features, LABELS, PERSONS, FoldTable.concatenate(tables))
    assert found.estimate == pytest.approx(0.75, abs=0.06)


def test_clips_without_a_label_are_left_out():
    labels = np.where(PERSONS == "db/00", -1, LABELS)
    features = shifted(10, 12.0)
    features[labels < 0] = np.nan  # would not even be accepted
    found = probe.balanced_accuracy(features, labels, PERSONS)
    assert found.estimate == 1.0
    assert found.n_persons == 39


def test_the_same_seed_gives_the_same_answer_and_another_one_other_folds():
    first, again, other = (
        probe.balanced_accuracy(shifted(11, 1.0), LABELS, PERSONS, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_what_cannot_be_probed_is_refused():
    with pytest.raises(UserError, match="choose from logistic, svm"):
        probe.balanced_accuracy(noise(0), LABELS, PERSONS, kind="forest")
    with pytest.raises(UserError, match="needs 5 persons or more"):
        probe.balanced_accuracy(noise(0)[:12], LABELS[:12], PERSONS[:12])
    folds = two_folds("run")
    alone = dataclasses.replace(
        folds, train=ClipSets.of((train & (LABELS == 0) for train in folds.train), len(LABELS))
    )
    with pytest.raises(UserError, match="fewer than two labels"):
        probe.across_folds([noise(0)] * 2, LABELS, PERSONS, alone)


@pytest.mark.parametrize("given", [0, 1, 3])
def test_features_of_fewer_or_more_networks_than_folds_are_refused(given):
    features = iter([noise(0)] * given)
    with pytest.raises(UserError, match=f"a probe of 2 folds needs .* got {given}, the last one"):
        probe.across_folds(features, LABELS, PERSONS, two_folds("run"))
