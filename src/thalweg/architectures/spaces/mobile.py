"""Inverted residuals: the space of ProxylessNAS and of MobileNetV3.

Sandler et al. 2018, "MobileNetV2" (the block), https://arxiv.org/abs/1801.04381
Cai et al. 2019, "ProxylessNAS" (the choices), https://arxiv.org/abs/1812.00332
Howard et al. 2019, "Searching for MobileNetV3" (squeeze-and-excitation, hard swish),
https://arxiv.org/abs/1905.02244

Departs from them: the stem is for small images and halves nothing; SiLU stands for hard
swish, of which it is the smooth original.
"""

from collections.abc import Sequence
from functools import cache

import equinox as eqx

from thalweg.architectures.spaces.pieces import AbstractBlock, one_layer
from thalweg.architectures.vocabulary import LayerChoice, Repeat
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    AbstractLayer,
    Activate,
    BatchNorm,
    Conv,
    DepthwiseConv,
    Identity,
    Residual,
    Sequential,
    Shape,
    SqueezeExcitation,
)


class InvertedResidual(AbstractBlock):
    """Expands the channels, convolves each by itself, and projects them back.

    The input is added where the shape stays.
    """

    channels: int = eqx.field(static=True)
    size: int = eqx.field(static=True, default=3)
    stride: int = eqx.field(static=True, default=1)
    expansion: float = eqx.field(static=True, default=6)
    excitation: bool = eqx.field(static=True, default=False)
    activation: str = eqx.field(static=True, default="relu")

    def body(self, shape: Shape) -> AbstractLayer:
        """Three convolutions; two where nothing is expanded."""
        inner = round(shape[-1] * self.expansion)
        act = Activate(self.activation)
        layers: list[AbstractLayer] = []
        if inner != shape[-1]:
            layers += [Conv(inner, size=1, bias=False), BatchNorm(), act]
        depthwise = DepthwiseConv(size=self.size, stride=self.stride, bias=False)
        layers += [depthwise, BatchNorm(), act]
        if self.excitation:
            layers.append(SqueezeExcitation())
        layers += [Conv(self.channels, size=1, bias=False), BatchNorm()]
        same = self.stride == 1 and shape[-1] == self.channels
        return Residual(Sequential(layers)) if same else Sequential(layers)


def mobile(
    *,
    widths: Sequence[int] = (16, 24, 40, 80),
    strides: Sequence[int] = (1, 2, 2, 2),
    blocks: tuple[int, int] = (1, 4),
    sizes: Sequence[int] = (3, 5, 7),
    expansions: Sequence[float] = (3, 6),
    excitations: Sequence[bool] = (False, True),
    skip: bool = False,
    multiplier: float = 1.0,
    activation: str = "silu",
) -> Sequential:
    """Light networks for images of any size, as a tree: few parameters and products.

    **widths, strides**: of the stages. **blocks**: of a stage, at least and at most.
    **skip**: whether a block after a stage's first may also be left out by itself, as
    in ProxylessNAS (which has `blocks=(4, 4)`). **multiplier**: of all widths, which
    become multiples of 8.

    Parameters: `block_i_j`, such as "size5_expand6_se" (of stage `i`), and `more_i`,
    the blocks after a stage's first.
    """
    if len(strides) != len(widths):
        raise InvalidInput(
            "`mobile` needs a stride for each stage, but got "
            f"{len(strides)} strides for {len(widths)} widths."
        )
    least, most = blocks
    kinds = [(s, e, x) for s in sizes for e in expansions for x in excitations]

    @cache
    def block(i: int, j: int) -> AbstractLayer:
        width, stride = scaled(widths[i], multiplier), strides[i] if j == 0 else 1
        found: dict[str, AbstractLayer] = {
            f"size{s}_expand{e}" + "_se" * x: InvertedResidual(
                width, s, stride, e, x, activation
            )
            for s, e, x in kinds
        }
        if skip and j:
            return LayerChoice({"skip": Identity()} | found, label=f"block_{i}_{j}")
        return one_layer(f"block_{i}_{j}", found)

    stem = scaled(widths[0], multiplier)
    layers: list[AbstractLayer] = [Conv(stem, size=3, bias=False)]
    layers += [BatchNorm(), Activate(activation)]
    for i in range(len(widths)):
        more = Repeat(
            lambda j, i=i: block(i, j + 1), (least - 1, most - 1), f"more_{i}"
        )
        layers += [block(i, 0), more]
    last = scaled(4 * widths[-1], multiplier)
    layers += [Conv(last, size=1, bias=False), BatchNorm(), Activate(activation)]
    return Sequential(layers)


def scaled(width: int, multiplier: float, divisor: int = 8) -> int:
    """The width times the multiplier: a multiple of 8, at most a tenth smaller."""
    wanted = width * multiplier
    found = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * wanted else found
