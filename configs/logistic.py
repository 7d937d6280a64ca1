"""x."""

from configs import common


def get_config():
    """LOSO of a logistic regression on the flow averaged over 7×7 cells."""
    config = common.get_config()
    config.name = "logistic"
    config.classifier = "logistic"
    config.shallow.features = "grid"
    return config
