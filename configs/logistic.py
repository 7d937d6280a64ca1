"""The bar that a network has to beat: logistic regression on coarse optical flow.

Source: ours. The flow of a clip, averaged over 7×7 cells, standardised within each fold;
C = .01, class-balanced, mirrored copies in training and both averaged at test.
Command: python -m ethnicmer_jax.main --config=configs/logistic.py --workdir=runs/logistic
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Run time: under a minute on 2 CPU cores (278 clips, 52 folds), most of it the report.
Expected on those 278 clips: UF1 .751, UAR .800; without mirrored copies
  (--config.data.mirror=False) .736 and .775.
"""

from configs import common


def get_config():
    """LOSO of a logistic regression on the flow averaged over 7×7 cells."""
    config = common.get_config()
    config.name = "logistic"
    config.classifier = "logistic"
    config.shallow.features = "grid"
    return config
