"""Scores one network, or many architectures of a space in one compiled program."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Num, PyTree

from thalweg.architectures.scores.base import AbstractScore, AbstractSize
from thalweg.architectures.scores.fisher import Fisher
from thalweg.architectures.scores.gradient_norm import GradientNorm
from thalweg.architectures.scores.grasp import GraSP
from thalweg.architectures.scores.jacobian_covariance import JacobianCovariance
from thalweg.architectures.scores.naswot import NASWOT
from thalweg.architectures.scores.size import FLOPs, Parameters
from thalweg.architectures.scores.snip import SNIP, Plain
from thalweg.architectures.scores.synflow import Synflow
from thalweg.architectures.scores.zen import Zen
from thalweg.architectures.vocabulary import fixed, switched
from thalweg.core.errors import InvalidInput
from thalweg.core.registry import Registry
from thalweg.core.typing import Key
from thalweg.networks import Images, Inputs
from thalweg.training.foreign import as_description

Score = AbstractScore | AbstractSize

SCORES: Registry[type[Score]] = Registry(
    "zero-cost score",
    {
        "synflow": Synflow,
        "jacobian_covariance": JacobianCovariance,
        "naswot": NASWOT,
        "snip": SNIP,
        "grasp": GraSP,
        "fisher": Fisher,
        "gradient_norm": GradientNorm,
        "plain": Plain,
        "zen": Zen,
        "parameters": Parameters,
        "flops": FLOPs,
    },
)


def score(
    kind: str | Score,
    network: Any,
    x: Num[np.ndarray, "b *d"],
    y: Any = None,
    *,
    inputs: Any = None,
    outputs: int | None = None,
    key: Key | None = None,
) -> float:
    """How good a network promises to be, without training: higher is better.

    **kind**: a name of `SCORES`, or a score. **network**: what `tw.train` takes.
    **x**, **y**: some dozens of training rows; scores that need no data take the shape
    alone. **inputs**, **outputs**: what the network is built for, by default what the
    rows show. The same `key` gives the same weights, so the same score.

    Raises InvalidInput for rows that a score can't use.
    """
    made, data = _kind(kind), _Batch(kind, x, y, inputs, outputs)
    description = as_description(network)
    if isinstance(made, AbstractSize):
        return made.count(description, data.inputs, data.outputs)
    return float(_scores(made, [description], data, key)[0])


def score_all(
    kind: str | Score,
    tree: Any,
    configs: Sequence[Mapping[str, Any]],
    x: Num[np.ndarray, "b *d"],
    y: Any = None,
    *,
    inputs: Any = None,
    outputs: int | None = None,
    key: Key | None = None,
) -> Float64[np.ndarray, " n"]:
    """The scores of many architectures of one space, in few compiled programs.

    **tree**: a network with choices (`LayerChoice`, …) in it. **configs**: what they
    are in each architecture. Choices between layers are data and share a program, those
    of shapes need one each. The other arguments and the scores are those of `score`.
    """
    made, data = _kind(kind), _Batch(kind, x, y, inputs, outputs)
    if isinstance(made, AbstractSize):
        chosen = (as_description(fixed(tree, config)) for config in configs)
        found = [made.count(one, data.inputs, data.outputs) for one in chosen]
        return np.array(found, np.float64)
    kept = [as_description(switched(tree, config)) for config in configs]
    return _scores(made, kept, data, key)


class _Batch:
    """Rows, and what a network for them is built for."""

    def __init__(self, kind: Any, x: Any, y: Any, inputs: Any, outputs: int | None):
        x = np.asarray(x)
        if x.dtype.kind not in "fiub" or x.ndim < 2 or not len(x):
            raise InvalidInput(
                "A score needs rows of numbers, images [b, height, width, channels] or "
                f"[b, d], but got an array of {x.dtype} of the shape {x.shape}."
            )
        needs = getattr(_kind(kind), "needs", "nothing")
        if needs != "nothing" and len(x) < 2:
            raise InvalidInput(
                f"The score {_name(kind)} compares rows, but got {len(x)}. Give 64."
            )
        if needs == "labels" and (y is None or len(y) != len(x)):
            got = "none" if y is None else f"{len(y)} for {len(x)} rows"
            raise InvalidInput(
                f"The score {_name(kind)} needs one target for each row, but got {got}."
            )
        self.x = x[..., None] if x.ndim == 3 else x
        self.y = None if y is None else np.asarray(y)
        self.inputs = _inputs(self.x) if inputs is None else inputs
        self.outputs = _outputs(self.y) if outputs is None else outputs


def _kind(kind: str | Score) -> Score:
    if not isinstance(kind, str):
        return kind
    made: Any = SCORES[kind]
    return made()


def _name(kind: str | Score) -> str:
    return repr(kind) if isinstance(kind, str) else type(kind).__name__


def _inputs(x: np.ndarray) -> Any:
    """A record of these rows' shape, means and deviations."""
    if x.ndim == 2:
        return Inputs(numeric=x.shape[1])
    mean, std = x.mean((0, 1, 2)), x.std((0, 1, 2))
    return Images(*x.shape[1:], mean=mean, std=np.where(std > 0, std, 1.0))


def _outputs(y: np.ndarray | None) -> int:
    if y is None:
        return 10
    if y.dtype.kind in "iub":
        return int(y.max()) + 1
    return 1 if y.ndim == 1 else y.shape[1]


def _scores(
    kind: AbstractScore, descriptions: list[Any], data: _Batch, key: Key | None
) -> Float64[np.ndarray, " n"]:
    """One description after the other: those of one signature share a program."""
    with jax.enable_x64(kind.double or jnp.result_type(float) == jnp.float64):
        key = jax.random.key(0) if key is None else key
        inputs, x = _as_float((data.inputs, data.x))
        y = None if data.y is None else jnp.asarray(data.y)
        found = [
            kind.conclude(
                np.asarray(_measured(kind, one, inputs, data.outputs, x, y, key))
            )
            for one in _as_float(descriptions)
        ]
    return np.array(found, np.float64)


def _as_float(tree: PyTree) -> PyTree:
    """Numbers in the precision of the day; whole numbers that choose stay whole."""

    def cast(leaf: Any) -> Any:
        if not eqx.is_array_like(leaf):
            return leaf
        leaf = jnp.asarray(leaf)
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(jnp.result_type(float)) if floating else leaf

    return jax.tree.map(cast, tree)


@eqx.filter_jit
def _measured(
    kind: AbstractScore,
    description: Any,
    inputs: Any,
    outputs: int,
    x: Array,
    y: Any,
    key: Key,
) -> Array:
    network = description.build(inputs, outputs, key=key)
    return kind.measure(network, x, y, key=jax.random.fold_in(key, 1))
