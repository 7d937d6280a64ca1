"""What a planned recording would find: power and the smallest detectable effect, by simulation.

A calibration (configs/calibrate.py) whose design comes from --laboratories: how many subjects
of either group each laboratory records. Logistic regression and the randomisation test;
laboratories record in different ways, and the effect is the same in all.
Command: python -m ethnicmer_jax plan --workdir=runs/plan --laboratories=a:8+8
  several laboratories: --laboratories=a:8+8,b:12+4,c:16+0
  power against subjects: --laboratories=a:n+n --subjects=4,8,16
  a coarse answer: --databases=20
"""

from configs import calibrate

STYLES: tuple[dict[str, float], ...] = (
    {},
    {"flow_noise": 0.1, "intensity": 2.2},
    {"flow_noise": 0.05, "head_jitter": 0.6, "intensity": 3.2},
)
"""Own settings of the simulator for the first, second, third laboratory, then again."""


def get_config():
    """A calibration with logistic regression; the command fills in its designs."""
    config = calibrate.get_config("logistic")
    config.name = "plan"
    # --laboratories puts its own designs in their place.
    for name in tuple(config.calibration.designs):
        if name != "balanced_08":
            del config.calibration.designs[name]
    config.calibration.effects = (0.0, 0.25, 0.5, 0.75, 1.0)
    config.calibration.relabellings = 39
    config.calibration.chunk = 10
    return config
