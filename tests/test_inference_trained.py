"""Probabilities of clips: the same as in predictions.csv, and never by a model that knows them."""

import dataclasses
import shutil

import numpy as np
import pytest

from ethnicmer_jax import inference
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.jobs import preparation

KEY = ["run", "fold", "database", "subject", "clip"]


@pytest.fixture(scope="module", params=["trained_workdir", "trained_embed_workdir"])
def trained(request):
    return inference.open(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def clips(trained):
    return preparation.read(trained.config).dataset


def strangers(data, shift=0.01):
    """The clips as somebody else's, with pixels of their own and no ethnicity."""
    return dataclasses.replace(
        data,
        database=np.full(len(data), "own"),
        subject=np.full(len(data), "somebody"),
        clip=np.array([f"clip{number}" for number in range(len(data))]),
        ethnicity=np.full(len(data), ETHNICITIES.index("Unknown"), np.int32),
        flow=data.flow + np.float32(shift),
    )


@pytest.mark.parametrize("devices", [0, 1])
def test_clips_of_the_database_have_the_probabilities_of_the_job_bit_for_bit(
    trained, clips, devices
):
    job = predictions.read(trained.directory / "predictions.csv").table
    found = inference.open(trained.directory, devices=devices).predict(clips)
    heads = [name for name in job if name[:2] in ("p_", "q_")]
    assert [name for name in found if name[:2] in ("p_", "q_")] == heads
    assert not found["final"].any()
    columns = [*KEY, "ethnicity", *heads]
    one, other = (table[columns].sort_values(KEY, ignore_index=True) for table in (job, found))
    assert one.equals(other)


def test_somebody_else_is_predicted_by_the_final_models(trained, clips):
    new = strangers(clips.select([2, 0]))
    found = trained.predict(new)
    assert found["final"].all()
    assert found["clip"].tolist() == ["clip0", "clip1"]
    assert set(found["run"]) == {"final.everybody-seed0"}
    p = found.filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    one_by_one = [trained.predict(new.select([i])).filter(regex="^p_").to_numpy() for i in (0, 1)]
    assert np.array_equal(np.concatenate(one_by_one), p)


def test_the_pixels_of_a_clip_that_has_taught_are_known_under_any_name(trained, clips):
    copied = strangers(clips.select([0]), shift=0)
    ((choice, indices),) = trained.choices(copied)
    assert indices.tolist() == [0]
    assert not any(str(clips.person[0]) in member.taught for member in choice.members)
    assert choice.note.startswith(f"the same pixels as {clips.key[0]}")
    job = trained.predict(clips.select([0])).filter(regex="^p_")
    assert trained.predict(copied).filter(regex="^p_").equals(job)


def test_features_are_what_the_final_layer_reads(trained, clips):
    found = trained.features(clips)
    assert found[KEY].equals(trained.predict(clips)[KEY])
    values = found.filter(regex="^f_").to_numpy()
    assert values.shape[1] > 1
    assert np.isfinite(values).all()


def test_what_may_be_expected_is_the_score_of_the_held_out_folds(trained):
    assert trained.expected.arm == "loso"
    assert 0 <= trained.expected.uf1.low <= trained.expected.uf1.mean <= trained.expected.uf1.high
    assert str(trained.expected).startswith("LOSO: UF1 .")


@pytest.mark.parametrize(
    ("lost", "content", "says"),
    [
        # Without it nobody knows who taught the models, or the weights that they started from.
        ("networks.npz", None, r"networks\.npz"),
        ("networks.npz", "cut", r"networks\.npz"),
        ("metrics.json", "[1]", r"metrics\.json is not what was written"),
    ],
)
def test_what_is_lost_or_damaged_is_refused_in_one_line(
    trained_workdir, tmp_path, lost, content, says
):
    copy = tmp_path / "run"
    shutil.copytree(trained_workdir, copy, ignore=shutil.ignore_patterns(lost, "report"))
    if content:
        (copy / lost).write_text(content)
    with pytest.raises(UserError, match=says) as refusal:
        inference.open(copy)
    assert "\n" not in str(refusal.value)


def test_a_directory_without_a_job_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="holds no job"):
        inference.open(tmp_path)
