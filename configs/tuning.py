"""Which recipe, chosen on training subjects only: a grid under nested LOSO.

Source: nested cross-validation, Varma and Simon, BMC Bioinformatics 2006.
Command: python -m ethnicmer_jax.sweep --config=configs/tuning.py --workdir=runs/tuning
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  then: python -m ethnicmer_jax.select --workdir=runs/tuning
For every subject held out, `select` takes the point that is best in the inner folds over
the other subjects, and reports the predictions that these points make.
"""

import ml_collections

from configs import common

GRID = {
    "optim.epochs": (20, 40, 80),
    "data.flow_scaling": ("minmax", "median"),
    "optim.weight_decay": (0.0, 0.01),
}


def get_config():
    """Five seeds of LOSO at every point, and four inner folds beside every subject."""
    config = common.get_config()
    config.name = "tuning"
    config.protocol.name = "nested"
    config.protocol.seeds = 5
    config.checkpoint.keep = "none"
    # A dict as it is, because the names of fields have dots.
    config.sweep = ml_collections.ConfigDict({"product": GRID}, convert_dict=False)
    return config
