"""Steps of one network in PyTorch, as `throughput` and `step_vs_torch` compare with them."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from ethnicmer_jax.base.schema import UserError

CLIPS, CLASSES = 278, 3


def epoch(
    name: str, size: int, dtype: str, batch: int, steps: int, channels_last: bool = True
) -> Callable[[], float]:
    """Builds the network, takes some steps to warm up, and returns what times an epoch.

    Args:
      name: one of `registry.BACKBONES`.
      size: of the images, px.
      dtype: "float32" or "bfloat16", by autocast.
      batch: examples a step.
      steps: of a timed epoch.
      channels_last: how images lie in memory.

    Returns:
      Trains an epoch on images of noise by Adam, on the GPU where there is one, and returns its
      seconds.

    Raises:
      UserError: there is no such network in torchvision or timm.
    """
    device = _device()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = network(name, size).to(device, memory_format=layout).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    images = torch.randn(CLIPS, 3, size, size, device=device)
    labels = torch.randint(0, CLASSES, (CLIPS,), device=device)
    loss = nn.CrossEntropyLoss()

    def step() -> None:
        rows = torch.randint(0, CLIPS, (batch,), device=device)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            inputs = images[rows].contiguous(memory_format=layout)
            total = loss(model(inputs), labels[rows])
        total.backward()
        optimizer.step()

    _timed(step, min(steps, 4))
    return lambda: _timed(step, steps)


def inference(name: str, size: int, batch: int, channels_last: bool) -> Callable[[], float]:
    """What times one pass over a batch of images in evaluation mode, float32; see `epoch`."""
    device = _device()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = network(name, size).to(device, memory_format=layout).eval()
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=layout)

    def step() -> None:
        with torch.inference_mode():
            model(images)

    _timed(step, 2)
    return lambda: _timed(step, 1)


def network(name: str, size: int) -> nn.Module:
    """A network of torchvision or timm with fresh weights and three classes.

    Raises:
      UserError: there is none of that name.
    """
    if name == "ststnet":
        from benchmarks.torch_loso import STSTNet

        return STSTNet()
    if name == "resnet18":
        from benchmarks.torchvision_models import resnet

        return resnet.resnet18(num_classes=CLASSES)
    if name == "swin_b":
        from benchmarks.torchvision_models import swin_transformer

        return swin_transformer.swin_b(num_classes=CLASSES)
    if name.startswith("tiny_vit"):
        from benchmarks.torchvision_models import TINY_VIT, tiny_vit

        return tiny_vit(size, TINY_VIT[name], classes=CLASSES)
    raise UserError(f"PyTorch's packages have no network {name}")


def _device() -> str:
    # As JAX multiplies by default.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return "cuda" if torch.cuda.is_available() else "cpu"


def _timed(step: Callable[[], None], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
