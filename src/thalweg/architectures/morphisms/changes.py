"""One change of a description at a time, with the network that computes the same.

Chen et al. 2016, "Net2Net", https://arxiv.org/abs/1511.05641 (wider, deeper)
Wei et al. 2016, "Network Morphism", https://arxiv.org/abs/1603.01670 (kernels)
Elsken et al. 2017, section 3, https://arxiv.org/abs/1711.04528 (branches, shortcuts)

Each returns `(description, network)`. Layers of a `Stack` are named by their path: a
number, or numbers and names of fields as in `(3, "body", 0)`. Raises InvalidInput where
the function can't be kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from thalweg.architectures.morphisms.inherit import inherit
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.networks import MLP, Stack
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Dense,
    Residual,
    Sequential,
    shape_after,
)
from thalweg.networks.layers.shape import Reshaping
from thalweg.networks.stack import shape_of

Path = int | Sequence[int | str]
Child = tuple[Any, Any]  # a description and its network


def wider(
    description: Any,
    network: Any,
    inputs: Any,
    *,
    at: Path,
    units: int,
    key: Key,
    copies: bool = True,
    noise: float = 0.0,
) -> Child:
    """The layer `at` with so many units or channels; see `inherit` for `copies`.

    What reads it, with normalisations between, follows; so do residual connections
    that add to its output. Within one of them the last layer can't grow by itself.
    Layer and group norms need a whole multiple and `copies`.
    """
    if isinstance(description, MLP):
        at = _number(at, len(description.hidden))
        hidden = list(description.hidden)
        old, hidden[at] = hidden[at], units
        child = replace(description, hidden=tuple(hidden))
    else:
        layer = layer_at(description, at)
        field = _width_field(layer)
        old = getattr(layer, field)
        child = _widened(description, network, _path(at), {field: units})
    if units <= old:
        raise InvalidInput(
            f"A wider layer needs more than its {old} units, but got {units}."
        )
    return child, inherit(
        network, child, inputs, key=key, copies=copies, noise=noise, strict=True
    )


def deeper(
    description: Any,
    network: Any,
    inputs: Any,
    *,
    at: Path,
    key: Key,
    size: int = 3,
    normalized: bool = False,
) -> Child:
    """A layer and a ReLU put in after the layer `at`, where a ReLU's outputs are.

    At first it hands on what it gets. Behind other activations use `branched`. An `MLP`
    gets a hidden layer with its own activation, a ReLU or a learned one
    (`parametric_activation`). **size**: of a convolution's kernel; **normalized**: with
    a `BatchNorm`, which keeps the function at inference but not in training mode.
    """
    if isinstance(description, MLP):
        at = _number(at, len(description.hidden))
        hidden = description.hidden
        child = replace(description, hidden=(*hidden[: at + 1], *hidden[at:]))
    else:
        before = shapes(description, network, inputs, at)[1]
        layer = _linear(before, before[-1], size, bias=not normalized)
        norm = [BatchNorm()] if normalized else []
        child = _after(description, at, [layer, *norm, Activate("relu")])
    return child, inherit(network, child, inputs, key=key, strict=True)


def branched(
    description: Stack,
    network: Any,
    inputs: Any,
    *,
    at: Path,
    key: Key,
    units: int | None = None,
    size: int = 3,
    activation: str = "relu",
) -> Child:
    """A residual branch put in after the layer `at`, which adds zero at first.

    It keeps the function behind whatever activation, in training mode too. **units**:
    within the branch; by default as many as the channels there.
    """
    before = shapes(description, network, inputs, at)[1]
    body = [
        _linear(before, units or before[-1], size),
        Activate(activation),
        _linear(before, before[-1], size),
    ]
    child = _after(description, at, [Residual(Sequential(body))])
    return child, inherit(network, child, inputs, key=key, strict=True)


def skipped(
    description: Stack, network: Any, inputs: Any, *, first: int, last: int, key: Key
) -> Child:
    """A shortcut around the layers `first` to `last` of a `Stack`, zero at first.

    It is a linear map of the channels, which may change between, as may the image's
    size.
    """
    layers = _layers(description)
    first, last = _number(first, len(layers)), _number(last, len(layers))
    if last < first:
        raise InvalidInput(
            f"A shortcut needs `first <= last`, but got first={first}, last={last}."
        )
    before = shapes(description, network, inputs, first)[0]
    after = shapes(description, network, inputs, last)[1]
    inner = layers[first : last + 1]
    body = inner[0] if len(inner) == 1 else Sequential(inner)
    residual = Residual(body, shortcut=_shortcut(before, after))
    child = replace(
        description, layers=(*layers[:first], residual, *layers[last + 1 :])
    )
    return child, inherit(network, child, inputs, key=key, strict=True)


def with_larger_kernel(
    description: Stack, network: Any, inputs: Any, *, at: Path, size: int, key: Key
) -> Child:
    """The convolution `at` with a kernel of that size, zero around the old one."""
    layer = layer_at(description, at)
    if not hasattr(layer, "size") or not hasattr(layer, "dilation"):
        raise InvalidInput(
            f"Only a convolution has a kernel to enlarge, but got {layer!r}."
        )
    child = with_layer(description, at, replace(layer, size=size))
    return child, inherit(network, child, inputs, key=key, strict=True)


def layer_at(description: Stack, at: Path) -> Any:
    """The layer at a path."""
    found: Any = description
    for step in _path(at):
        layers = _layers(found) if isinstance(step, int) else ()
        if isinstance(step, int) and -len(layers) <= step < len(layers):
            found = layers[step]
        elif isinstance(step, str) and getattr(found, step, None) is not None:
            found = getattr(found, step)
        else:
            raise InvalidInput(f"There is no layer at {at!r} in {description!r}.")
    return found


def with_layer(description: Any, at: Path, layer: Any) -> Any:
    """The description with another layer at a path."""
    return _edited(description, _path(at), lambda _: [layer])


def shapes(
    description: Stack, network: Any, inputs: Any, at: Path
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of an example before and after the layer at a path."""
    layer_at(description, at)  # checks it
    shape, module = shape_of(inputs), network.body
    for step in _path(at):
        if isinstance(step, str):
            module = getattr(module, step)
            continue
        modules = getattr(module, "modules", None) or (module,)
        for earlier in modules[: step % len(modules)]:
            shape = shape_after(earlier, shape)
        module = modules[step]
    return shape, shape_after(module, shape)


def _widened(
    description: Any, network: Any, path: tuple[Any, ...], width: dict[str, int]
) -> Any:
    """The layer with that width, and the residual connections that it flows through."""
    *outer, step = path
    if not isinstance(step, int):
        return with_layer(
            description, path, replace(layer_at(description, path), **width)
        )
    node = layer_at(description, outer) if outer else description
    layers, step = list(_layers(node)), step % len(_layers(node))
    layers[step] = replace(layers[step], **width)
    modules = _module_at(network, outer).modules
    for number in range(step + 1, len(layers)):
        layer, module = layers[number], modules[number]
        if isinstance(layer, Residual) and isinstance(module.shortcut, Reshaping):
            layers[number] = _ending(layer, *width.values())
        elif isinstance(layer, Conv | Dense | Residual | Sequential):
            break
    node = replace(node, layers=tuple(layers))
    return with_layer(description, outer, node) if outer else node


def _ending(layer: Any, units: int) -> Any:
    """The layer with so many channels at its end."""
    if isinstance(layer, Conv | Dense):
        return replace(layer, **{_width_field(layer): units})
    if isinstance(layer, Residual):
        return replace(layer, body=_ending(layer.body, units))
    if not isinstance(layer, Sequential):
        return layer
    layers = list(_layers(layer))
    for number in range(len(layers) - 1, -1, -1):
        layers[number] = _ending(layers[number], units)
        if isinstance(layers[number], Conv | Dense | Sequential):
            break
    return replace(layer, layers=tuple(layers))


def _module_at(network: Any, path: Sequence[Any]) -> Any:
    found = network.body
    for step in path:
        found = getattr(found, step) if isinstance(step, str) else found.modules[step]
    return found


def _after(description: Any, at: Path, new: list[Any]) -> Any:
    return _edited(description, _path(at), lambda layer: [layer, *new])


def _edited(node: Any, path: tuple[Any, ...], edit: Callable[[Any], list[Any]]) -> Any:
    """The node with what `edit` makes of the layer at the path."""
    if not path:
        made = edit(node)
        return made[0] if len(made) == 1 else Sequential(made)
    step, *rest = path
    if isinstance(step, str):
        inner = _edited(getattr(node, step), tuple(rest), edit)
        return replace(node, **{step: inner})
    layers = list(_layers(node))
    inner = [_edited(layers[step], tuple(rest), edit)] if rest else edit(layers[step])
    end = step % len(layers) + 1
    return replace(node, layers=(*layers[: end - 1], *inner, *layers[end:]))


def _layers(node: Any) -> tuple[Any, ...]:
    layers = getattr(node, "layers", None)
    if not isinstance(layers, tuple):
        raise InvalidInput(
            "A path's number is for a `Stack` or a `Sequential` with a list of layers, "
            f"but got {node!r}."
        )
    return layers


def _path(at: Path) -> tuple[int | str, ...]:
    return (at,) if isinstance(at, int) else tuple(at)


def _number(at: Any, length: int) -> int:
    if not isinstance(at, int) or not -length <= at < length:
        raise InvalidInput(f"There are {length} layers, but got the number {at!r}.")
    return at % length


def _width_field(layer: Any) -> str:
    for field in ("units", "channels"):
        if isinstance(getattr(layer, field, None), int):
            return field
    raise InvalidInput(
        f"Only a layer with `units` or `channels` can be wider, but got {layer!r}."
    )


def _linear(shape: tuple[int, ...], units: int, size: int, *, bias: bool = True) -> Any:
    """A layer that keeps the shape but for the channels."""
    return Conv(units, size=size, bias=bias) if len(shape) == 3 else Dense(units, bias)


def _shortcut(before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    if len(before) != len(after):
        raise InvalidInput(
            f"A shortcut can't lead from the shape {before} to {after}: leave out the "
            "layers that flatten or pool the image as a whole."
        )
    if len(before) != 3:
        return Dense(after[-1], bias=False)
    stride = tuple(-(-b // a) for b, a in zip(before[:2], after[:2], strict=True))
    return Conv(after[-1], size=1, stride=stride, bias=False)
