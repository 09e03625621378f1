"""Gradient centralisation: each output unit's gradient has a mean of 0.

Yong et al. 2020, equation 1, https://arxiv.org/abs/2004.01461
Departs from the paper: nothing. A kernel here is `[..., outputs]`: the mean is over all
sides but the last.
"""

import jax.numpy as jnp
from jaxtyping import Array

from thalweg.core.typing import Params
from thalweg.optimizers.clipping import AbstractTransform
from thalweg.optimizers.leafwise import each


class CentraliseGradients(AbstractTransform):
    """For convolutional networks with normalisation: smoother and better training.

    Tensors with less than two dimensions pass as they are.
    """

    def __call__(self, grads: Params, params: Params) -> Params:
        del params

        def centred(g: Array) -> Array:
            if g.ndim < 2 or g.size == 0:
                return g
            return g - jnp.mean(g, axis=tuple(range(g.ndim - 1)), keepdims=True)

        return each(centred, grads)
