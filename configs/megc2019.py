"""The protocols of MEGC 2019, by variant: composite, single databases, across databases.

Source: See et al., "MEGC 2019: The second facial micro-expressions grand challenge", FG 2019
(CASME II, SAMM and SMIC-HS, three classes); STSTNet, Liong et al., FG 2019. Its published
scores, and ours beside them, are in docs/protocols.md.
Command: python -m ethnicmer_jax.main --config=configs/megc2019.py:VARIANT --workdir=runs/VARIANT,
  VARIANT composite (CDE; the default), single (SDE) or cross (all train -> test pairs)
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
Run time: under 2 minutes a variant on 2 CPU cores (278 clips, 260 or 270 folds).
Expected on those 278 clips (CASME II and SAMM; SMIC is not among them), UF1 / UAR: composite
  .752 / .791 (CASME II .886 / .906, SAMM .591 / .644); single: CASME II .810 / .838, SAMM
  .567 / .617; cross: CASME II on SAMM .569 / .629, SAMM on CASME II .745 / .760.
"""

from configs import common

VARIANTS = {"composite": "composite", "single": "single_database", "cross": "cross_database"}
"""Variant -> protocol."""


def get_config(variant=""):
    """Five seeds of a protocol.

    Args:
      variant: one of VARIANTS; "" is composite.

    Raises:
      ValueError: another variant.
    """
    if variant and variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"megc2019:{variant}" if variant else "megc2019"
    config.protocol.name = VARIANTS[variant or "composite"]
    config.protocol.seeds = 5
    return config
