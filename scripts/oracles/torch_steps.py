"""How a case runs on an optimizer of PyTorch's kind, whoever wrote it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from oracles.cases import Case, join

torch.set_default_dtype(torch.float64)  # for NAdam's product of momenta


def run(case: Case) -> Iterator[list[float]]:
    """The parameters after each step."""

    def shown(leaves: list[np.ndarray]) -> list[torch.Tensor]:
        turned = [x.T if case.turned else x for x in leaves]
        return [torch.tensor(np.ascontiguousarray(x)) for x in turned]

    params = [x.requires_grad_() for x in shown(case.problem.start)]
    optimizer = case.make(params, lr=case.peak)
    if hasattr(optimizer, "train"):
        optimizer.train()
    for step, grads in enumerate(case.problem.gradients):
        for group in optimizer.param_groups:
            group["lr"] = case.rate(step)
        for p, g in zip(params, shown(grads), strict=True):
            p.grad = g
        optimizer.step()
        after = [p.detach().numpy() for p in params]
        yield join([x.T for x in after] if case.turned else after)


def in_double(function: Callable[..., Any]) -> None:
    """Let a function whose default is half precision compute in double."""
    defaults = function.__defaults__ or ()
    half = torch.bfloat16
    function.__defaults__ = tuple(torch.float64 if x is half else x for x in defaults)


class Double:
    """PyTorch for a module of a library that would compute in single precision."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def on_matrices(make: type) -> Callable[..., Any]:
    """A rule of Muon's kind, told that every parameter is a matrix to be treated so."""

    def made(params: Any, **settings: Any) -> Any:
        return make([{"params": params, "use_muon": True}], **settings)

    made.__name__ = make.__name__
    return made
