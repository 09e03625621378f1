"""The two sides of a matrix, and second moments of its gradients for each.

What SOAP and Shampoo share. Long sides may be left as they are, and those of length 1
are, since there is nothing to learn of them: `None` stands for such a side.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from thalweg.optimizers.matrices import Matrix

Side = Float[Array, "n n"]
Sides = tuple[Side | None, Side | None]  # of the inputs, of the outputs


def identities(x: Matrix, longest: int, one_sided: bool) -> Sides:
    """The identity for each side of `x` that is preconditioned.

    Those of 2 to `longest` entries; if `one_sided`, only the shorter one.
    """
    inputs, outputs = x.shape
    wanted = (inputs <= outputs, inputs > outputs) if one_sided else (True, True)
    left, right = (
        jnp.eye(n, dtype=x.dtype) if want and 1 < n <= longest else None
        for want, n in zip(wanted, x.shape, strict=True)
    )
    return left, right


def products(g: Matrix, sides: Sides) -> Sides:
    """`g g^T` and `g^T g`, of the sides that are not `None`."""
    left, right = sides
    return None if left is None else g @ g.T, None if right is None else g.T @ g


def between(left: Side | None, x: Matrix, right: Side | None) -> Matrix:
    """`left x right`; `None` is an identity."""
    x = x if left is None else left @ x
    return x if right is None else x @ right


def known(p: Side) -> tuple[Side, Bool[Array, ""]]:
    """`p` as a constant, or 0 if it is not finite, and whether it is."""
    p = jax.lax.stop_gradient(p)
    finite = jnp.isfinite(p).all()
    return jnp.where(finite, p, 0.0), finite
