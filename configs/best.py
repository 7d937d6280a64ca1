"""The recipe for clips of your own: chosen on training subjects, averaged over seeds and kinds.

Source: ours; chosen among the candidates of configs/tuning.py:recipe, see docs/best.md.
Command: python -m ethnicmer_jax.main --config=configs/best.py --workdir=runs/best
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  The score is that of averaged/, the mean of the seeds; `predict` uses such a mean, too.
Run time: about 8 minutes on one busy core (278 clips, 265 folds), which other work shared.
Expected on those 278 clips: UF1 .788 (sd .007 over the 5 seeds), UAR .829; averaged .781, .822.
"""

from configs import common


def get_config():
    """LOSO of five seeds of STSTNet, each averaged with logistic regression, and their mean."""
    config = common.get_config()
    config.name = "best"
    config.classifier = "network+logistic"
    config.shallow.features = "grid"
    config.data.flow_scaling = "rms"
    config.augment.rotation = 5.0
    config.augment.translation = 0.05
    config.augment.zoom = 0.1
    config.augment.amplitude = 0.3
    config.augment.region = 0.3
    config.optim.schedule = "cosine"
    config.optim.averaging = 0.98
    config.protocol.seeds = 5
    config.protocol.average_seeds = True
    config.protocol.final = True
    return config
