"""timm's optimizers, each from its own file: the package wants torchvision."""

import sys
import types
from importlib import import_module
from importlib.metadata import distribution
from typing import Any

import torch

from oracles.cases import MATRICES, Case, call
from oracles.torch_steps import in_double, on_matrices, run

__all__ = ["CASES", "VERSION", "run"]

VERSION = distribution("timm").version
for name in ("timm", "timm.optim"):
    bare = types.ModuleType(name)
    bare.__path__ = [str(distribution("timm").locate_file(name.replace(".", "/")))]
    sys.modules[name] = bare


def of(file: str, name: str) -> Any:
    """A class of one of timm's files."""
    return getattr(import_module(f"timm.optim.{file}"), name)


muon = on_matrices(of("muon", "Muon"))
SGDW, Adafactor = of("sgdw", "SGDW"), of("adafactor", "Adafactor")
in_double(of("muon", "zeropower_via_newtonschulz"))
torch.Tensor.float = lambda x: x  # of RAdam, in single precision otherwise
CASES = [
    Case(
        call(SGDW, momentum=0.9, weight_decay=0.1), "Momentum(rate, weight_decay=0.1)"
    ),
    Case(
        call(SGDW, momentum=0.9, weight_decay=0.1, nesterov=True),
        "Nesterov(rate, weight_decay=0.1)",
    ),
    Case(
        call(of("adamw", "AdamWLegacy"), weight_decay=0.1),
        "AdamW(rate, weight_decay=0.1)",
    ),
    Case(
        call(of("adamw", "AdamWLegacy"), amsgrad=True, weight_decay=0.0),
        "AMSGrad(rate)",
    ),
    Case(call(of("nadam", "NAdamLegacy")), "NAdamW(rate, weight_decay=0.0)"),
    Case(
        call(of("radam", "RAdamLegacy"), weight_decay=0.1),
        "RAdam(rate, weight_decay=0.1, epsilon_hat=True)",
    ),
    Case(call(of("lion", "Lion"), weight_decay=0.1), "Lion(rate, weight_decay=0.1)"),
    Case(
        call(of("lamb", "Lamb"), max_grad_norm=None, weight_decay=0.1),
        "LAMB(rate, weight_decay=0.1)",
    ),
    Case(
        call(
            of("mars", "Mars"), betas=(0.95, 0.99), optimize_1d=True, weight_decay=0.1
        ),
        "MARS(rate, weight_decay=0.1)",
    ),
    Case(
        call(Adafactor, weight_decay=0.1),
        "Adafactor(rate, relative=False, weight_decay=0.1)",
    ),
    Case(
        call(Adafactor, min_dim_size_to_factor=1),
        "Adafactor(rate, relative=False, smallest_factored=2)",
        problem=MATRICES,
    ),
    Case(
        call(
            muon, nesterov=True, ns_coefficients="original", weight_decay=0.1, eps=1e-7
        ),
        "Muon(rate, weight_decay=0.1)",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(muon, ns_coefficients="original", adjust_lr_fn="original"),
        "Muon(rate, nesterov=False, scale='original', weight_decay=0.0)",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(
            of("mars", "Mars"), betas=(0.8, 0.9), eps=1e-3, gamma=0.05, optimize_1d=True
        ),
        "MARS(rate, b1=0.8, b2=0.9, eps=1e-3, gamma=0.05)",
    ),
]
