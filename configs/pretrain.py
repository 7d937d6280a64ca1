"""A network that has learnt from thousands of drawn clips, to be fine-tuned on recorded ones.

Source: docs/transfer.md and docs/realism.md; drawn flow that resembles public flow.
Command: python -m ethnicmer_jax.main --config=configs/pretrain.py --workdir=runs/pretrained
  then, on real clips: --config=configs/baseline.py --config.init.path=runs/pretrained
    --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Variants:
  plain   drawn flow without realism
  inner   what both are worth, on training subjects only: for `sweep`, then `select`
Run time: 5 minutes on one busy CPU core (4,805 clips of 900 people, fields without frames);
  `inner` 4 minutes more for each of its three points.
Expected: no difference shown after fine-tuning on 278 real clips (docs/transfer.md).
"""

import ml_collections

from configs import common

STARTS = ("", "runs/pretrained", "runs/plain")
"""At random, and the two networks of this config."""


def get_config(variant: str = ""):
    """One network of all drawn clips."""
    if variant not in ("", "plain", "inner"):
        raise ValueError(f"variant {variant!r}: choose plain or inner, or none for realistic flow")
    config = common.get_config()
    config.name = f"pretrain:{variant}" if variant else "pretrain"
    if variant == "inner":
        config.protocol.name, config.protocol.inner_folds = "nested", 3
        config.checkpoint.keep = "none"
        # A dict as it is, because the names of fields have dots.
        sweep = {"product": {"init.path": STARTS}}
        config.sweep = ml_collections.ConfigDict(sweep, convert_dict=False)
        return config
    config.protocol.name = "all"
    drawn = config.data.simulated
    drawn.realism = "none" if variant else "public"
    drawn.drawn = "fields"
    drawn.effect = 0.0  # display rules of the literature for everybody
    drawn.cohorts = "simcasme2:Asian:450,simsamm:White:450:grey"
    drawn.clips_per_subject = 5.35
    drawn.seed = 1
    return config
