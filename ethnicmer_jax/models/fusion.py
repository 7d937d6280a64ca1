"""What becomes of the two branches' features: every fusion."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Float32

from ethnicmer_jax.models.shapes import Array, Ethnicity, Features
from ethnicmer_jax.models.torch_default import Linear

EMBED_SOURCES = ("posterior", "label")


class Outputs(NamedTuple):
    """What a classifier says; a field is None where the fusion has no such head.

    Attributes:
      logits: the final decision.
      emotion_logits: from the emotion branch alone.
      ethnic_logits: from the ethnic branch, or from the features where there is none.
      features: what the final head reads.
    """

    logits: Float32[Array, "batch emotions"]
    emotion_logits: Float32[Array, "batch emotions"] | None = None
    ethnic_logits: Float32[Array, "batch ethnicities"] | None = None
    features: Features | None = None


class BranchFeatures(NamedTuple):
    """What a fusion sees.

    Attributes:
      emotion: features of the emotion branch.
      ethnic: those of the ethnic branch, None where the fusion asks for none.
      ethnicity: the labels, None where the fusion reads none.
    """

    emotion: Float32[Array, "batch emotion_features"]
    ethnic: Float32[Array, "batch ethnic_features"] | None
    ethnicity: Ethnicity | None


class Fusion(nn.Module):
    """One way to bring emotion and ethnicity together.

    Attributes:
      n_emotions: number of emotion classes.
      n_ethnicities: number of ethnic groups, Unknown not among them.
    """

    n_emotions: int
    n_ethnicities: int

    @property
    def needs_ethnic_branch(self) -> bool:
        """Whether the fusion reads features of an ethnic branch."""
        return False

    @property
    def reads_labels(self) -> bool:
        """Whether predictions depend on the ethnicity that a clip is labelled with."""
        return False

    @property
    def paces(self) -> dict[str, float]:
        """Modules that learn faster or slower than the rest, and how many times so."""
        return {}


class NoFusion(Fusion):
    """One branch, one head: blind to ethnicity (the universality hypothesis)."""

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies the emotion features."""
        logits = Linear(self.n_emotions, name="head")(features.emotion)
        return Outputs(logits, features=features.emotion)


class Bias(Fusion):
    """A logit bias for each ethnicity, zero at first; Unknown gets their mean."""

    @property
    def reads_labels(self) -> bool:
        """Always: the label chooses the bias."""
        return True

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies the emotion features and shifts the logits."""
        shape = (self.n_ethnicities, self.n_emotions)
        table = self.param("bias", nn.initializers.zeros_init(), shape, jnp.float32)
        logits = Linear(self.n_emotions, name="head")(features.emotion)
        logits = logits + group_weights(features.ethnicity, self.n_ethnicities) @ table
        return Outputs(logits, features=features.emotion)


class MultiTask(Fusion):
    """One branch, two heads: emotion and ethnicity share their features."""

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies emotion and ethnicity from the emotion features."""
        return Outputs(
            Linear(self.n_emotions, name="head")(features.emotion),
            ethnic_logits=Linear(self.n_ethnicities, name="ethnic_head")(features.emotion),
            features=features.emotion,
        )


class TwoBranches(Fusion):
    """A head for each branch, and a final one on what `combine` makes of both."""

    @property
    def needs_ethnic_branch(self) -> bool:
        """Always: without it there is nothing to combine."""
        return True

    def combine(
        self, emotion: Float32[Array, "batch d"], ethnic: Float32[Array, "batch e"]
    ) -> Float32[Array, "batch joint"]:
        """Makes the features of both branches those that the final head reads."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies each branch's features, and both together."""
        joint = self.combine(features.emotion, features.ethnic)
        return Outputs(
            Linear(self.n_emotions, name="head")(joint),
            Linear(self.n_emotions, name="emotion_head")(features.emotion),
            Linear(self.n_ethnicities, name="ethnic_head")(features.ethnic),
            joint,
        )


class Concat(TwoBranches):
    """Late fusion: both branches' features side by side."""

    def combine(
        self, emotion: Float32[Array, "batch d"], ethnic: Float32[Array, "batch e"]
    ) -> Float32[Array, "batch d+e"]:
        """Puts the features of both branches side by side."""
        return jnp.concatenate([emotion, ethnic], axis=-1)


class Mean(TwoBranches):
    """Late fusion: the mean of both; a linear map first brings them to one width."""

    def combine(
        self, emotion: Float32[Array, "batch d"], ethnic: Float32[Array, "batch e"]
    ) -> Float32[Array, "batch d"]:
        """Averages the features of both branches."""
        if ethnic.shape[-1] != emotion.shape[-1]:
            ethnic = Linear(emotion.shape[-1], name="projection")(ethnic)
        return (emotion + ethnic) / 2


class Embed(Fusion):
    """An ethnic embedding scales and shifts the emotion features.

    From the label, or from the ethnic branch's posterior: the expectation of the
    embedding under it, which needs no label at test time. Starts as no conditioning.

    Reference: Perez et al., FiLM: Visual Reasoning with a General Conditioning
    Layer, AAAI 2018, equation 2.

    Attributes:
      source: one of EMBED_SOURCES.
      size: width of the embedding.
      stop_gradient: whether the emotion loss is kept out of the ethnic branch.
    """

    source: str = "posterior"
    size: int = 16
    stop_gradient: bool = False

    @property
    def needs_ethnic_branch(self) -> bool:
        """Whether the posterior is asked for."""
        return self.source == "posterior"

    @property
    def reads_labels(self) -> bool:
        """Whether the embedding is that of the label."""
        return self.source == "label"

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies the conditioned emotion features."""
        ethnic_logits = None
        if self.needs_ethnic_branch:
            ethnic_logits = Linear(self.n_ethnicities, name="ethnic_head")(features.ethnic)
            # Softmax without its quotient, which XLA rounds otherwise on several devices.
            groups = jnp.exp(jax.nn.log_softmax(ethnic_logits))
            groups = jax.lax.stop_gradient(groups) if self.stop_gradient else groups
        else:
            groups = group_weights(features.ethnicity, self.n_ethnicities)
        shape = (self.n_ethnicities, self.size)
        embedding = self.param("embedding", nn.initializers.normal(1.0), shape, jnp.float32)
        film = nn.Dense(
            2 * features.emotion.shape[-1], kernel_init=nn.initializers.zeros_init(), name="film"
        )
        gain, shift = jnp.split(film(groups @ embedding), 2, axis=-1)
        conditioned = features.emotion * (1 + gain) + shift
        logits = Linear(self.n_emotions, name="head")(conditioned)
        return Outputs(logits, ethnic_logits=ethnic_logits, features=conditioned)


class Adversarial(Fusion):
    """Ethnicity is taken out of the features: the opposite hypothesis.

    A small network learns to read ethnicity from the features; its gradient reaches
    them reversed (Ganin and Lempitsky, ICML 2015). It has to be ahead of the features to
    be of any use, so it learns faster (Heusel et al., GANs Trained by a Two Time-Scale
    Update Rule, NIPS 2017). The backbone's features pass a narrow layer first: of what
    hundreds of features each hold a little, the adversary takes out too little before
    training ends, and a later reader finds the rest.

    Attributes:
      strength: factor of the reversed gradient.
      hidden: width of the adversary's hidden layer.
      width: of the narrow layer, whose features, in (-1, 1), are the final ones.
      pace: the adversary's learning rate, in those of the rest.
    """

    strength: float = 1.0
    hidden: int = 256
    width: int = 16
    pace: float = 10.0

    @property
    def paces(self) -> dict[str, float]:
        """Those of the adversary's two layers."""
        return {"adversary": self.pace, "ethnic_head": self.pace}

    @nn.compact
    def __call__(self, features: BranchFeatures) -> Outputs:
        """Classifies emotion from the features, and ethnicity against them."""
        # Bounded: features could outrun the adversary by growing.
        narrow = jnp.tanh(Linear(self.width, name="bottleneck")(features.emotion))
        reversed_features = reverse_gradient(narrow, self.strength)
        hidden = nn.relu(Linear(self.hidden, name="adversary")(reversed_features))
        return Outputs(
            Linear(self.n_emotions, name="head")(narrow),
            ethnic_logits=Linear(self.n_ethnicities, name="ethnic_head")(hidden),
            features=narrow,
        )


def group_weights(
    ethnicity: Ethnicity, n_ethnicities: int
) -> Float32[Array, "batch {n_ethnicities}"]:
    """One-hot rows, uniform for Unknown: every row sums to 1."""
    known = jax.nn.one_hot(ethnicity, n_ethnicities)
    return jnp.where(ethnicity[:, None] < 0, 1 / n_ethnicities, known)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def reverse_gradient(x: Features, strength: float) -> Features:
    """Returns x; multiplies the gradient that flows back by -strength.

    Reference: Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation,
    ICML 2015, equations 9 and 10.
    """
    del strength  # of the backward pass alone
    return x


def _forward(x: Features, strength: float) -> tuple[Features, None]:
    del strength
    return x, None


def _backward(strength: float, residual: None, gradient: Features) -> tuple[Features]:
    del residual
    return (-strength * gradient,)


reverse_gradient.defvjp(_forward, _backward)
