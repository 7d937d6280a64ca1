"""Mono-ethnicity: all subjects of a run are of one group.

Source: Khor et al., "Is Micro-expression Ethnic Leaning?", ICMEW 2025 (arXiv 2507.10209).
Command: python -m ethnicmer_jax.main --config=configs/mono.py:asian --workdir=runs/mono
  variants: asian, non_asian; without one, both
  the reference's draw: --config.protocol.draw=reference [--config.protocol.pool=TABLE]
"""

from configs import stereo

VARIANTS = {
    "": ("mono_asian", "mono_non_asian"),
    "asian": ("mono_asian",),
    "non_asian": ("mono_non_asian",),
}


def get_config(variant: str = ""):
    """The runs of `stereo.py`, of one group each."""
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose asian or non_asian, or none for both")
    config = stereo.get_config()
    config.name = f"mono:{variant}" if variant else "mono"
    config.protocol.arms = VARIANTS[variant]
    config.protocol.final = False  # a model of everybody is not of one group
    return config
