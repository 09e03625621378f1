"""Calls that look alike and do not do the same: what libraries make of equal arguments.

A topic's sides get the same named arguments; everything else is each library's default.
The first side is what the others are compared with. `ours` reproduces a side, or is
empty where we have no such option.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from oracles.cases import MATRICES, ORDINARY, Case, Problem, call, join

sys.path.append(str(Path(__file__).parents[2] / "src"))

from thalweg.testing.papers import matrices, moments  # NumPy alone

PO = "pytorch_optimizer"


class Side(NamedTuple):
    """One library's, or the paper's."""

    oracle: str  # "torch", or "paper"
    make: Callable[..., Any]
    ours: str = ""


class Topic(NamedTuple):
    """What is decided differently."""

    key: str
    title: str
    sides: list[Side]
    peak: float = 0.01
    falls: bool = False
    problem: Problem = ORDINARY

    def content(self) -> dict[str, Any]:
        """As it is recorded: the sides' paths."""
        return {"title": self.title, "sides": [self._side(side) for side in self.sides]}

    def _side(self, side: Side) -> dict[str, Any]:
        turned = self.problem is MATRICES and side.oracle in ("torch", "timm", PO)
        case = Case(
            side.make, side.ours, self.peak, self.falls, self.problem, turned=turned
        )
        if side.oracle == "paper":
            about = {"oracle": "paper", "version": ""}
            return about | case.content(_by_paper(case))
        library = import_module(f"oracles.of_{side.oracle}")
        about = {"oracle": side.oracle, "version": library.VERSION}
        return about | case.content(list(library.run(case)))


def _by_paper(case: Case) -> list[list[float]]:
    paths = [
        list(case.make(start, [step[i] for step in case.problem.gradients], case.peak))
        for i, start in enumerate(case.problem.start)
    ]
    return [join(row) for row in zip(*paths, strict=True)]


def topics() -> list[Topic]:
    """Those of single arrays and those of matrices."""
    torch, optax, keras, timm, po = (
        import_module(f"oracles.of_{name}")
        for name in ("torch", "optax", "keras", "timm", PO)
    )
    T, K, O, P = torch.T, keras.K, optax.optax, po.po
    of, on_matrices = timm.of, timm.on_matrices
    tiny = {"eps": 1e-6}
    return [
        Topic(
            "adam_eps",
            "Adam, where `eps` enters (`eps=1e-6`)",
            [
                Side("paper", call(moments.adam, **tiny), "Adam(rate, eps=1e-6)"),
                Side("torch", call(T.Adam, **tiny), "Adam(rate, eps=1e-6)"),
                Side("optax", call(O.adam, **tiny), "Adam(rate, eps=1e-6)"),
                Side(
                    "keras",
                    call(K.Adam, epsilon=1e-6),
                    "Adam(rate, eps=1e-6, epsilon_hat=True)",
                ),
            ],
        ),
        Topic(
            "momentum_rate",
            "Momentum 0.9 while the learning rate falls",
            [
                Side("torch", call(T.SGD, momentum=0.9), "Momentum(rate)"),
                Side("optax", call(O.sgd, momentum=0.9), "Momentum(rate)"),
                Side(
                    "keras",
                    call(K.SGD, momentum=0.9),
                    "Momentum(rate, rate_inside=True)",
                ),
                Side(
                    "timm",
                    call(of("sgdw", "SGDW"), momentum=0.9, weight_decay=0.0),
                    "Momentum(rate)",
                ),
                Side(PO, call(P.SGDW, momentum=0.9), "Momentum(rate)"),
            ],
            falls=True,
        ),
        Topic(
            "adagrad",
            "AdaGrad with its defaults: the first sum, and `eps`",
            [
                Side("paper", call(moments.adagrad), "AdaGrad(rate)"),
                Side("torch", call(T.Adagrad), "AdaGrad(rate)"),
                Side(
                    "optax",
                    call(O.adagrad),
                    "AdaGrad(rate, initial_accumulator=0.1, eps=1e-7, eps_inside=True)",
                ),
                Side(
                    "keras",
                    call(K.Adagrad),
                    "AdaGrad(rate, initial_accumulator=0.1, eps=1e-7, eps_inside=True)",
                ),
            ],
        ),
        Topic(
            "rmsprop_eps",
            "RMSprop, where `eps` enters and the average starts (decay 0.9, 1e-7)",
            [
                Side(
                    "torch",
                    call(T.RMSprop, alpha=0.9, eps=1e-7),
                    "RMSprop(rate, b2=0.9, eps=1e-7)",
                ),
                Side(
                    "optax",
                    call(O.rmsprop, decay=0.9, eps=1e-7),
                    "RMSprop(rate, b2=0.9, eps=1e-7, eps_inside=True)",
                ),
                Side(
                    "keras",
                    call(K.RMSprop, rho=0.9, epsilon=1e-7),
                    "RMSprop(rate, b2=0.9, eps=1e-7, eps_inside=True)",
                ),
                Side("timm", call(of("rmsprop_tf", "RMSpropTF"), alpha=0.9, eps=1e-7)),
            ],
        ),
        Topic(
            "rmsprop_momentum",
            "RMSprop with momentum 0.9 while the learning rate falls (1e-12)",
            [
                Side(
                    "torch",
                    call(T.RMSprop, alpha=0.9, eps=1e-12, momentum=0.9),
                    "RMSprop(rate, b2=0.9, eps=1e-12, momentum=0.9)",
                ),
                Side(
                    "optax",
                    call(O.rmsprop, decay=0.9, eps=1e-12, momentum=0.9),
                    "RMSprop(rate, b2=0.9, eps=1e-12, momentum=0.9, eps_inside=True, "
                    "rate_inside=True)",
                ),
                Side(
                    "keras",
                    call(K.RMSprop, rho=0.9, epsilon=1e-12, momentum=0.9),
                    "RMSprop(rate, b2=0.9, eps=1e-12, momentum=0.9, eps_inside=True, "
                    "rate_inside=True)",
                ),
            ],
            falls=True,
        ),
        Topic(
            "adamax_eps",
            "Adamax, where `eps` enters (`eps=1e-4`)",
            [
                Side("paper", call(moments.adamax), "Adamax(rate, eps=1e-300)"),
                Side("torch", call(T.Adamax, eps=1e-4), "Adamax(rate, eps=1e-4)"),
                Side("optax", call(O.adamax, eps=1e-4), "Adamax(rate, eps=1e-4)"),
                Side(
                    "keras",
                    call(K.Adamax, epsilon=1e-4),
                    "Adamax(rate, eps=1e-4, eps_outside=True)",
                ),
            ],
        ),
        Topic(
            "amsgrad",
            "AMSGrad, the bias correction and the maximum (`eps=1e-8`)",
            [
                Side(
                    "paper", call(moments.amsgrad), "AMSGrad(rate, correction='none')"
                ),
                Side("torch", call(T.Adam, amsgrad=True), "AMSGrad(rate)"),
                Side("optax", call(O.amsgrad), "AMSGrad(rate, correction='before')"),
                Side(
                    "keras",
                    call(K.Adam, amsgrad=True, epsilon=1e-8),
                    "AMSGrad(rate, epsilon_hat=True)",
                ),
                Side(
                    "timm",
                    call(of("adamw", "AdamWLegacy"), amsgrad=True, weight_decay=0.0),
                    "AMSGrad(rate)",
                ),
            ],
        ),
        Topic(
            "nadam",
            "NAdam, the momentum's schedule (`eps=1e-8`)",
            [
                Side("paper", call(moments.nadam), "NAdamW(rate, weight_decay=0.0)"),
                Side("torch", call(T.NAdam), "NAdamW(rate, weight_decay=0.0)"),
                Side(
                    "optax",
                    call(O.adam, nesterov=True),
                    "NAdamW(rate, weight_decay=0.0, momentum_decay=inf)",
                ),
                Side(
                    "keras",
                    call(K.Nadam, epsilon=1e-8),
                    "NAdamW(rate, weight_decay=0.0, momentum_decay=1.0)",
                ),
                Side("timm", call(of("nadamw", "NAdamW"), weight_decay=0.0)),
            ],
        ),
        Topic(
            "adamw_decay",
            "AdamW, what multiplies the decay (`weight_decay=0.01, eps=1e-8`)",
            [
                Side(
                    "paper",
                    call(moments.adamw, decay=0.01),
                    "AdamW(rate, weight_decay=0.01, independent=True)",
                ),
                Side("torch", call(T.AdamW, weight_decay=0.01), "AdamW(rate)"),
                Side("optax", call(O.adamw, weight_decay=0.01), "AdamW(rate)"),
                Side(
                    "keras",
                    call(K.AdamW, weight_decay=0.01, epsilon=1e-8),
                    "AdamW(rate, epsilon_hat=True)",
                ),
                Side(
                    "timm",
                    call(of("adamw", "AdamWLegacy"), weight_decay=0.01),
                    "AdamW(rate)",
                ),
            ],
        ),
        Topic(
            "adam_decay",
            "`weight_decay=0.01` of Adam: in the gradient, or decoupled (`eps=1e-8`)",
            [
                Side("torch", call(T.Adam, weight_decay=0.01), "Adam(rate, l2=0.01)"),
                Side(
                    "keras",
                    call(K.Adam, weight_decay=0.01, epsilon=1e-8),
                    "AdamW(rate, epsilon_hat=True)",
                ),
            ],
        ),
        Topic(
            "radam",
            "RAdam before its second moment can be trusted",
            [
                Side("paper", call(moments.radam), "RAdam(rate, eps=1e-300)"),
                Side("torch", call(T.RAdam), "RAdam(rate, epsilon_hat=True)"),
                Side("optax", call(O.radam), "RAdam(rate)"),
                Side(
                    "timm",
                    call(of("radam", "RAdamLegacy")),
                    "RAdam(rate, epsilon_hat=True)",
                ),
                Side(PO, call(P.RAdam)),
            ],
        ),
        Topic(
            "lamb",
            "LAMB (`weight_decay=0.1, eps=1e-6`)",
            [
                Side(
                    "paper",
                    call(moments.lamb, decay=0.1),
                    "LAMB(rate, weight_decay=0.1)",
                ),
                Side(
                    "optax",
                    call(O.lamb, weight_decay=0.1),
                    "LAMB(rate, weight_decay=0.1)",
                ),
                Side("keras", call(K.Lamb, weight_decay=0.1, epsilon=1e-6)),
                Side(
                    "timm",
                    call(of("lamb", "Lamb"), weight_decay=0.1),
                    "LAMB(rate, weight_decay=0.1)",
                ),
                Side(PO, call(P.Lamb, weight_decay=0.1)),
            ],
        ),
        Topic(
            "adafactor",
            "Adafactor with its defaults at a given rate",
            [
                Side(
                    "paper",
                    call(matrices.adafactor),
                    "Adafactor(rate, smallest_factored=1)",
                ),
                Side(
                    "torch", call(T.Adafactor), "Adafactor(rate, smallest_factored=1)"
                ),
                Side("optax", call(O.adafactor), "Adafactor(rate)"),
                Side("keras", call(K.Adafactor)),
                Side(
                    "timm",
                    call(of("adafactor", "Adafactor")),
                    "Adafactor(rate, relative=False)",
                ),
                Side(PO, call(P.AdaFactor)),
            ],
            problem=MATRICES,
        ),
        Topic(
            "muon",
            "Muon: scale, look-ahead, iteration (`momentum=0.95, weight_decay=0`)",
            [
                Side("paper", call(matrices.muon), "Muon(rate, weight_decay=0.0)"),
                Side(
                    "torch",
                    call(T.Muon, weight_decay=0.0),
                    "Muon(rate, weight_decay=0.0, scale='original')",
                ),
                Side("optax", call(O.contrib.muon, weight_decay=0.0)),
                Side(
                    "keras",
                    call(K.Muon, weight_decay=0.0),
                    "Muon(rate, weight_decay=0.0)",
                ),
                Side("timm", call(timm.muon)),
                Side(
                    PO,
                    call(on_matrices(P.Muon)),
                    "Muon(rate, weight_decay=0.0, scale='original')",
                ),
            ],
            problem=MATRICES,
        ),
        Topic(
            "prodigy",
            "Prodigy with its defaults: the bias correction",
            [
                Side(
                    "prodigyopt",
                    call(import_module("prodigyopt").Prodigy),
                    "Prodigy(rate)",
                ),
                Side(PO, call(P.Prodigy), "Prodigy(rate)"),
                Side(
                    "optax",
                    call(O.contrib.prodigy),
                    "Prodigy(rate, bias_correction=True)",
                ),
            ],
            peak=1.0,
        ),
        Topic(
            "mars",
            "MARS, the first gradient (`betas=(0.95, 0.99), optimize_1d=True`)",
            [
                Side("paper", call(moments.mars), "MARS(rate)"),
                Side(
                    "timm",
                    call(of("mars", "Mars"), betas=(0.95, 0.99), optimize_1d=True),
                    "MARS(rate)",
                ),
                Side(
                    PO,
                    call(P.MARS, optimize_1d=True),
                    "MARS(rate, first='scaled', epsilon_hat=True)",
                ),
            ],
        ),
    ]
