"""PyTorch versions of the backbones, with torchvision's and timm's state dict names.

Neither library installs everywhere beside a CPU build of PyTorch. These are written
from the papers and from the published names, for tests only: small enough to check
by eye, and with widths and depths that tests can shrink.
"""
