"""HTNet: a hierarchical transformer that joins the parts of a face level by level.

Reference: Wang, Zhang, Luo and Sankaranarayana, HTNet for Micro-Expression Recognition,
Neurocomputing 602, 2024 (arXiv 2307.14637), section on the method. Names, sizes and order of
layers are those of the authors' github.com/wangzhifengharrison/HTNet, Model.py; depths, width and
heads those of its main_HTNet.py.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float

from ethnicmer_jax.models import sliding, torch_default
from ethnicmer_jax.models.backbones import biased
from ethnicmer_jax.models.backbones.face_parts import assemble
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Features, Images, Weight

PATCH = 7
"""Width and height of a patch in px."""


class SelfAttention(nn.Module):
    """Attention among the places of a map.

    Attributes:
      heads: their number; their width is the quotient, rounded down, of channels and heads.
      dropout: rate of attention and of the result.
      dtype: compute precision.
    """

    heads: int
    dropout: float
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch rows columns channels"], *, train: bool
    ) -> Float[Array, "batch rows columns channels"]:
        """Maps [batch, h, w, C] to the same shape."""
        batch, height, width, channels = x.shape
        inner = channels // self.heads * self.heads
        shape = (1, 1, channels, 3 * inner)
        kernel = self.param("to_qkv", torch_default.kernel, shape, jnp.float32)
        kernel = kernel[0, 0].astype(self.dtype)
        tokens = x.reshape(batch, height * width, channels)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        if height * width == 1:
            # A place alone attends to itself: its weight is 1, whatever query and key are.
            # Where that weight is dropped, so is every value of the head.
            values = tokens @ kernel[:, 2 * inner :]
            weights = drop(jnp.ones((batch, self.heads, 1, 1), self.dtype))
            values = values.reshape(batch, 1, self.heads, -1)
        else:
            query, key, values = (
                part.reshape(batch, height * width, self.heads, -1)
                for part in jnp.split(tokens @ kernel, 3, axis=-1)
            )
            scale = (channels // self.heads) ** -0.5
            weights = jnp.einsum("bihd,bjhd->bhij", query, key).astype(jnp.float32) * scale
            weights = drop(jax.nn.softmax(weights, axis=-1).astype(self.dtype))
        found = jnp.einsum("bhij,bjhd->bihd", weights, values).reshape(batch, height, width, inner)
        return drop(biased.conv(inner, channels, 1, dtype=self.dtype, name="to_out")(found))


class Level(nn.Module):
    """Blocks of attention and of two 1×1 convolutions, on maps whose places share an embedding.

    Attributes:
      depth: number of blocks.
      heads: of attention.
      dropout: rate everywhere.
      dtype: compute precision.
    """

    depth: int
    heads: int
    dropout: float
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch rows columns channels"], *, train: bool
    ) -> Float[Array, "batch rows columns channels"]:
        """Maps [batch, h, w, C] to the same shape."""
        _, height, width, channels = x.shape
        place = self.param("pos_emb", nn.initializers.normal(1.0), (height * width,), jnp.float32)
        x = x + place.astype(self.dtype).reshape(height, width, 1)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        for block in range(self.depth):
            attention = SelfAttention(
                self.heads, self.dropout, self.dtype, name=f"block{block}_attention"
            )
            x = x + attention(_norm(self.dtype, f"block{block}_norm0")(x), train=train)
            conv = functools.partial(biased.conv, size=1, dtype=self.dtype)
            y = _norm(self.dtype, f"block{block}_norm1")(x)
            y = conv(channels, 4 * channels, name=f"block{block}_up")(y)
            y = drop(jax.nn.gelu(y, approximate=False))
            x = x + drop(conv(4 * channels, channels, name=f"block{block}_down")(y))
        return x


class HTNet(nn.Module):
    """Levels of blocks: at first within each patch's neighbourhood, at last over the whole image.

    At 28 px, the published size, a block holds one place on every level: nothing is there to
    attend to, and attention is a linear layer. Places meet in the 3×3 convolutions between levels.
    At 56 px a block holds four.

    Attributes:
      width: channels of the first level; they double from level to level.
      heads: of the first level; they double, too.
      depths: blocks of each level. Three levels as in the authors' main_HTNet.py.
      parts: whether eyes and mouth corners are cut out (see `face_parts`), or the whole is read.
      margin: of the crops (see `face_parts`); it matters where `parts`.
      dropout: rate everywhere.
      dtype: compute precision; parameters and features are float32.
    """

    width: int = 256
    heads: int = 3
    depths: tuple[int, int, int] = (2, 2, 10)
    parts: bool = True
    margin: float = 0.0
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool, weight: Weight = None) -> Features:
        """Maps [batch, S, S, 3], S a multiple of 28, to float32 [batch, 4 · width].

        `weight` is not read: there is no BatchNorm.
        """
        del weight
        x = _patches(assemble(x, self.margin) if self.parts else x)
        x = biased.conv(x.shape[-1], self.width, 1, dtype=self.dtype, name="embed")(x)
        for number, depth in enumerate(self.depths):
            blocks = 2 ** (len(self.depths) - 1 - number)
            heads = self.heads * 2**number
            level = Level(depth, heads, self.dropout, self.dtype, name=f"level{number}")
            x = _together(level(_apart(x, blocks), train=train), blocks)
            if blocks > 1:
                merge = biased.conv(
                    x.shape[-1], 2 * x.shape[-1], 3, dtype=self.dtype, name=f"merge{number}"
                )
                x = _norm(self.dtype, f"merge{number}_norm")(merge(x))
                x = sliding.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        x = _norm(jnp.float32, "norm")(tap(self, x))
        return x.mean((1, 2))


def _norm(dtype: DTypeLike, name: str) -> nn.Module:
    return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, dtype=dtype, name=name)


def _patches(x: FeatureMap) -> Float[Array, "batch rows columns seen"]:
    """[batch, S, S, C] to [batch, S / 7, S / 7, 49 · C], row by row, channels last."""
    batch, side, _, channels = x.shape
    x = x.reshape(batch, side // PATCH, PATCH, side // PATCH, PATCH, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, side // PATCH, side // PATCH, -1)


def _apart(x: FeatureMap, blocks: int) -> Float[Array, "apart rows columns channels"]:
    """Cuts [batch, H, W, C] into blocks × blocks maps, each an example of its own."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, blocks, height // blocks, blocks, width // blocks, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, height // blocks, width // blocks, channels)


def _together(x: FeatureMap, blocks: int) -> Float[Array, "joined rows columns channels"]:
    """The inverse of `_apart`."""
    _, height, width, channels = x.shape
    x = x.reshape(-1, blocks, blocks, height, width, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, blocks * height, blocks * width, channels)
