"""Stereo-ethnicity: half of the subjects of a run are of one group, half of the other.

Source: Khor et al., "Is Micro-expression Ethnic Leaning?", ICMEW 2025 (arXiv 2507.10209).
The network is ethnically aware: an ethnic embedding, read from the clip itself,
conditions the emotion branch. Runs of this config and of `mono.py` draw the same
subjects and are matched in the number of clips of every class.
Command: python -m ethnicmer_jax.main --config=configs/stereo.py --workdir=runs/stereo
  the reference's draw: --config.protocol.draw=reference [--config.protocol.pool=TABLE]
"""

from configs import common


def get_config():
    """Three draws of 8 + 8 subjects, or of as many as there are."""
    config = common.get_config()
    config.name = "stereo"
    config.protocol.name = "draws"
    config.protocol.arms = ("stereo",)
    config.protocol.draws = 3
    config.protocol.subjects = 0
    config.protocol.grouping = "reference"
    config.protocol.final = True
    config.model.fusion = "embed"
    return config
