"""The call of each library that makes the same rule, with the same settings.

What a library lacks is None. Where PyTorch itself lacks a rule it is taken from a
package for it: schedulefree, prodigyopt, pytorch_optimizer. Muon in PyTorch and NorMuon
in pytorch_optimizer iterate in bfloat16; they are timed so and in single precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import optax
import prodigyopt
import pytorch_optimizer
import schedulefree
import torch

from thalweg.optimizers import OPTIMIZERS

Make = Callable[..., Any]
T, P, C = torch.optim, pytorch_optimizer, optax.contrib


@dataclass(frozen=True)
class Rule:
    """One optimizer, as each library makes it. All have a rate of 1e-4."""

    settings: dict[str, Any]  # ours, beside the defaults
    optax: Make | None = None
    torch: Make | None = None  # of PyTorch, or of a package for it
    forms: tuple[str, ...] = ("foreach",)  # that PyTorch's can be told to take
    splits: bool = False  # whether PyTorch's takes matrices only

    period: int = 1  # steps after which their kinds repeat
    sizes: tuple[str, ...] = ("10k", "1M", "25M")  # at which it can be run sensibly

    def ours(self, name: str) -> Any:
        return OPTIMIZERS[name](learning_rate=RATE, **self.settings)


RATE = 1e-4
DECAY = {"weight_decay": 0.01}
BOTH = ("foreach", "fused")
ALONE = ("as it is",)
HALVES = ("single", "bfloat16")  # single precision, and as they are


def matrices(params: Any) -> Any:
    """For optax's Muon: the kernels as matrices, embeddings as the rest."""

    def numbers(path: Any, leaf: Any) -> Any:
        name = jax.tree_util.keystr(path[-1:], simple=True)
        return C.MuonDimensionNumbers() if hidden(name, leaf) else None

    return jax.tree_util.tree_map_with_path(numbers, params)


def hidden(name: str, leaf: Any) -> bool:
    """Whether Muon's kind updates this leaf."""
    return leaf.ndim >= 2 and name != "embedding"


def _po_split(make: Make, **settings: Any) -> Make:
    """For packages that take all parameters and are told which are matrices."""

    def call(own: Any, rest: Any, lr: float) -> list[Any]:
        groups = [
            {"params": own, "use_muon": True},
            {"params": rest, "use_muon": False},
        ]
        return [make(groups, lr=lr, **settings)]

    return call


def _beside_adamw(make: Make, **settings: Any) -> Make:
    """For those that take matrices alone, or would take embeddings for matrices."""

    def call(own: Any, rest: Any, lr: float) -> list[Any]:
        return [make(own, lr=lr, **settings), T.AdamW(rest, lr=lr, fused=True, **DECAY)]

    return call


RULES: dict[str, Rule] = {
    "sgd": Rule({}, optax.sgd, T.SGD, forms=BOTH),
    "momentum": Rule(
        {}, partial(optax.sgd, momentum=0.9), partial(T.SGD, momentum=0.9), forms=BOTH
    ),
    "nesterov": Rule(
        {},
        partial(optax.sgd, momentum=0.9, nesterov=True),
        partial(T.SGD, momentum=0.9, nesterov=True),
        forms=BOTH,
    ),
    "adagrad": Rule(
        {"eps_inside": True, "initial_accumulator": 0.1},
        optax.adagrad,
        T.Adagrad,
        forms=BOTH,
    ),
    "rmsprop": Rule({"eps_inside": True}, optax.rmsprop, T.RMSprop),
    "adam": Rule({}, optax.adam, T.Adam, forms=BOTH),
    "adamax": Rule({}, optax.adamax, T.Adamax),
    "amsgrad": Rule(
        {"correction": "before"},
        optax.amsgrad,
        partial(T.Adam, amsgrad=True),
        forms=BOTH,
    ),
    "adamw": Rule(
        DECAY, partial(optax.adamw, **DECAY), partial(T.AdamW, **DECAY), forms=BOTH
    ),
    "nadamw": Rule(
        DECAY,
        partial(optax.nadamw, **DECAY),
        partial(T.NAdam, decoupled_weight_decay=True, **DECAY),
    ),
    "adadelta": Rule({}, optax.adadelta, T.Adadelta),
    "radam": Rule({}, optax.radam, T.RAdam),
    "lion": Rule(
        DECAY, partial(optax.lion, **DECAY), partial(P.Lion, foreach=True, **DECAY)
    ),
    "adafactor": Rule({}, optax.adafactor, T.Adafactor),
    "lamb": Rule(DECAY, partial(optax.lamb, **DECAY), partial(P.Lamb, **DECAY)),
    "schedule_free_sgd": Rule({}, C.schedule_free_sgd, schedulefree.SGDScheduleFree),
    "schedule_free_adamw": Rule(
        {}, C.schedule_free_adamw, schedulefree.AdamWScheduleFree
    ),
    "muon": Rule(
        DECAY,
        partial(
            C.muon,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=matrices,
            adam_weight_decay=0.01,
            **DECAY,
        ),
        _beside_adamw(T.Muon, adjust_lr_fn="match_rms_adamw", **DECAY),
        forms=HALVES,
        splits=True,
    ),
    "normuon": Rule(
        DECAY, None, _po_split(P.NorMuon, **DECAY), forms=HALVES, splits=True
    ),
    "ademamix": Rule({}, C.ademamix, P.AdEMAMix),
    "mars": Rule({}, None, partial(P.MARS, optimize_1d=True)),
    "soap": Rule(
        DECAY,
        None,
        _beside_adamw(P.SOAP, precondition_frequency=10, **DECAY),
        forms=ALONE,
        splits=True,
        period=10,
        sizes=("10k", "1M"),  # decompositions of 2,048 x 2,048
    ),
    "shampoo": Rule(
        {"graft": "rmsprop", **DECAY},
        None,
        _beside_adamw(
            P.ScalableShampoo,
            graft_type=3,  # RMSprop
            start_preconditioning_step=10,
            preconditioning_compute_steps=10,
            block_size=8192,  # whole matrices, as ours
            shape_interpretation=False,
            decoupled_weight_decay=True,
            **DECAY,
        ),
        forms=ALONE,
        splits=True,
        period=10,
        sizes=("10k", "1M"),
    ),
    "kron": Rule(  # whose preconditioner is refreshed at every step
        {"settling": float("inf")},
        None,
        partial(P.Kron, pre_conditioner_update_probability=1.0),
        forms=ALONE,
        sizes=("10k", "1M"),
    ),
    "prodigy": Rule({}, C.prodigy, prodigyopt.Prodigy, forms=ALONE),
}
