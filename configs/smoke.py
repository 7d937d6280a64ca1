"""The whole program in seconds, to see that an installation works; the score means nothing.

Command: python -m ethnicmer_jax.main --config=configs/smoke.py --workdir=runs/smoke
"""

from configs import common


def get_config():
    """A few small simulated subjects, two epochs."""
    config = common.get_config()
    config.name = "smoke"
    config.data.simulated.cohorts = "simcasme2:Asian:3,simsamm:White:3:grey"
    config.data.simulated.clips_per_subject = 4.0
    config.data.detector = "none"
    config.data.flow_method = "dis"
    config.protocol.final = True
    config.optim.epochs = 2
    return config
