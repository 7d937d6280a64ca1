import jax
import numpy as np
import pytest

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training.checkpoint import FoldCheckpoints

NAMES = ["loso-seed0/casme2-<script>", "loso-seed0/samm-006", "loso-seed1/samm-006"]


def states(factor=1.0):
    rng = np.random.default_rng(0)
    return {
        "params": {"w": (factor * rng.normal(size=(3, 4, 2))).astype(np.float32)},
        "step": np.array([5, 6, 7], np.int32),
    }


def like(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), tree)


def equal(left, right):
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    checkpoints = FoldCheckpoints(folder)
    checkpoints.save(NAMES, states(), 2)
    return folder


def test_what_is_saved_is_restored_bit_for_bit(saved):
    restored = FoldCheckpoints(saved).restore(NAMES, like(states()))
    assert equal(restored, states())
    assert restored["step"].dtype == np.int32


def test_folds_are_restored_in_the_order_asked_for(saved):
    restored = FoldCheckpoints(saved).restore([NAMES[2], NAMES[0]], like(states()))
    assert restored["step"].tolist() == [7, 5]


def test_every_fold_has_a_root_of_its_own(saved):
    assert [(saved / name / "2").is_dir() for name in NAMES] == [True] * 3
    assert FoldCheckpoints(saved).common_epoch(NAMES) == 2


def test_another_model_is_refused_in_one_line(saved):
    other = {**states(), "params": {"w": np.zeros((3, 4, 2)), "b": np.zeros((3, 2))}}
    with pytest.raises(UserError, match="casme2-<script> does not fit this model") as caught:
        FoldCheckpoints(saved).restore(NAMES[:1], like(other))
    assert "\n" not in str(caught.value)


def test_another_width_is_refused_in_one_line(saved):
    other = {**states(), "params": {"w": np.zeros((3, 4, 9), np.float32)}}
    with pytest.raises(UserError, match="does not fit this model"):
        FoldCheckpoints(saved).restore(NAMES[:1], like(other))


def test_a_fold_without_a_checkpoint_is_named(saved):
    with pytest.raises(UserError, match="fold loso-seed9/x has no checkpoint"):
        FoldCheckpoints(saved).restore(["loso-seed9/x"], like(states()))


def test_a_half_written_step_does_not_count(tmp_path):
    checkpoints = FoldCheckpoints(tmp_path)
    name, one = NAMES[:1], jax.tree.map(lambda x: x[:1], states())
    checkpoints.save(name, one, 1)
    # The name under which Orbax writes until a step is whole.
    (tmp_path / name[0] / "2.orbax-checkpoint-tmp-0").mkdir()
    assert FoldCheckpoints(tmp_path).common_epoch(name) == 1
    assert equal(FoldCheckpoints(tmp_path).restore(name, like(one)), one)


def test_the_latest_epoch_replaces_earlier_ones(tmp_path):
    checkpoints = FoldCheckpoints(tmp_path)
    name, one = NAMES[:1], jax.tree.map(lambda x: x[:1], states())
    newer = jax.tree.map(lambda x: x[:1], states(2.0))
    checkpoints.save(name, one, 1)
    checkpoints.save(name, newer, 2)
    assert equal(checkpoints.restore(name, like(one)), newer)
    assert [p.name for p in (tmp_path / name[0]).iterdir() if p.name.isdigit()] == ["2"]


def test_folds_that_differ_in_their_epoch_have_none_in_common(tmp_path):
    checkpoints = FoldCheckpoints(tmp_path)
    one = jax.tree.map(lambda x: x[:1], states())
    checkpoints.save(NAMES[:1], one, 1)
    assert checkpoints.common_epoch(NAMES[:2]) == 0
    checkpoints.save(NAMES[1:2], one, 2)
    assert checkpoints.common_epoch(NAMES[:2]) == 0
