"""LOSO with one network for all faces: the score that everything is compared with.

Source: the composite three-class protocol of MEGC 2019; STSTNet (Liong et al., FG 2019).
Command: python -m ethnicmer_jax.main --config=configs/baseline.py --workdir=runs/baseline
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
"""

from configs import common


def get_config():
    """Five seeds of LOSO over all subjects."""
    config = common.get_config()
    config.name = "baseline"
    config.protocol.seeds = 5
    return config
