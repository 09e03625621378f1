"""What a network costs: parameters, multiply-adds, memory, and seconds on this machine.

    cost_of(networks.MLP(hidden=(64, 64)), networks.Inputs(numeric=10), outputs=3)

counts without building or running anything; `latency` measures. Both are objectives
that a search may minimise beside the loss.
"""

import inspect
import statistics
import time
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from thalweg.architectures.arithmetic import work_of
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition
from thalweg.networks.layers.convolution import forced


@dataclass(frozen=True)
class Cost:
    """Of one inference call on one example."""

    parameters: int  # numbers that are trained
    multiply_adds: int  # of matrix products and convolutions
    elementwise: int  # other arithmetic operations
    peak_bytes: int  # the most that activations hold at a time, the input included

    @property
    def flops(self) -> int:
        """Floating-point operations; a multiply-add is two."""
        return 2 * self.multiply_adds + self.elementwise


def cost_of(network: Any, inputs: Any, outputs: int = 1) -> Cost:
    """The cost of a description, or of a network that is built.

    **inputs**: what a description is built for (`networks.Inputs(...)`); or a batch
    that the network is called with, as arrays or as `jax.ShapeDtypeStruct`, of which
    one row counts. **outputs**: of a description.

    Parameters are all that the network has, also in layers that its depth leaves out or
    that share a switch; the work is that of the layers and branches that run. A loop
    whose length is data counts as one round. Memory is that of a program that fuses
    nothing but what works in place, so it is an upper bound of a good compiler's.
    """
    x = example(inputs, rows=1)
    trained, arrays, known, call = _traced(network, inputs, outputs)
    with forced("lax"):  # convolutions as such, whatever they are on this machine
        jaxpr = jax.make_jaxpr(call)(arrays, x)
    values = known + [None] * (len(jaxpr.jaxpr.invars) - len(known))
    work, _ = work_of(jaxpr.jaxpr, jaxpr.consts, values)
    first = sum(
        np.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(x)
    )
    return Cost(
        parameters=count(trained),
        multiply_adds=work.multiply_adds,
        elementwise=work.elementwise,
        peak_bytes=work.peak_bytes + int(first),
    )


def parameters(network: Any, inputs: Any = None, outputs: int = 1) -> int:
    """How many numbers of a description, or of a built network, are trained."""
    if not hasattr(network, "build"):
        return count(partition(network)[0])
    return count(_traced(network, inputs, outputs)[0])


def latency(
    network: Any, inputs: Any, outputs: int = 1, *, batch: int = 1, repeats: int = 20
) -> float:
    """Seconds of one compiled inference call, measured here: the median of several.

    A batch of one is what answering a single request takes. Other work on the machine
    makes it longer: compare networks that were measured in one run.
    """
    if batch < 1 or repeats < 1:
        raise InvalidInput(
            "`batch` and `repeats` must be at least 1, but got "
            f"batch={batch}, repeats={repeats}."
        )
    if hasattr(network, "build"):
        network = network.build(_record(inputs), outputs, key=jax.random.key(0))
    arrays, rest = eqx.partition(network, eqx.is_array)
    shapes = example(inputs, rows=batch)
    x = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    program = jax.jit(lambda arrays, x: called(eqx.combine(arrays, rest), x))
    run = program.lower(arrays, x).compile()
    seconds = []
    for _ in range(3 + repeats):
        begin = time.perf_counter()
        jax.block_until_ready(run(arrays, x))
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[3:])  # the first ones warm the caches


def example(inputs: Any, *, rows: int) -> PyTree:
    """Shapes of a batch of so many rows."""
    if hasattr(inputs, "example"):
        return inputs.example(rows)
    leaves = jax.tree.leaves(inputs)
    if not leaves or not all(np.ndim(leaf) for leaf in leaves):
        raise InvalidInput(
            "`inputs` must be what a network is built for, such as "
            "`networks.Inputs(numeric=10)`, or a batch of rows, but got "
            f"{type(inputs).__name__}."
        )
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((rows, *a.shape[1:]), _dtype(a)), inputs
    )


def called(network: Any, x: PyTree) -> Any:
    """The network's inference outputs; a module of equinox's sees one example."""
    if "inference" in inspect.signature(type(network).__call__).parameters:
        return network(x, inference=True)
    return jax.vmap(eqx.nn.inference_mode(network))(x)


def count(tree: PyTree) -> int:
    """The number of entries of all arrays."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def _traced(network: Any, inputs: Any, outputs: int) -> tuple[Any, Any, list[Any], Any]:
    """What is trained; arrays; what is known of them; the call that they make."""
    if not hasattr(network, "build"):
        arrays, rest = eqx.partition(network, eqx.is_array)
        known = [_index(leaf) for leaf in jax.tree.leaves(arrays)]
        return (
            partition(network)[0],
            arrays,
            known,
            lambda a, x: called(eqx.combine(a, rest), x),
        )
    leaves, static = eqx.partition(network, eqx.is_array_like)
    built: list[Any] = []

    def build(leaves: Any, key: Any) -> tuple[Any, Any]:
        description = eqx.combine(leaves, static)
        made = description.build(_record(inputs), outputs, key=key)
        arrays, rest = eqx.partition(made, eqx.is_array)
        built.append(rest)
        return arrays, partition(made)[0]

    jaxpr, shapes = jax.make_jaxpr(build, return_shape=True)(leaves, jax.random.key(0))
    given = [_index(leaf) for leaf in jax.tree.leaves(leaves)]
    given += [None] * (len(jaxpr.jaxpr.invars) - len(given))
    _, known = work_of(jaxpr.jaxpr, jaxpr.consts, given)
    arrays, trained = shapes
    known = known[: len(jax.tree.leaves(arrays))]
    known = [value if _is_index(value) else None for value in known]
    return trained, arrays, known, lambda a, x: called(eqx.combine(a, built[0]), x)


def _record(inputs: Any) -> Any:
    """What a description is built for; one for arrays needs nothing."""
    return inputs if hasattr(inputs, "example") else None


def _index(leaf: Any) -> Any:
    """The value of a leaf that may choose a branch."""
    return np.asarray(leaf) if _is_index(leaf) else None


def _is_index(leaf: Any) -> bool:
    return leaf is not None and np.asarray(leaf).size == 1


def _dtype(a: Any) -> Any:
    """Of an array on the device: doubles are singles there, unless wanted."""
    return jax.dtypes.canonicalize_dtype(a.dtype)


__all__ = ["Cost", "cost_of", "latency", "parameters"]
