"""Prints what every backbone weighs and costs: `python -m ethnicmer_jax models`."""

from __future__ import annotations

from absl import flags

_SIZE = flags.DEFINE_integer(
    "size", 0, "Image size in px for every backbone; 0 is each one's own.", lower_bound=0
)


def main() -> None:
    """Prints every backbone, blind to ethnicity, then every fusion of STSTNet branches."""
    # JAX takes seconds to import; who asks for help is spared it.
    import pandas as pd
    from tqdm import tqdm

    from ethnicmer_jax.models import cost, registry
    from ethnicmer_jax.training import devices

    devices.local()
    backbones = {
        name: {"emotion_backbone": name, "image_size": _SIZE.value} for name in registry.BACKBONES
    }
    fusions = {f"ststnet, {name}": {"fusion": name} for name in registry.FUSIONS}
    configs = tqdm({**backbones, **fusions}.items(), desc="models")
    rows = {label: cost.row(config) for label, config in configs}
    table = pd.DataFrame.from_dict(rows, orient="index").fillna("")
    print(table.to_string())  # noqa: T201 - it is what was asked for
