"""`thalweg list`: every registry, by its plural."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from thalweg.core.registry import Registry


def _registries() -> Mapping[str, Callable[[], Mapping[str, Any]]]:
    def of(module: str, name: str) -> Callable[[], Mapping[str, Any]]:
        import importlib

        return lambda: getattr(importlib.import_module(f"thalweg.{module}"), name)

    return {
        "optimizers": of("optimizers", "OPTIMIZERS"),
        "strategies": of("strategies", "STRATEGIES"),
        "modifiers": of("optimizers", "MODIFIERS"),
        "schedules": of("schedules", "SCHEDULES"),
        "activations": of("activations", "ACTIVATIONS"),
        "augmentations": of("augmentation", "AUGMENTATIONS"),
        "losses": of("losses", "LOSSES"),
        "metrics": of("evaluation", "METRICS"),
        "networks": of("networks", "NETWORKS"),
        "embeddings": of("networks", "EMBEDDINGS"),
        "initializers": of("networks", "INITIALIZERS"),
        "proposers": of("proposers", "PROPOSERS"),
        "scalers": of("data", "SCALERS"),
    }


def show_registry(kind: str) -> None:
    """Print the names of one kind, each with the first sentence about it."""
    table = Registry("kind", _registries())[kind]()
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column()
    for name, entry in table.items():
        grid.add_row(name, _first_sentence(entry))
    Console().print(grid)


def _first_sentence(entry: Any) -> str:
    kind = entry if isinstance(entry, type) else type(entry)
    text = (getattr(entry, "__doc__", None) or kind.__doc__ or "").strip()
    paragraph = " ".join(text.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")
