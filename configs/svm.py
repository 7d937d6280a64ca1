"""The reference's second classifier: an RBF support vector machine on fixed features.

Source: Khor et al., "Is Micro-expression Ethnic Leaning?", ICMEW 2025 (arXiv 2507.10209):
C = 100 on features of a frozen backbone. Standardised within each fold, class-balanced,
mirrored copies in training and both averaged at test. Its probabilities order clips by
confidence but are not calibrated.
Command: python -m ethnicmer_jax.main --config=configs/svm.py --workdir=runs/svm
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  variants: backbone (default), pixels, grid (flow averaged over 7×7 cells)
  the reference's backbone: --config.model.emotion_backbone=resnet18 --config.init.path=WEIGHTS;
    without init.path a backbone keeps random weights, which the report says
  the reference's two classes, negative against the rest: --config.data.classes=2
Run time: under a minute on 2 CPU cores (278 clips, 52 folds).
Expected on those 278 clips, UF1 / UAR: random STSTNet .716 / .691 (5 seeds), pixels
  .709 / .687 (two classes .727 / .721; --config.shallow.c=1 .718 / .711), grid .685 / .665.
"""

from configs import common

VARIANTS = ("backbone", "pixels", "grid")


def get_config(variant: str = ""):
    """LOSO of a support vector machine on fixed features."""
    if variant and variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"svm:{variant}" if variant else "svm"
    config.classifier = "svm"
    config.shallow.features = variant or "backbone"
    return config
