"""Where the windows of a convolution or a pooling lie, and what each place of one sees.

XLA's own pooling is slow on a CPU, and very slow within a compiled loop; so a window is
a number of shifted slices of the padded image.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from thalweg.core.errors import InvalidInput
from thalweg.networks.layers.base import AbstractLayer, Shape, name, pair

Pair = tuple[int, int]


class Windows(NamedTuple):
    """Windows of `size`, `stride` apart, over an image padded by `padding`."""

    size: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))  # (before, after) of each axis
    dilation: Pair = (1, 1)

    def outputs(self, height: int, width: int) -> Pair:
        """How many windows there are on each axis."""
        found = []
        for axis, length in enumerate((height, width)):
            reach = self.dilation[axis] * (self.size[axis] - 1) + 1
            found.append(
                (length + sum(self.padding[axis]) - reach) // self.stride[axis] + 1
            )
        return found[0], found[1]

    def padded(self, x: Float[Array, "b h w c"], value: float) -> Array:
        """The image with its margin."""
        if not any(map(any, self.padding)):
            return x
        margins = [(0, 0, 0), *((*both, 0) for both in self.padding), (0, 0, 0)]
        return jax.lax.pad(x, x.dtype.type(value), margins)

    def slices(
        self, x: Float[Array, "b h w c"], value: float = 0.0
    ) -> Iterator[Float[Array, "b oh ow c"]]:
        """What each place of the window sees, row by row."""
        b, height, width, c = x.shape
        oh, ow = self.outputs(height, width)
        x = self.padded(x, value)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                top, left = i * self.dilation[0], j * self.dilation[1]
                bottom = top + (oh - 1) * self.stride[0] + 1
                right = left + (ow - 1) * self.stride[1] + 1
                yield jax.lax.slice(
                    x, (0, top, left, 0), (b, bottom, right, c), (1, *self.stride, 1)
                )


def windows(
    layer: AbstractLayer,
    shape: Shape,
    *,
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
) -> Windows:
    """The windows of a layer, from what its user wrote.

    **padding**: "same" keeps height and width at stride 1 and puts equal margins on
    both sides (the odd one out after), as PyTorch's `size // 2` does; "valid" is none;
    or a number, or one for each axis.

    Raises InvalidInput for values that are none, or if no window fits the image.
    """
    size, stride = pair(layer, size=size), pair(layer, stride=stride)
    dilation = pair(layer, dilation=dilation)
    reach = [d * (s - 1) for d, s in zip(dilation, size, strict=True)]
    if padding == "same":
        margins = [(total // 2, total - total // 2) for total in reach]
    elif padding == "valid":
        margins = [(0, 0), (0, 0)]
    elif isinstance(padding, str):
        raise InvalidInput(
            f"The padding of {name(layer)} is 'same', 'valid' or a number, "
            f"but got {padding!r}."
        )
    else:
        margins = [(one, one) for one in pair(layer, 0, padding=padding)]
    found = Windows(size, stride, (margins[0], margins[1]), dilation)
    if min(found.outputs(*shape[:2])) < 1:
        raise InvalidInput(
            f"The windows of {name(layer)} are {size} (dilation {dilation}) and don't "
            f"fit an image of {shape[0]}x{shape[1]} with padding {padding!r}. "
            "Use smaller ones, padding='same', or fewer layers that halve the image."
        )
    return found


__all__ = ["Windows", "windows"]
