"""What a habit of the field is worth: each fold's epoch chosen on its own test clips.

No score of these jobs may be reported but those after a fixed number of epochs (docs/habit.md).
Command: python -m ethnicmer_jax sweep --config=configs/habit.py --workdir=runs/habit
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Variants:
  networks   the field's networks under the recipe of configs/common.py, 20 epochs (the default);
             htnet, the last, is for a GPU
  epochs     STSTNet for 100 epochs: the page has the habit after 1, 2, 5, 10, 20, 50 and 100
  published  STSTNet under the optimizer of HTNet's and STSTNet's public code, 800 epochs of
             full batches; one seed; for a GPU
"""

import ml_collections

from configs import common

NETWORKS = ("ststnet", "off_apexnet", "dual_inception", "rcn", "dual_atme", "htnet")

VARIANTS = {
    "networks": {"product": {"model.emotion_backbone": NETWORKS}},
    "epochs": {"points": ({"optim.epochs": 100},)},
    "published": {
        "points": (
            {
                "optim.epochs": 800,
                "optim.learning_rate": 5e-5,
                "optim.schedule": "constant",
                "optim.batch_size": 256,
                "loss.class_balanced": False,
                "protocol.seeds": 1,
            },
        )
    },
}


def get_config(variant: str = "networks"):
    """Three seeds of LOSO at every point; each point gives the score with and without the habit."""
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"habit:{variant}"
    config.protocol.seeds = 3
    config.protocol.peek = "best_test_epoch"
    config.checkpoint.keep = "none"
    # A dict as it is, because the names of fields have dots.
    config.sweep = ml_collections.ConfigDict(VARIANTS[variant], convert_dict=False)
    return config
