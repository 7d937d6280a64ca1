"""The reference's second classifier: fixed features and scikit-learn, instead of a network."""

from ethnicmer_jax.training.shallow.trainer import Shallow

__all__ = ["Shallow"]
