"""x."""

from configs import common

VARIANTS = ("backbone", "pixels", "grid")


def get_config(variant: str = ""):
    """LOSO of a support vector machine on fixed features."""
    if variant and variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    config = common.get_config()
    config.name = f"svm:{variant}" if variant else "svm"
    config.classifier = "svm"
    config.shallow.features = variant or "backbone"
    return config
