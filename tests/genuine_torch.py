"""The public PyTorch models with random weights; whoever imports this skips without them.

torchvision has ResNet, Swin and VGG, timm has TinyViT. Nothing is downloaded.
"""

import importlib.util

import pytest

_REASON = "parity needs PyTorch, torchvision and timm: `make parity` installs them"
torch = pytest.importorskip("torch", reason=_REASON)
for _package in ("torchvision", "timm"):
    if importlib.util.find_spec(_package) is None:
        pytest.skip(_REASON, allow_module_level=True)

from benchmarks import torchvision_models  # noqa: E402
from benchmarks.torchvision_models import resnet, swin_transformer, vgg  # noqa: E402

tiny_vit = torchvision_models.tiny_vit

# Networks as small as these compute no faster on several threads, which wait for each other.
torch.set_num_threads(1)


def resnet18(classes=1000):
    return resnet.resnet18(num_classes=classes)


def swin(width, depths, heads):
    return swin_transformer.SwinTransformer(
        [4, 4], width, list(depths), list(heads), window_size=[7, 7]
    )


def vgg16(widths, hidden, classes=2622):
    """VGG-16 with narrower layers than torchvision's."""
    blocks = zip(widths, (2, 2, 3, 3, 3), strict=True)
    layers = [entry for width, depth in blocks for entry in (*[width] * depth, "M")]
    model = vgg.VGG(vgg.make_layers(layers), init_weights=False)
    model.classifier[0] = torch.nn.Linear(49 * widths[-1], hidden)
    model.classifier[3] = torch.nn.Linear(hidden, hidden)
    model.classifier[6] = torch.nn.Linear(hidden, classes)
    return model


def state_dict(model):
    """The model's; VGG's under the names of VGG-Face, which is a VGG-16."""
    return renamed(model, model.state_dict())


def load(model, state):
    """Fills a model with a state dict under the names of `state_dict`; all of them, no others."""
    model.load_state_dict(renamed(model, state, back=True), strict=True)


def renamed(model, state, back=False):
    """A state dict from the names of torchvision's VGG to those of VGG-Face, or back."""
    if not isinstance(model, vgg.VGG):
        return state
    convolutions = [i for i, layer in enumerate(model.features) if hasattr(layer, "weight")]
    names = [f"conv{b}_{i}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1)]
    ours = {f"features.{i}": name for i, name in zip(convolutions, names, strict=True)}
    ours |= {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}
    if back:
        ours = {name: theirs for theirs, name in ours.items()}
    layers = {key: key.rsplit(".", 1) for key in state}
    return {f"{ours[layer]}.{leaf}": state[key] for key, (layer, leaf) in layers.items()}


def watch_kinks(model):
    """A list to which each ReLU adds how near 0 an input of it came, in standard deviations.

    Where one lies within rounding of 0, its gradient is there or not as the sum was rounded.
    """
    distances = []

    def measure(_module, inputs):
        value = inputs[0].detach()
        distances.append(float(value.abs().min() / value.std()))

    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(measure)
    return distances


@torch.no_grad()
def randomise(model, seed=0):
    """Fills scales, shifts, tables and running statistics, so that no mistake hides in a 0."""
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
