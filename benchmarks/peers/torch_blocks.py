"""ganzoo's networks in PyTorch, from the fields of their blocks. Only the blocks that plain DCGANs use.

An element of the list is ``{"name": the block's registered name, field: value, ...}``, as ``headline.py`` writes it.
Dense layers order their values channels first, which changes nothing for weights that are drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

Fields = Mapping[str, Any]
Shape = tuple[int, ...]
Made = tuple[list[nn.Module], Shape]
"""Layers, and the shape ``[c, h, w]`` of their output for one sample."""


def network(blocks: Sequence[Fields], shape: Shape) -> nn.Module:
    """Build a network for samples of a shape: ``[d]``, or ``[c, h, w]``.

    Raises:
        SystemExit: if a block has no counterpart here.
    """
    layers: list[nn.Module] = []
    for block in blocks:
        build = BLOCKS.get(block["name"])
        if build is None:
            raise SystemExit(
                f"The block '{block['name']}' has no counterpart in PyTorch here; available: {', '.join(BLOCKS)}. "
                "Name another config as 'networks' in the protocol."
            )
        made, shape = build(block, shape)
        layers += made
    return nn.Sequential(*layers)


class MinibatchStddev(nn.Module):
    """Appends the standard deviation over groups of samples, as ganzoo's layer of this name does."""

    def __init__(self, group_size: int, num_channels: int) -> None:
        super().__init__()
        self.group_size, self.num_channels = group_size, num_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = x.shape
        group = self.group_size if count % self.group_size == 0 else count
        variance = x.reshape(group, -1, channels, height, width).var(0, unbiased=False)
        parts = (variance + 1e-8).sqrt().reshape(-1, self.num_channels, channels // self.num_channels, height, width)
        means = parts.mean((2, 3, 4)).repeat(group, 1)[:, :, None, None]
        return torch.cat([x, means.expand(-1, -1, height, width)], 1)


def _dense_stem(block: Fields, shape: Shape) -> Made:
    height = block["height"] or 4
    size = (block["channels"], height, block["width"] or height)
    dense = nn.Linear(shape[0], math.prod(size), bias=block["norm"] != "batch")
    return [nn.Flatten(), dense, nn.Unflatten(1, size), *_dress(block, size[0])], size


def _conv_transpose(block: Fields, shape: Shape) -> Made:
    if block.get("odd"):
        raise SystemExit("The field 'odd' of the block 'conv_transpose' has no counterpart in PyTorch here.")
    before, height, width = shape
    after = block["channels"]
    layer = _doubling(before, after, block["kernel_size"], bias=block["norm"] != "batch")
    return [layer, *_dress(block, after)], (after, 2 * height, 2 * width)


def _upsample_conv(block: Fields, shape: Shape) -> Made:
    before, height, width = shape
    after = block["channels"]
    layers = [nn.Upsample(scale_factor=2, mode=block["interpolation"]), _same(block, before, after)]
    return [*layers, *_dress(block, after)], (after, 2 * height, 2 * width)


def _image_head(block: Fields, shape: Shape) -> Made:
    before, height, width = shape
    channels = block["shape"][-1]
    doubles = block["upsample"] == "conv_transpose"
    layer = _doubling(before, channels, block["kernel_size"]) if doubles else _same(block, before, channels, bias=True)
    factor = 2 if doubles else 1
    return [*_dress(block, before), layer, nn.Tanh()], (channels, factor * height, factor * width)


def _strided_conv(block: Fields, shape: Shape) -> Made:
    before, height, width = shape
    after, kernel, stride = block["channels"], block["kernel_size"], block["stride"]
    if height % stride or width % stride:
        raise SystemExit(f"PyTorch here needs maps that the stride {stride} divides, received {height} x {width} px.")
    missing = max(0, kernel - stride)
    pad = (missing // 2, missing - missing // 2)
    conv = nn.Conv2d(before, after, kernel, stride, bias=block["norm"] != "batch")
    drop = [nn.Dropout(block["dropout"])] if block["dropout"] else []
    return [nn.ZeroPad2d(pad * 2), conv, *_dress(block, after), *drop], (after, height // stride, width // stride)


def _minibatch_stddev(block: Fields, shape: Shape) -> Made:
    added = block["num_channels"]
    return [MinibatchStddev(block["group_size"], added)], (shape[0] + added, *shape[1:])


def _logit_head(block: Fields, shape: Shape) -> Made:
    if block["pool"] != "flatten" or block["norm"] != "none":
        raise SystemExit("PyTorch here has only the 'logit_head' with pool: flatten and norm: none.")
    return [*_dress(block, shape[0]), nn.Flatten(), nn.Linear(math.prod(shape), 1)], (1,)


def _doubling(before: int, after: int, kernel: int, *, bias: bool = True) -> nn.Module:
    if kernel % 2:
        raise SystemExit(f"PyTorch here doubles the size only with an even kernel, received {kernel}.")
    return nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 2) // 2, bias=bias)


def _same(block: Fields, before: int, after: int, *, bias: bool | None = None) -> nn.Module:
    with_bias = block["norm"] != "batch" if bias is None else bias
    return nn.Conv2d(before, after, block["kernel_size"], padding="same", bias=with_bias)


def _dress(block: Fields, channels: int) -> list[nn.Module]:
    """Normalization and activation."""
    norms: dict[str, list[nn.Module]] = {"none": [], "batch": [nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)]}
    activations: dict[str, list[nn.Module]] = {
        "linear": [],
        "relu": [nn.ReLU(True)],
        "leaky_relu": [nn.LeakyReLU(block["slope"], inplace=True)],
    }
    for field, table in (("norm", norms), ("activation", activations)):
        if block[field] not in table:
            raise SystemExit(f"PyTorch here has no {field} '{block[field]}'; available: {', '.join(table)}")
    return norms[block["norm"]] + activations[block["activation"]]


BLOCKS: dict[str, Callable[[Fields, Shape], Made]] = {
    "dense_stem": _dense_stem,
    "conv_transpose": _conv_transpose,
    "upsample_conv": _upsample_conv,
    "image_head": _image_head,
    "strided_conv": _strided_conv,
    "minibatch_stddev": _minibatch_stddev,
    "logit_head": _logit_head,
}
