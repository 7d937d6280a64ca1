"""Dual-ATME: two Inception branches, one of the whole flow and one of its parts.

Reference: Zhou, Huang, Li and Wang, Dual-ATME: Dual-Branch Attention Network for Micro-Expression
Recognition, Entropy 25(3) 460, 2023, section 3.3. Names, sizes and order of layers are those of
the authors' github.com/HaoliangZhou/Dual-ATME, Me_Model_att.py, class MEROIInception.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones import biased
from ethnicmer_jax.models.backbones.face_parts import assemble
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.batch_norm import MaskedBatchNorm
from ethnicmer_jax.models.shapes import Array, FeatureMap, Images, Mode, Weight

REDUCED = 6
"""Channels before the 3×3 and 5×5 convolutions."""
SHRINKING = 16
"""How many times as narrow the middle of the attention to channels is."""


class InceptionNorm(nn.Module):
    """Four branches with BatchNorm side by side: 1×1, 3×3, 5×5 and pooled.

    Attributes:
      width: channels of each branch.
      dtype: compute precision.
    """

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch height width joined"]:
        """Maps [batch, H, W, C] to [batch, H, W, 4 · width]."""
        mode: Mode = {"train": train, "weight": weight}

        def unit(x: FeatureMap, features: int, size: int, name: str) -> jax.Array:
            conv = biased.conv(x.shape[-1], features, size, dtype=self.dtype, name=f"{name}_conv")
            norm = MaskedBatchNorm(dtype=self.dtype, name=f"{name}_bn")
            return nn.relu(norm(conv(x), **mode))

        pooled = sliding.max_pool(x, (3, 3), (1, 1), ((1, 1), (1, 1)))
        branches = [
            unit(x, self.width, 1, "branch1x1_0"),
            unit(unit(x, REDUCED, 1, "branch3x3_0"), self.width, 3, "branch3x3_3"),
            unit(unit(x, REDUCED, 1, "branch5x5_0"), self.width, 5, "branch5x5_3"),
            unit(pooled, self.width, 1, "branch_pool_1"),
        ]
        return jnp.concatenate(branches, axis=-1)


class BlockAttention(nn.Module):
    """Attention to channels, then to places.

    Reference: Woo, Park, Lee and Kweon, CBAM: Convolutional Block Attention Module, ECCV 2018.

    Attributes:
      dtype: compute precision.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch height width channels"]:
        """Maps [batch, H, W, C] to the same shape."""
        channels = x.shape[-1]
        narrow = max(1, channels // SHRINKING)
        first = biased.dense(channels, narrow, dtype=self.dtype, name="shared_MLP_0")
        last = biased.dense(narrow, channels, dtype=self.dtype, name="shared_MLP_2")
        both = sum(last(nn.relu(first(summary))) for summary in (x.mean((1, 2)), x.max((1, 2))))
        x = x * jax.nn.sigmoid(both)[:, None, None]
        summary = jnp.stack([x.mean(-1), x.max(-1)], axis=-1)
        conv = biased.conv(2, 1, 3, dtype=self.dtype, name="conv2d")
        return x * jax.nn.sigmoid(conv(summary))


class DualATME(nn.Module):
    """A branch of the whole image, a branch of eyes and mouth corners, and a linear layer.

    The authors also draw the branches together: 0.01 · (1 - cosine) is added to their loss.
    It is not added here.

    Attributes:
      widths: channels of each part of the first and of the second Inception.
      hidden: width of the linear layer.
      attend_parts: whether the branch of the parts has attention, too: the authors' code shares
        it between both, their paper gives it to the whole image's alone.
      margin: of the crops (see `face_parts`).
      dtype: compute precision; parameters, statistics and features are float32.
    """

    widths: tuple[int, int] = (6, 12)
    hidden: int = 1024
    attend_parts: bool = False
    margin: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool, weight: Weight = None
    ) -> Float32[Array, "batch {self.hidden}"]:
        """Maps [batch, S, S, 3], S a multiple of 4, to float32 [batch, hidden]."""
        mode: Mode = {"train": train, "weight": weight}
        attend = BlockAttention(self.dtype, name="cbam")
        inception = functools.partial(InceptionNorm, dtype=self.dtype)
        maps = []
        for number, branch in enumerate((x, assemble(x, self.margin)), start=1):
            for place, width in enumerate(self.widths, start=1):
                branch = inception(width, name=f"Inception{number}_{place}")(branch, **mode)
                branch = sliding.max_pool(branch, (2, 2), (2, 2))
            maps.append(attend(branch) if number == 1 or self.attend_parts else branch)
        # The parts lie elsewhere than in the image: only the whole image's map shows places.
        maps[0] = tap(self, maps[0])
        # PyTorch flattens channels first; its weights expect that order.
        x = jnp.concatenate(maps, axis=-1).transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = biased.dense(x.shape[-1], self.hidden, dtype=self.dtype, name="fc")(x)
        x = nn.relu(MaskedBatchNorm(dtype=self.dtype, name="fc_bn")(x, **mode))
        return x.astype(jnp.float32)
