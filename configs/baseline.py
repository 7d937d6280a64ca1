"""LOSO with one network for all faces: the score that everything is compared with.

Source: the composite three-class protocol of MEGC 2019; STSTNet (Liong et al., FG 2019).
Command: python -m ethnicmer_jax.main --config=configs/baseline.py --workdir=runs/baseline
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Run time: under 2 minutes on 2 CPU cores (278 clips, 260 folds).
Expected on those 278 clips: UF1 .752 (sd .006 over the 5 seeds), UAR .791.
"""

from configs import common


def get_config():
    """Five seeds of LOSO over all subjects."""
    config = common.get_config()
    config.name = "baseline"
    config.protocol.seeds = 5
    config.protocol.final = True
    return config
