"""Random weights that leave no parameter at a value where a mistake could hide."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Fills scales, shifts, tables and running statistics; returns the model."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.is_floating_point() and (value.ndim == 1 or "bias" in name):
            value.normal_(0, 0.2, generator=generator)
            value.add_(float(name.endswith("weight")))
        elif value.is_floating_point():
            value.normal_(0, value[0].numel() ** -0.5, generator=generator)
    return model
