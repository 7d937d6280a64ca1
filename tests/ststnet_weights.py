"""Made-up PyTorch weights of the public STSTNet, for the tests that start from them."""

import numpy as np
import safetensors.numpy


def state(classes=3, seed=0):
    """A state dict of the public STSTNet as NumPy arrays."""
    rng = np.random.default_rng(seed)
    made = {}
    for stream, width in enumerate((3, 5, 8), start=1):
        made[f"conv{stream}.weight"] = rng.normal(size=(width, 3, 3, 3))
        made[f"conv{stream}.bias"] = rng.normal(size=width)
        for leaf in ("weight", "bias", "running_mean"):
            made[f"bn{stream}.{leaf}"] = rng.normal(size=width)
        made[f"bn{stream}.running_var"] = rng.uniform(0.5, 2, size=width)
        made[f"bn{stream}.num_batches_tracked"] = np.array(7)
    made["fc.weight"] = rng.normal(size=(classes, 400))
    made["fc.bias"] = rng.normal(size=classes)
    return {key: np.asarray(value, np.float32) for key, value in made.items()}


def write(folder, classes=3, seed=0):
    """A .safetensors file of `state`; returns its path."""
    path = folder / f"ststnet-{classes}-{seed}.safetensors"
    safetensors.numpy.save_file(state(classes, seed), path)
    return path
