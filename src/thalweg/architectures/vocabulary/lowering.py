"""From a tree with choices to its space, and from a configuration to a tree without.

Three ways to decide a tree. `fixed` leaves the chosen layers alone: the smallest
network, and a program of its own. `switched` keeps all alternatives and lets an index,
which is data, run one of them: all architectures are one program. `mixed` weighs the
alternatives: a supernet. A network of one configuration starts with the same weights
either way.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from thalweg.architectures.vocabulary.choices import (
    AbstractChoice,
    InputChoice,
    Labelled,
    LayerChoice,
    Repeat,
    parameter_of,
    subsets,
    values_of,
)
from thalweg.architectures.vocabulary.decided import (
    Inputs,
    Mix,
    MixedLayer,
    Numbered,
    Repeated,
    RepeatedLayer,
    Switch,
    SwitchedLayer,
)
from thalweg.architectures.vocabulary.tree import join, parts, with_parts
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.networks.layers import AbstractLayer
from thalweg.spaces import AbstractParameter, Condition, Space

Decide: TypeAlias = Callable[[LayerChoice | Repeat, str, Any, Any], Any]


def space_of(tree: Any) -> Space:
    """The choices of a tree: one parameter per label or, without one, per place.

    What is inside an alternative exists where that is chosen.

    Raises InvalidInput if there is no choice, or if one label stands for two.
    """
    found = parameters_of(tree)
    if not found:
        raise InvalidInput(
            "There is nothing to search in a tree without choices. Put a "
            "`LayerChoice`, a `Repeat` or a parameter such as `tw.Choice` into it."
        )
    return Space(found)


def parameters_of(tree: Any) -> dict[str, AbstractParameter]:
    """The parameters of the tree's space; none for a tree without choices."""
    found: dict[str, AbstractParameter] = {}
    _collect(tree, "", (), found)
    return found


def fixed(tree: Any, config: Mapping[str, Any]) -> Any:
    """The tree as `config` decides it: layers without choices.

    Raises InvalidInput for a configuration that is none of the tree's space.
    """
    return _resolve(tree, "", _valid(tree, config), _take)


def switched(tree: Any, config: Mapping[str, Any]) -> Any:
    """The tree as `config` decides it, the alternatives kept and chosen by data.

    Trees of one space then have equal shapes and share a compiled program, as far as
    `LayerChoice` and `Repeat` tell them apart; other choices are shapes all the same.
    The alternatives must have outputs of one shape.

    Raises InvalidInput for a configuration that is none of the tree's space.
    """
    return _resolve(tree, "", _valid(tree, config), _switch)


def mixed(tree: Any, config: Mapping[str, Any] | None = None) -> Any:
    """The tree as a supernet: each `LayerChoice` is a weighted sum of its candidates.

    `assign(network, {label: weights})` sets the weights. **config**: decides the
    choices that are not between layers; by default each has its middle value.
    """
    return _resolve(tree, "", dict(config or {}), _mix)


def _collect(
    node: Any,
    path: str,
    conditions: tuple[Condition, ...],
    found: dict[str, AbstractParameter],
) -> None:
    if isinstance(node, AbstractParameter):
        _add(path, node, conditions, found)
    elif isinstance(node, Labelled):
        _add(node.label, node.parameter, conditions, found)
    elif isinstance(node, AbstractChoice):
        name = _name(node, path)
        _add(name, parameter_of(node), conditions, found)
        for part, place, values in _inside(node, path):
            more = () if values is None else (Condition(name, values),)
            _collect(part, place, (*conditions, *more), found)
    else:
        for name, part in parts(node).items():
            _collect(part, join(path, name), conditions, found)


def _inside(
    choice: AbstractChoice, path: str
) -> list[tuple[Any, str, tuple[Any, ...] | None]]:
    """Parts of a choice, their paths, and when they exist (None: always)."""
    if isinstance(choice, LayerChoice):
        candidates = choice.candidates.items()
        return [(part, join(path, name), (name,)) for name, part in candidates]
    if not isinstance(choice, Repeat):
        return []
    counts = choice.counts
    if choice.tied:
        there = tuple(n for n in counts if n > 0)
        place = join(path, "block")
        return (
            [(choice.block, place, there if counts[0] == 0 else None)] if there else []
        )
    found = []
    for i, copy in enumerate(choice.copies(counts[-1])):
        there = tuple(n for n in values_of(choice.times) if n > i)
        every = len(there) == len(counts)
        found.append((copy, join(path, str(i)), None if every else there))
    return found


def _add(
    name: str,
    parameter: AbstractParameter,
    conditions: tuple[Condition, ...],
    found: dict[str, AbstractParameter],
) -> None:
    if not name:
        raise InvalidInput("A tree that is one choice needs a label for it.")
    before = found.get(name)
    for condition in conditions:
        parameter = parameter.when(condition.parent, condition.values)
    if before is not None and _plain(before) != _plain(parameter):
        raise InvalidInput(
            f"Choices with one label are one parameter, but {name!r} is both "
            f"{_plain(before)!r} and {_plain(parameter)!r}. Give them two labels."
        )
    if before is not None:  # it exists where either of its places does, or more often
        shared = [c for c in before.conditions if c in parameter.conditions]
        parameter = _plain(before)
        for condition in shared:
            parameter = parameter.when(condition.parent, condition.values)
    found[name] = parameter


def _plain(parameter: AbstractParameter) -> AbstractParameter:
    """Without its conditions."""
    return replace(parameter, conditions=())


def _name(choice: Any, path: str) -> str:
    return path if choice.label is None else choice.label


def _valid(tree: Any, config: Mapping[str, Any]) -> Config:
    found = parameters_of(tree)
    return Space(found).validate(config) if found or config else {}


def _resolve(node: Any, path: str, config: Config, decide: Decide) -> Any:
    """The tree at `path`, with every choice replaced."""
    again = partial(_resolve, config=config, decide=decide)
    if isinstance(node, AbstractParameter):
        return _value(path, node, config)
    if isinstance(node, Labelled):
        return _value(node.label, node.parameter, config)
    if isinstance(node, InputChoice):
        taken = _value(_name(node, path), parameter_of(node), config)
        return Inputs(subsets(node)[taken], node.merge)
    if isinstance(node, LayerChoice | Repeat):
        value = _value(_name(node, path), parameter_of(node), config)
        return decide(node, path, value, again)
    old = parts(node)
    return with_parts(node, {k: again(v, join(path, k)) for k, v in old.items()})


def _value(name: str, parameter: AbstractParameter, config: Config) -> Any:
    """What the configuration says; the middle value for what it leaves out."""
    if name in config:
        return config[name]
    return parameter.decode(np.array([0.5]))[0]


def _take(node: LayerChoice | Repeat, path: str, value: Any, again: Any) -> Any:
    """The chosen part alone."""
    if isinstance(node, Repeat):
        return _row(node, value, path, again)
    number = list(node.candidates).index(value)
    chosen = again(node.candidates[value], join(path, value))
    return Numbered(chosen, number) if isinstance(chosen, AbstractLayer) else chosen


def _switch(node: LayerChoice | Repeat, path: str, value: Any, again: Any) -> Any:
    """All parts, one of them running."""
    label = _name(node, path)
    if isinstance(node, Repeat):
        least, most = node.counts[0], node.counts[-1]
        if least == most:
            return _row(node, most, path, again)
        copies = _copies(node, most, path, again)
        kind = RepeatedLayer if _are_layers(copies) else Repeated
        return kind(copies, np.int32(value), label)
    candidates = _candidates(node, path, again)
    kind = SwitchedLayer if _are_layers(candidates) else Switch
    return kind(candidates, np.int32(list(node.candidates).index(value)), label)


def _mix(node: LayerChoice | Repeat, path: str, value: Any, again: Any) -> Any:
    """A weighted sum, the weights equal at first."""
    if isinstance(node, Repeat):
        return _row(node, value, path, again)
    candidates = _candidates(node, path, again)
    weights = np.full(len(candidates), 1 / len(candidates), np.float32)
    kind = MixedLayer if _are_layers(candidates) else Mix
    return kind(candidates, weights, _name(node, path))


def _copies(node: Repeat, number: int, path: str, again: Any) -> tuple[Any, ...]:
    names = ["block" if node.tied else str(i) for i in range(number)]
    places = [join(path, name) for name in names]
    copies = node.copies(number)
    return tuple(again(copy, place) for copy, place in zip(copies, places, strict=True))


def _candidates(node: LayerChoice, path: str, again: Any) -> tuple[Any, ...]:
    found = node.candidates.items()
    return tuple(again(part, join(path, name)) for name, part in found)


def _row(node: Repeat, number: int, path: str, again: Any) -> Any:
    """So many copies. One is made even for none: it says what kind of row that is."""
    copies = _copies(node, max(number, 1), path, again)
    kind = RepeatedLayer if _are_layers(copies) else Repeated
    return kind(copies[:number])


def _are_layers(found: tuple[Any, ...]) -> bool:
    """Whether they are descriptions, to be built, and no modules of somebody's own."""
    return all(isinstance(one, AbstractLayer) for one in found)
