"""What each part of the system is worth: one variant a question, every point LOSO.

Source: the fusions and classifiers of Khor et al., "Is Micro-expression Ethnic Leaning?",
ICMEW 2025 (arXiv 2507.10209), beside ours.
Command: python -m ethnicmer_jax sweep --config=configs/ablation.py:fusions --workdir=runs/fusions
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Variants (the first point is what the others are compared with):
  fusions      every fusion on STSTNet (the default)
  labels       `embed` and `bias` with true, shuffled and constant ethnicity labels
  inputs       scaling of the flow, mirrored copies
  frames       flow or apex frame in either branch; needs clips with frames
  recipe       one change of the training recipe at a time
  backbones    larger networks at 112 and 128 px; for a GPU
  classifiers  network, SVM and logistic regression
  database     ways to take the database, or the group, out of what is learnt
"""

import ml_collections

from configs import common

VARIANTS = {
    "fusions": {
        "product": {
            "model.fusion": ("none", "bias", "mtl", "concat", "mean", "embed", "adversarial")
        }
    },
    "labels": {
        "points": (
            {"model.fusion": "none"},
            *(
                fusion | {"model.ethnic_labels": labels}
                for fusion in (
                    {"model.fusion": "bias"},
                    {"model.fusion": "embed", "model.embed_source": "label"},
                )
                for labels in ("annotated", "shuffled", "constant")
            ),
        )
    },
    "inputs": {
        "product": {
            "data.flow_scaling": ("minmax", "median", "rms", "none"),
            "data.mirror": (True, False),
        }
    },
    "frames": {
        "points": (
            {"model.fusion": "none"},
            {"model.fusion": "none", "model.emotion_input": "apex"},
            {"model.fusion": "concat"},
            {"model.fusion": "concat", "model.ethnic_input": "apex"},
            {"model.fusion": "embed"},
            {"model.fusion": "embed", "model.ethnic_input": "apex"},
        )
    },
    "recipe": {
        "points": (
            {},
            {"loss.class_balanced": False},
            {"loss.label_smoothing": 0.1},
            {"model.dropout": 0.0},
            {"optim.weight_decay": 0.01},
            {"optim.schedule": "cosine"},
            {"optim.learning_rate": 3e-3},
            {"optim.epochs": 40},
            {"optim.epochs": 80},
        )
    },
    "backbones": {
        "points": (
            {"model.emotion_backbone": "ststnet"},
            {"model.emotion_backbone": "resnet18", "model.image_size": 112},
            {"model.emotion_backbone": "tiny_vit_5m", "model.image_size": 128},
            {"model.emotion_backbone": "tiny_vit_21m", "model.image_size": 128},
        )
    },
    "database": {
        "points": (
            {},
            *(
                {"model.fusion": "adversarial", "model.adversarial_target": target}
                for target in ("database", "ethnicity", "group")
            ),
            *({"loss.balanced_over": by} for by in ("group", "database", "group_database")),
            *({"loss.robust": by} for by in ("group", "database", "group_database")),
            {"data.standardise": "database"},
        )
    },
    "classifiers": {
        "points": (
            {"classifier": "network"},
            {"classifier": "svm", "shallow.features": "backbone"},
            {"classifier": "svm", "shallow.features": "pixels"},
            {"classifier": "logistic", "shallow.features": "grid"},
        )
    },
}


def get_config(variant: str = "fusions"):
    """Five seeds of LOSO at every point of the variant's grid."""
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"ablation:{variant}"
    config.protocol.seeds = 5
    config.checkpoint.keep = "none"
    # A dict as it is, because the names of fields have dots.
    config.sweep = ml_collections.ConfigDict(VARIANTS[variant], convert_dict=False)
    return config
