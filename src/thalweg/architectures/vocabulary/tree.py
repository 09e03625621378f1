"""Walks trees of layers, modules, dataclasses and containers: parts and their paths."""

import dataclasses
from collections.abc import Mapping
from typing import Any


def parts(node: Any) -> dict[str, Any]:
    """What a node consists of, by field, index or key; empty for anything else."""
    if isinstance(node, Mapping):
        return {str(key): value for key, value in node.items()}
    if isinstance(node, list | tuple):
        return {str(i): value for i, value in enumerate(node)}
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = [f.name for f in dataclasses.fields(node)]
        return {name: getattr(node, name) for name in fields if hasattr(node, name)}
    return {}


def with_parts(node: Any, new: dict[str, Any]) -> Any:
    """The node with other parts; itself where they are the same objects.

    A constructor is not run again: what it was given may have been something else.
    """
    old = parts(node)
    if all(new[name] is old[name] for name in old):
        return node
    values = list(new.values())
    if isinstance(node, Mapping):
        return dict(zip(node, values, strict=True))
    if isinstance(node, list):
        return values
    if isinstance(node, tuple):
        return type(node)(*values) if hasattr(node, "_fields") else tuple(values)
    made = object.__new__(type(node))
    for name, value in new.items():
        object.__setattr__(made, name, value)
    return made


def join(path: str, name: str) -> str:
    """The path of a part."""
    return f"{path}.{name}" if path else name
