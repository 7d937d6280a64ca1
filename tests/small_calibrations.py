"""Calibrations of a few databases, for tests."""

from configs import calibrate


def config(**calibration):
    """A config of one design, 4 + 4 subjects, two databases an effect.

    Args:
      **calibration: settings of `calibration` that are to be others.
    """
    made = calibrate.get_config()
    made.engine.devices = 1
    made.data.simulated.clips_per_subject = 6.0
    few = {"databases": 2, "power_databases": 2, "effects": (0.0, 1.0), "chunk": 2, "folds": 2}
    made.calibration.update({**few, "resamples": 100, **calibration})
    design = made.calibration.designs.balanced_08
    design.databases.simcasme2.cohorts = "simcasme2:Asian:2,simcasme2:White:2"
    design.databases.simsamm.cohorts = "simsamm:Asian:2:grey,simsamm:White:2:grey"
    for other in ("balanced_16", "confounded"):
        del made.calibration.designs[other]
    return made
