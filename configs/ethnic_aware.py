"""The ethnically aware network: LOSO over all subjects with one of the fusions.

Source: Khor et al., "Is Micro-expression Ethnic Leaning?", ICMEW 2025 (arXiv 2507.10209).
Command: python -m ethnicmer_jax.main --config=configs/ethnic_aware.py:embed --workdir=runs/embed
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  with more arguments: --config=configs/ethnic_aware.py:concat,backbone=resnet18,size=112

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

FUSIONS = ("none", "bias", "mtl", "concat", "mean", "embed", "adversarial")
BACKBONES = ("ststnet", "resnet18", "tiny_vit_5m", "tiny_vit_21m", "swin_b", "vgg_face")
ARGUMENTS = {
    "backbone": ("model.emotion_backbone", "model.ethnic_backbone"),
    "emotion_backbone": ("model.emotion_backbone",),
    "ethnic_backbone": ("model.ethnic_backbone",),
    "size": ("model.image_size", "model.ethnic_image_size"),
    "input": ("model.emotion_input", "model.ethnic_input"),
    "ethnic_input": ("model.ethnic_input",),
    "embed_source": ("model.embed_source",),
    "labels": ("model.ethnic_labels",),
    "epochs": ("optim.epochs",),
    "seeds": ("protocol.seeds",),
}
"""Argument -> the fields that it sets."""
CHOICES = {
    "backbone": BACKBONES,
    "emotion_backbone": BACKBONES,
    "ethnic_backbone": BACKBONES,
    "input": ("flow", "apex"),
    "ethnic_input": ("flow", "apex"),
    "embed_source": ("posterior", "label"),
    "labels": ("annotated", "shuffled", "constant", "swapped"),
}


def get_config(arguments: str = "embed"):
    """Five seeds of LOSO; `arguments` is FUSION[,KEY=VALUE...]."""
    fusion, *others = arguments.split(",")
    if fusion not in FUSIONS:
        raise ValueError(f"fusion {fusion!r}: choose one of {', '.join(FUSIONS)}")
    config = common.get_config()
    config.name = f"ethnic_aware:{arguments}"
    config.model.fusion = fusion
    config.protocol.seeds = 5
    for argument in others:
        key, _, value = argument.partition("=")
        if key not in ARGUMENTS:
            raise ValueError(f"argument {argument!r}: choose KEY=VALUE of {', '.join(ARGUMENTS)}")
        config.update_from_flattened_dict(dict.fromkeys(ARGUMENTS[key], _value(key, value)))
    return config


def _value(key, text):
    if key in CHOICES:
        if text not in CHOICES[key]:
            raise ValueError(f"{key} {text!r}: choose one of {', '.join(CHOICES[key])}")
        return text
    if not text.isdecimal():
        raise ValueError(f"{key} {text!r}: it must be a whole number")
    return int(text)
