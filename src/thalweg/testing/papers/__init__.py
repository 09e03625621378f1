"""The papers' equations in plain NumPy, to hold optimizers to.

Written to be compared with the paper, line by line: its symbols, its order, no thought
of speed. A function yields the parameters after each step for one array `p`, its
gradients and a learning rate; what its signature sets are the paper's own constants.

To add one: the function, named and documented after the paper, in the file of its kin,
and a line in `PAPERS`. The tests and the conformance page find it by themselves.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from thalweg.testing.papers import averages, matrices, moments, momentum

RATE = 0.1  # the learning rate of every step


class Paper(NamedTuple):
    """Equations, and the optimizer of ours that must follow them."""

    equations: Callable[..., Iterable[np.ndarray]]
    ours: str  # "Adam(rate)"
    settings: Mapping[str, Any] = MappingProxyType({})  # of the equations
    problem: str = "hostile"
    whole: bool = False  # all parameters are one array to it, not each by itself

    @property
    def call(self) -> str:
        """The paper, by the first line of the function's docstring."""
        title = (self.equations.__doc__ or "").partition("\n")[0].rstrip(".")
        shown = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{title}; {shown}" if shown else title

    def path(self, start: np.ndarray, grads: np.ndarray) -> Iterable[np.ndarray]:
        """The parameters after each step."""
        return self.equations(start, grads, RATE, **self.settings)


PAPERS = [
    Paper(momentum.cauchy, "SGD(rate)"),
    Paper(momentum.polyak, "Momentum(rate)"),
    Paper(momentum.nesterov, "Nesterov(rate)"),
    Paper(moments.adagrad, "AdaGrad(rate)"),
    Paper(
        moments.graves,
        "RMSprop(rate, b2=0.95, momentum=0.9, eps=1e-4, centred=True, "
        "eps_inside=True, rate_inside=True)",
    ),
    Paper(moments.adadelta, "Adadelta(rate, b2=0.95)"),
    Paper(moments.adam, "Adam(rate)"),
    Paper(moments.adamax, "Adamax(rate, eps=1e-300)"),
    Paper(moments.amsgrad, "AMSGrad(rate, correction='none')"),
    Paper(
        moments.adamw,
        "AdamW(rate, weight_decay=0.02, independent=True)",
        {"decay": 0.02},
    ),
    Paper(
        moments.adamw,
        "AdamW(rate, weight_decay=0.02)",
        {"decay": 0.02 * RATE},
    ),
    Paper(moments.nadam, "NAdamW(rate, weight_decay=0.0)"),
    Paper(
        moments.nadam,
        "NAdamW(rate, weight_decay=0.02, independent=True)",
        {"decay": 0.02},
    ),
    Paper(momentum.lion, "Lion(rate, weight_decay=0.1)", {"decay": 0.1}),
    Paper(averages.schedule_free, "ScheduleFreeAdamW(rate)"),
    Paper(averages.schedule_free, "ScheduleFreeSGD(rate)", {"adaptive": False}),
    Paper(moments.radam, "RAdam(rate, eps=1e-300)"),
    Paper(
        moments.radam,
        "RAdam(rate, b2=0.9, eps=1e-300, threshold=4.0)",
        {"b2": 0.9, "threshold": 4.0},
    ),
    Paper(moments.ademamix, "AdEMAMix(rate, weight_decay=0.1)", {"decay": 0.1}),
    Paper(moments.lamb, "LAMB(rate, weight_decay=0.1)", {"decay": 0.1}),
    Paper(
        moments.mars,
        "MARS(rate, gamma=0.05, weight_decay=0.1)",
        {"gamma": 0.05, "decay": 0.1},
    ),
    Paper(
        matrices.adafactor,
        "Adafactor(rate, smallest_factored=1)",
        problem="matrices",
    ),
    Paper(
        matrices.adafactor,
        "Adafactor(rate, smallest_factored=1, eps=1e-3, smallest_scale=0.5)",
        {"eps1": 1e-3, "eps2": 0.5},
        problem="matrices",
    ),
    Paper(
        matrices.muon,
        "Muon(rate, weight_decay=0.1)",
        {"decay": 0.1},
        problem="matrices",
    ),
    Paper(
        matrices.normuon,
        "NorMuon(rate, b2=0.9, weight_decay=0.1)",
        {"decay": 0.1},
        problem="matrices",
    ),
    Paper(
        matrices.soap,
        "SOAP(rate, weight_decay=0.1, longest=4)",
        {"decay": 0.1},
        problem="matrices",
    ),
    Paper(
        matrices.soap,
        "SOAP(rate, weight_decay=0.0, one_sided=True)",
        {"one_sided": True},
        problem="matrices",
    ),
    Paper(
        matrices.shampoo,
        "Shampoo(rate, b1=0.0, eps=1e-3, weight_decay=0.0, graft='none', "
        "accumulate='sum', relative=False, precondition_frequency=1, start=1)",
        problem="matrices",
    ),
    Paper(
        matrices.grafted_shampoo,
        "Shampoo(rate, b2=0.99, weight_decay=0.1, precondition_frequency=5, start=7)",
        {"decay": 0.1},
        problem="matrices",
    ),
]
