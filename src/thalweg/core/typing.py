"""The words that annotations use.

Axis letters, everywhere: `p` members of a population, `n` trials or rows, `d` search
dimensions or features, `b` rows of a batch, `c` classes or outputs, `s` splits (folds),
`k` metrics, `t` rounds of a segment, `w` units of a layer.
"""

from typing import Any, TypeAlias

from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Shaped

Key: TypeAlias = PRNGKeyArray
Params: TypeAlias = PyTree[Shaped[Array, "..."], "P"]
Hyper: TypeAlias = Float[Any, "*p"]  # a JAX or a NumPy array
Config: TypeAlias = dict[str, Any]

__all__ = ["Config", "Hyper", "Key", "Params"]
