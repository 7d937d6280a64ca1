"""Which recipe, chosen on training subjects only: a grid under nested LOSO.

Source: nested cross-validation, Varma and Simon, BMC Bioinformatics 2006.
Command: python -m ethnicmer_jax sweep --config=configs/tuning.py --workdir=runs/tuning
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  then: python -m ethnicmer_jax select --workdir=runs/tuning
Variants:
  network   scaling of the flow and learning rate of STSTNet (the default)
  logistic  scaling, grid and regularisation of logistic regression on averaged flow
  svm       the same of a support vector machine with a Gaussian kernel
  recipe    the candidates of configs/best.py, fixed before any of them was tested (docs/best.md)
Run time: 9, 4 and 4 minutes on 2 CPU cores with another job beside (278 clips).
Expected on those 278 clips: UF1 .760, .757 and .763; UAR .794, .799 and .780.
For every subject held out, `select` takes the point that is best in the inner folds over
the other subjects, and reports the predictions that these points make.
"""

import ml_collections

from configs import common

_RMS = {"data.flow_scaling": "rms"}
_AUGMENTED = {
    "augment.rotation": 5.0,
    "augment.translation": 0.05,
    "augment.zoom": 0.1,
    "augment.amplitude": 0.3,
    "augment.region": 0.3,
}
_STEADY = {"optim.schedule": "cosine", "optim.averaging": 0.98}
_HALF_PRIOR = {"loss.class_balanced": False, "loss.prior_adjustment": 0.5}
_MIXED = {"classifier": "network+logistic", "shallow.features": "grid"}
_RECIPES: tuple[object, ...] = (
    {},
    _RMS,
    _RMS | _AUGMENTED,
    _RMS | _AUGMENTED | _STEADY,
    _RMS | _AUGMENTED | _STEADY | _HALF_PRIOR,
    _RMS | _AUGMENTED | _STEADY | _MIXED,
)
"""From the default to the most averaged one; whoever adds one names the clips that it has seen."""

VARIANTS = {
    "network": {
        "data.flow_scaling": ("minmax", "rms"),
        "optim.learning_rate": (1e-3, 3e-3),
    },
    "logistic": {
        "shallow.grid": (5, 7, 10, 14),
        "shallow.c": (0.001, 0.003, 0.01, 0.03),
        "data.flow_scaling": ("minmax", "median", "rms"),
    },
    "svm": {
        "shallow.grid": (5, 7, 10, 14),
        "shallow.c": (0.3, 1.0, 3.0, 10.0),
        "data.flow_scaling": ("minmax", "median", "rms"),
    },
    "recipe": _RECIPES,
}


def get_config(variant: str = "network"):
    """LOSO at every point, and four inner folds beside every subject."""
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"tuning:{variant}"
    config.protocol.name = "nested"
    config.checkpoint.keep = "none"
    form = "product"
    if variant == "recipe":
        form, config.protocol.inner_folds, config.protocol.outer_parts = "points", 3, 6
    elif variant == "network":
        config.protocol.seeds = 5
    else:
        config.classifier = variant
        config.shallow.features = "grid"
    # A dict as it is, because the names of fields have dots.
    config.sweep = ml_collections.ConfigDict({form: VARIANTS[variant]}, convert_dict=False)
    return config
