"""The ethnically aware network: LOSO over all subjects with one of the fusions.

Source: Khor et al., "Is Micro-expression Ethnic Leaning?", ICMEW 2025 (arXiv 2507.10209).
Command: python -m ethnicmer_jax.main --config=configs/ethnic_aware.py:embed --workdir=runs/embed
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  with larger backbones: --config=configs/ethnic_aware.py:concat
    --config.model.emotion_backbone=resnet18 --config.model.ethnic_backbone=resnet18

Fusion, and the reference's class of that kind:
  none         res18_imagenet, TinyVIT: one backbone, one head
  bias         CultureAwareClassifier: a learnt logit bias for each ethnicity
  mtl          CulturalMTL: one backbone, two heads
  concat       CulturalDualNetwork_LateFusion: two backbones, features concatenated
  mean         CulturalDualNetwork_TinyViT_LateFusion: two backbones, features averaged
  embed        ours: an ethnic embedding conditions the emotion branch (the default)
  adversarial  ours: gradient reversal takes ethnicity out of the features
"""

from configs import common


def get_config(fusion: str = "embed"):
    """Five seeds of LOSO with one fusion."""
    config = common.get_config()
    config.name = f"ethnic_aware:{fusion}"
    config.model.fusion = fusion
    config.protocol.seeds = 5
    config.protocol.final = True
    return config
