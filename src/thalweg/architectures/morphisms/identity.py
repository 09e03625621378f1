"""Modules that hand on their input, or add nothing, from freshly built ones.

Chen et al. 2016, "Net2Net", section 2.3, https://arxiv.org/abs/1511.05641
A batch normalization is undone by its scale, at inference alone: the statistics of
training are the batch's own. A branch adds nothing while its last layer is zero (Goyal
et al. 2017, section 5.1, https://arxiv.org/abs/1706.02677).
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thalweg.activations import LeakyReLU, ReLU
from thalweg.activations import Linear as Unchanged
from thalweg.architectures.morphisms.channels import Channels
from thalweg.core.trainable import Fixed
from thalweg.networks.layers.activation import Activating
from thalweg.networks.layers.convolution import Convolution
from thalweg.networks.layers.dense import FullyConnected
from thalweg.networks.layers.dropout import Dropping
from thalweg.networks.layers.normalization import EPS, BatchNormalization
from thalweg.networks.layers.normalization import GroupNormalization as GroupNorm
from thalweg.networks.layers.pooling import GlobalPooling, Pooling
from thalweg.networks.layers.residual import ChannelGate
from thalweg.networks.layers.sequential import Chain
from thalweg.networks.layers.windows import Windows


class NotIdentity(Exception):
    """Why a module can't be made to hand on its input."""


def identity_convolution(module: Convolution, out: Channels) -> Convolution:
    """One at the place of the window that sees the output's own pixel."""
    where = module.windows
    axes = list(zip(where.padding, where.dilation, where.size, strict=True))
    centre = [before // d for (before, _), d, _ in axes]
    there = all(
        c * d == p[0] and c < s for c, (p, d, s) in zip(centre, axes, strict=True)
    )
    same = where.outputs(64, 64) == (64, 64) and max(where.stride) == 1
    if not same or not there or module.groups not in (1, out.originals):
        raise NotIdentity("a convolution put in must keep the image's size")
    tap = _spread(out, module.kernel.shape[-1])
    if module.groups > 1:
        tap = np.ones((1, out.width))
    kernel = np.zeros(module.kernel.shape, module.kernel.dtype)
    kernel[centre[0], centre[1]] = tap
    return _with_kernel(module, kernel)


def identity_dense(module: FullyConnected, out: Channels) -> FullyConnected:
    """The unit matrix, or one that copies units."""
    tap = _spread(out, module.kernel.shape[-1])
    return _with_kernel(module, tap.astype(module.kernel.dtype))


def _spread(out: Channels, width: int) -> Float[np.ndarray, "i o"]:
    """The matrix that makes each channel a copy of its original."""
    if out.width != width or width < out.originals:
        raise NotIdentity("a layer put in must not be narrower than its input")
    return (np.arange(out.originals)[:, None] == out.source).astype(float)


def identity_normalization(module: BatchNormalization) -> BatchNormalization:
    """The scale that undoes what fresh statistics, mean 0 and variance 1, do."""
    if module.scale is None:
        raise NotIdentity("a `BatchNorm` without scale can't be put in")
    undone = np.full(module.scale.shape, np.sqrt(1 + EPS), module.scale.dtype)
    return eqx.tree_at(lambda m: m.scale, module, undone)


def identity_activation(module: Activating, before: Any) -> Activating:
    """An activation that leaves as they are the numbers that come out of `before`."""
    kind = module.activation
    if isinstance(kind, Unchanged):
        return module
    if isinstance(kind, ReLU) and isinstance(before, ReLU):
        return module
    if isinstance(kind, LeakyReLU) and not isinstance(kind.slope, Fixed):
        slope = np.ones_like(kind.slope)
        return eqx.tree_at(lambda m: m.activation.slope, module, slope)
    raise NotIdentity(
        f"{type(kind).__name__} would change what it is given; put in a ReLU after a "
        "ReLU, a LeakyReLU that learns its slope, or a residual branch"
    )


def enlarged(kernel: Any, old: Windows, new: Windows) -> Float[np.ndarray, "kh kw i o"]:
    """The kernel with zeros around it, in the window that sees the same pixels."""
    margins = []
    for axis in range(2):
        shift = new.padding[axis][0] - old.padding[axis][0]
        before, rest = divmod(shift, old.dilation[axis])
        after = new.size[axis] - old.size[axis] - before
        end = (new.padding[axis][1] - old.padding[axis][1]) - after * old.dilation[axis]
        if rest or before < 0 or after < 0 or end:
            raise NotIdentity("the larger kernel must be centred: use padding='same'")
        margins.append((before, after))
    if old.stride != new.stride or old.dilation != new.dilation:
        raise NotIdentity("a convolution's stride and dilation can't change")
    return np.pad(np.asarray(kernel), [*margins, (0, 0), (0, 0)])


def silenced(module: Any) -> Any:
    """The module with its last layer zero, so that nothing comes out of it."""
    modules = list(module.modules) if isinstance(module, Chain) else [module]
    for number in range(len(modules) - 1, -1, -1):
        last = modules[number]
        if isinstance(last, Activating):
            if float(last.activation(jnp.zeros(()))) != 0:
                raise NotIdentity(
                    "a branch that ends with an activation that is not 0 at 0 adds to "
                    "what is there"
                )
        elif isinstance(last, Chain):
            modules[number] = silenced(last)
            break
        elif (quiet := _zeroed(last)) is not None:
            modules[number] = quiet
            break
        elif not isinstance(last, Pooling | GlobalPooling | Dropping | ChannelGate):
            raise NotIdentity(
                "a branch needs a linear layer or a normalisation near its end"
            )
    else:
        raise NotIdentity("a branch needs a linear layer or a normalisation")
    return Chain(tuple(modules)) if isinstance(module, Chain) else modules[0]


def _zeroed(module: Any) -> Any:
    """The layer without an effect; None if it is no such layer."""
    if isinstance(module, Convolution | FullyConnected):
        return _with_kernel(module, np.zeros_like(module.kernel))
    if isinstance(module, BatchNormalization | GroupNorm) and module.scale is not None:
        parts = lambda m: (m.scale, m.bias)  # noqa: E731
        zeros = np.zeros_like(module.scale)
        return eqx.tree_at(parts, module, (zeros, zeros))
    return None


def _with_kernel(module: Any, kernel: np.ndarray) -> Any:
    module = eqx.tree_at(lambda m: m.kernel, module, kernel)
    if module.bias is None:
        return module
    return eqx.tree_at(lambda m: m.bias, module, np.zeros_like(module.bias))


__all__ = [
    "NotIdentity",
    "enlarged",
    "identity_activation",
    "identity_convolution",
    "identity_dense",
    "identity_normalization",
    "silenced",
]
