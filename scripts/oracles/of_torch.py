"""PyTorch's own optimizers."""

from collections.abc import Iterator
from typing import Any

import torch

from oracles import torch_steps
from oracles.cases import MATRICES, Case, call

T = torch.optim


VERSION = torch.__version__.split("+")[0]
ENDLESS = {"max_iter": 1, "tolerance_grad": 0, "tolerance_change": 0}


class LBFGS(T.LBFGS):
    """A step of fixed length, which asks for a loss and never uses it."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure or (lambda: torch.zeros(())))


CASES = [
    Case(call(T.SGD), "SGD(rate)"),
    Case(call(T.SGD, weight_decay=0.1), "SGD(rate, l2=0.1)"),
    Case(call(T.SGD, momentum=0.9), "Momentum(rate)"),
    Case(
        call(T.SGD, momentum=0.8, dampening=0.3, weight_decay=0.1),
        "Momentum(rate, momentum=0.8, dampening=0.3, l2=0.1)",
    ),
    Case(
        call(T.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
        "Nesterov(rate, l2=0.1)",
    ),
    Case(call(T.SGD, momentum=0.8, nesterov=True), "Nesterov(rate, momentum=0.8)"),
    Case(call(T.Adagrad), "AdaGrad(rate)"),
    Case(call(T.Adagrad, weight_decay=0.1), "AdaGrad(rate, l2=0.1)"),
    Case(
        call(T.Adagrad, lr_decay=0.05, initial_accumulator_value=0.2),
        "AdaGrad(InverseTime(rate, rate=0.05), initial_accumulator=0.2)",
        falls=False,
    ),
    Case(call(T.RMSprop), "RMSprop(rate)", peak=0.01),
    Case(
        call(T.RMSprop, alpha=0.9, momentum=0.5, centered=True, weight_decay=0.1),
        "RMSprop(rate, b2=0.9, momentum=0.5, centred=True, l2=0.1)",
        peak=0.01,
    ),
    Case(call(T.Adam), "Adam(rate)"),
    Case(
        call(T.Adam, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        "Adam(rate, b1=0.8, b2=0.95, eps=1e-3, l2=0.1)",
    ),
    Case(call(T.Adamax), "Adamax(rate)"),
    Case(
        call(T.Adamax, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        "Adamax(rate, b1=0.8, b2=0.95, eps=1e-3, l2=0.1)",
    ),
    Case(call(T.Adam, amsgrad=True), "AMSGrad(rate)"),
    Case(
        call(T.Adam, amsgrad=True, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        "AMSGrad(rate, b1=0.8, b2=0.95, eps=1e-3, l2=0.1)",
    ),
    Case(call(T.AdamW), "AdamW(rate)"),
    Case(
        call(T.AdamW, betas=(0.8, 0.95), weight_decay=0.5),
        "AdamW(rate, b1=0.8, b2=0.95, weight_decay=0.5)",
    ),
    Case(
        call(T.NAdam, weight_decay=0.1, decoupled_weight_decay=True),
        "NAdamW(rate, weight_decay=0.1)",
    ),
    Case(
        call(T.NAdam, betas=(0.8, 0.95), momentum_decay=0.1),
        "NAdamW(rate, b1=0.8, b2=0.95, momentum_decay=0.1, weight_decay=0.0)",
    ),
    Case(call(T.Adadelta), "Adadelta(rate)", peak=1.0),
    Case(
        call(T.Adadelta, rho=0.95, eps=1e-3, weight_decay=0.1),
        "Adadelta(rate, b2=0.95, eps=1e-3, l2=0.1)",
        peak=0.5,
    ),
    Case(call(T.RAdam, weight_decay=0.1), "RAdam(rate, l2=0.1, epsilon_hat=True)"),
    Case(
        call(T.RAdam, betas=(0.8, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
        "RAdam(rate, b1=0.8, b2=0.9, weight_decay=0.1, epsilon_hat=True)",
    ),
    Case(
        call(T.Muon, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        "Muon(rate, weight_decay=0.1)",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(T.Muon, momentum=0.8, nesterov=False, ns_steps=3),
        "Muon(rate, momentum=0.8, nesterov=False, rounds=3, scale='original', "
        "weight_decay=0.1)",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(T.Adafactor, eps=(1e-30, 1e-3)),
        "Adafactor(rate, smallest_factored=1)",
        problem=MATRICES,
    ),
    Case(
        call(T.Adafactor, eps=(1e-30, 1e-2), beta2_decay=-0.5, d=1.5, weight_decay=0.1),
        "Adafactor(rate, smallest_factored=1, decay=0.5, clip=1.5, "
        "smallest_scale=1e-2, weight_decay=0.1)",
        problem=MATRICES,
    ),
    Case(
        call(LBFGS, **ENDLESS, history_size=10),
        "LBFGS(rate)",
        peak=1.0,  # smaller rates end at pairs below its bound of 1e-10
        problem=MATRICES,
    ),
    Case(
        call(LBFGS, **ENDLESS, history_size=3),
        "LBFGS(rate, memory=3)",
        peak=1.0,
        problem=MATRICES,
    ),
]


def run(case: Case) -> Iterator[list[float]]:
    """Nothing in bfloat16, where Muon's iteration would be."""
    half, torch.Tensor.bfloat16 = torch.Tensor.bfloat16, torch.Tensor.clone
    try:
        yield from torch_steps.run(case)
    finally:
        torch.Tensor.bfloat16 = half
