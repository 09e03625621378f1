"""Work that is done now and then, in a population too."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

T = TypeVar("T")


def anew(due: Bool[Array, ""], make: Callable[[T], T], old: T) -> T:
    """`make(old)` where `due`, else `old`.

    The work is done only when it is due, also in a population: when it is due for any
    of the members. (A `cond` alone becomes a choice under `vmap`: both sides are
    computed at every step.)
    """

    def made(old: T) -> T:
        return jax.tree.map(partial(jnp.where, due), make(old), old)

    return jax.lax.cond(_for_anyone(due), made, lambda old: old, old)


@jax.custom_batching.custom_vmap
def _for_anyone(due: Bool[Array, ""]) -> Bool[Array, ""]:
    """`due`; under `vmap` one answer for all members, so that a branch remains one."""
    return due


@_for_anyone.def_vmap
def _for_any_member(size: int, batched: Any, due: Array) -> tuple[Array, bool]:
    del size, batched
    return _for_anyone(jnp.any(due, axis=0)), False
