"""An epoch of one fold in PyTorch, as `throughput` compares with it: Adam, dropout, autocast."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from ethnicmer_jax.base.schema import UserError

CLIPS, CLASSES = 278, 3


def epoch(name: str, size: int, dtype: str, batch: int, steps: int) -> Callable[[], float]:
    """Builds the network, takes some steps to warm up, and returns what times an epoch.

    Args:
      name: one of `registry.BACKBONES`.
      size: of the images, px.
      dtype: "float32" or "bfloat16", by autocast.
      batch: examples a step.
      steps: of a timed epoch.

    Returns:
      Trains an epoch on images of noise, on the GPU where there is one; returns its seconds.

    Raises:
      UserError: there is no such network in torchvision or timm.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # As JAX multiplies by default.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    model = _network(name, size).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=device == "cuda")
    images = torch.randn(CLIPS, 3, size, size, device=device)
    labels = torch.randint(0, CLASSES, (CLIPS,), device=device)
    loss = nn.CrossEntropyLoss()

    def step() -> None:
        rows = torch.randint(0, CLIPS, (batch,), device=device)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            inputs = images[rows].contiguous(memory_format=torch.channels_last)
            total = loss(model(inputs), labels[rows])
        total.backward()
        optimizer.step()

    def timed(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    timed(min(steps, 4))
    return lambda: timed(steps)


def _network(name: str, size: int) -> nn.Module:
    if name == "ststnet":
        from benchmarks.torch_loso import STSTNet

        return STSTNet()
    if name in ("resnet18", "swin_b"):
        import torchvision

        return torchvision.models.get_model(name, num_classes=CLASSES)
    if name.startswith("tiny_vit"):
        import timm

        return timm.create_model(f"{name}_224", num_classes=CLASSES, img_size=size)
    raise UserError(f"--compare=torch knows no network {name}")
