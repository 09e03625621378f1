"""The joint space of networks and recipes for tables, and where to begin in it.

Ranges follow the tuning spaces of RealMLP (Holzmueller et al. 2024, table C.3,
https://arxiv.org/abs/2407.04491) and TabM (Gorishniy et al. 2024, appendix D,
https://arxiv.org/abs/2410.24210), narrowed to what one minute on a laptop can tell
apart. Every program that a space needs costs seconds of compilation, so that what is a
shape (family, width, embedding) has few values, and what is data has many.
"""

from collections.abc import Sequence
from typing import Any

from thalweg.core.typing import Config
from thalweg.spaces.integer import Int
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.parameter import AbstractParameter
from thalweg.spaces.presets.starts import fitted
from thalweg.spaces.real import Float
from thalweg.spaces.space import Space

OPTIMIZERS = ("adamw", "nadamw", "momentum")
SCHEDULES = ("coslog4", "cosine", "one_cycle", "flat_cosine", "constant")
ACTIVATIONS = ("silu", "gelu", "relu")


def tabular(
    *,
    task: str,
    numeric: bool = True,
    networks: Sequence[str] = ("mlp", "tabm", "resmlp"),
    widths: Sequence[int] = (128,),
    embeddings: Sequence[str] = ("natural", "identity"),
    embedding_size: int = 8,
    members: int = 8,
    depth: int = 3,
) -> Space:
    """The space of networks and recipes for one table.

    **numeric**: whether there are numeric columns to embed. **embeddings**: of them;
    "natural" is the one that a network was published with. **depth**: the most hidden
    layers. Single values are constants, no dimension of the search.
    """
    embeddings = embeddings if numeric else ("identity",)
    parameters: dict[str, AbstractParameter] = {
        "network": listed(Choice, networks),
        "width": listed(Ordinal, widths),
        "depth": Int(1, depth),
        "numeric_embedding": listed(Choice, embeddings),
        "embedding_size": Constant(embedding_size),
        "members": Constant(members),
        "activation": Choice(ACTIVATIONS),
        "dropout": Float(0.0, 0.5),
        "optimizer": Choice(OPTIMIZERS),
        "schedule": Choice(SCHEDULES),
        "learning_rate": Float(3e-4, 3e-2, log=True),
        "weight_decay": Float(1e-5, 1e-1, log=True),
        "b2": Float(0.9, 0.999),
    }
    if task == "classification":
        parameters["label_smoothing"] = Float(0.0, 0.15)
    if numeric and set(embeddings) & {"natural", "pbld", "periodic"}:
        parameters["sigma"] = Float(0.02, 2.0, log=True)
    return Space(parameters)


def portfolio(space: Space) -> list[Config]:
    """Configurations that do well on many tables, the safest first.

    They are defaults of the papers above and neighbours of theirs; a search begins
    with them.
    """
    common: Config = {
        "depth": 3,
        "activation": "silu",
        "dropout": 0.1,
        "optimizer": "adamw",
        "schedule": "coslog4",
        "learning_rate": 4e-3,
        "weight_decay": 1e-2,
        "b2": 0.95,
        "label_smoothing": 0.0,
        "sigma": 0.1,
    }
    steady = {"schedule": "constant", "activation": "relu", "b2": 0.99}
    starts: list[Config] = [
        {"network": "mlp"},
        {
            "network": "tabm",
            **steady,
            "depth": 2,
            "dropout": 0.2,
            "learning_rate": 5e-3,
        },
        {"network": "resmlp", "learning_rate": 2e-3},
        {"network": "mlp", "dropout": 0.0, "activation": "gelu"},
        {
            "network": "tabm",
            **steady,
            "depth": 1,
            "dropout": 0.35,
            "learning_rate": 1e-2,
        },
        {"network": "mlp", "depth": 2, "label_smoothing": 0.05, "dropout": 0.3},
        {"network": "tabm", "depth": 3, "learning_rate": 2e-3},
    ]
    return fitted(space, [{**common, **start} for start in starts])


def listed(kind: Any, values: Sequence[Any]) -> AbstractParameter:
    return kind(list(values)) if len(values) > 1 else Constant(values[0])
