"""Weights that no network can have are refused where they are read, before any work."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy
import ststnet_weights

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import sound_weights, torch_weights

FAULTS = {
    "NaN": ("conv1.weight", lambda x: np.full_like(x, np.nan), "holds NaN or infinity"),
    "infinity": ("fc.weight", lambda x: np.full_like(x, np.inf), "holds NaN or infinity"),
    "huge": ("conv2.bias", lambda x: np.full_like(x, 3e38), "more than any trained weight"),
    "variance": ("bn3.running_var", lambda x: -x, "below zero"),
    "int": ("conv1.weight", lambda x: x.astype(np.int64), "holds int64, no weights"),
    "bool": ("bn1.weight", lambda x: x > 0, "holds bool, no weights"),
    "rank": ("fc.weight", lambda x: x[None, None], "are no head"),
    "head": ("fc.bias", lambda x: x[:-1], "are no head"),
}


@pytest.mark.parametrize(("name", "change", "why"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_files_of_weights(tmp_path, name, change, why, suffix):
    state = ststnet_weights.state()
    state[name] = change(state[name])
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        safetensors.numpy.save_file(state, path)
    else:
        torch = pytest.importorskip("torch")
        torch.save({key: torch.from_numpy(value.copy()) for key, value in state.items()}, path)
    with pytest.raises(UserError, match=why) as error:
        torch_weights.read("ststnet", path)
    assert path.name in str(error.value)
    assert name in str(error.value)


def test_a_view_that_repeats_a_number_is_no_file_of_weights(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(1).expand(100_000, 100_000)}, path)
    with pytest.raises(UserError, match=r"conv1\.weight is larger than the file"):
        torch_weights.read("ststnet", path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * sound_weights.LARGEST])
def test_any_tree(value):
    tree = {"params": {"dense": {"kernel": np.ones((2, 2), np.float32)}}}
    sound_weights.check("run", tree)
    tree["params"]["dense"]["kernel"][1, 1] = value
    with pytest.raises(UserError, match="run cannot be used: params/dense/kernel"):
        sound_weights.check("run", tree)
