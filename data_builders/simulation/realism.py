"""Named sets of options that make drawn flow resemble recorded flow.

`public` was tuned on the 278 public flow images of CASME II and SAMM: on statistics of all clips
together (spectrum, share of moving area, symmetry, strain quantiles, means over a 7 × 7 grid),
without emotion labels and without any test score (docs/realism.md says how). So whoever trains
on such clips and tests on those images has used these images, unlabelled, in the design.
"""

from __future__ import annotations

from collections.abc import Mapping

REALISM: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "public": {
        "weak": 0.38,
        "asymmetry": 0.7,
        "spread": 0.83,
        "diffuse": 0.26,
        "coupling": 0.31,
        "irregular": 0.041,
        "lids": 0.87,
        "residual": 0.17,
        "noise_length": 0.8,
        "noise_spread": 0.39,
        "regularised": 0.3,
        "flow_noise": 0.16,
        "blinks": 3.0,
        "subject_spread": 0.71,
        "clip_spread": 0.21,
        "roughness": 0.3,
        "habit": 0.2,
        "omission": 0.088,
        "flow_bits": 8,
    },
}
"""Name -> options of `SimulatedOptions`, which options that are given win over."""
