"""The classifier: an emotion branch, an ethnic one where it is wanted, and their fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from flax import struct

from ethnicmer_jax.models.fusion import BranchFeatures, Fusion, Outputs
from ethnicmer_jax.models.shapes import Features, Images, Weight


@struct.dataclass
class FixedFeatures:
    """Features of a backbone that does not learn; they stand for the images of its branch.

    Attributes:
      values: float32 [n, d]. Not checked: JAX rebuilds a pytree with leaves of any shape.
    """

    values: Any


class EthnicAwareClassifier(nn.Module):
    """An emotion branch, an ethnic branch where the fusion asks for one, and the fusion.

    Variables are kept under `emotion_backbone`, `ethnic_backbone` and `fusion`.

    Attributes:
      emotion_backbone: maps images to features.
      ethnic_backbone: the same for the other branch, or None.
      fusion: makes Outputs of both.
      dropout: rate on each branch's features.
    """

    emotion_backbone: nn.Module
    ethnic_backbone: nn.Module | None
    fusion: Fusion
    dropout: float = 0.0

    def prepare(self, branch: str, images: Images) -> Any:
        """Does once what every call on these images would do again, where a backbone can.

        Args:
          branch: "emotion" or "ethnic".
          images: float [n, H, W, 3].

        Returns:
          A pytree of arrays [n, ...]; rows of it stand for images in `__call__`.
        """
        backbone = self.emotion_backbone if branch == "emotion" else self.ethnic_backbone
        prepare = getattr(backbone, "prepare", None)
        return images if prepare is None else prepare(images)

    @nn.compact
    def __call__(
        self,
        inputs: Mapping[str, Any],
        *,
        train: bool,
        weight: Weight = None,
    ) -> Outputs:
        """Classifies a batch.

        Args:
          inputs: "emotion" and, where the fusion reads it, "ethnic": images
            [batch, H, W, 3] of each branch, as they are or prepared, or FixedFeatures,
            which need no backbone; "ethnicity": int32 [batch], -1 Unknown.
          train: whether BatchNorm uses the batch and dropout drops (rng "dropout").
          weight: float [batch] of 0 and 1; examples of 0 leave BatchNorm alone.

        Returns:
          Outputs, all float32.
        """
        emotion = _features(self.emotion_backbone, inputs["emotion"], train, weight)
        emotion = nn.Dropout(self.dropout, deterministic=not train)(emotion)
        ethnic = None
        if self.ethnic_backbone is not None:
            ethnic = _features(self.ethnic_backbone, inputs["ethnic"], train, weight)
            ethnic = nn.Dropout(self.dropout, deterministic=not train)(ethnic)
        return self.fusion(BranchFeatures(emotion, ethnic, inputs.get("ethnicity")))


def _features(backbone: nn.Module, x: Any, train: bool, weight: Weight) -> Features:
    return x.values if isinstance(x, FixedFeatures) else backbone(x, train=train, weight=weight)
