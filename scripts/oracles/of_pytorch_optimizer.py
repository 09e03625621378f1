"""pytorch_optimizer, a collection."""

from collections.abc import Iterator
from importlib.metadata import version

import pytorch_optimizer as po

from oracles import kron_probes, torch_steps
from oracles.cases import HOSTILE, MATRICES, Case, call

VERSION = version("pytorch_optimizer")
for denominator in (po.MARS.apply_ams_bound, po.MARS.apply_ams_bound_foreach):
    denominator.__defaults__ = (0.0,)  # no 1e-15 under the root, which nobody names
CASES = [
    Case(
        call(po.MARS, weight_decay=0.1, optimize_1d=True),
        "MARS(rate, weight_decay=0.1, first='scaled', epsilon_hat=True)",
    ),
    Case(call(po.Lion, weight_decay=0.1), "Lion(rate, weight_decay=0.1)"),
    Case(
        call(po.AdEMAMix, t_alpha_beta3=40, weight_decay=0.1, weight_decouple=True),
        "AdEMAMix(rate, alpha=Warmup(5.0, 40, warmup=1), "
        "b3=HalfLifeWarmup(0.9999, 40), weight_decay=0.1)",
    ),
    *(
        Case(call(kron_probes.kron, **theirs), ours, problem=problem)
        for problem in (HOSTILE, MATRICES)
        for ours, theirs in [
            ("Kron(rate)", {}),
            (
                "Kron(rate, momentum=0.5, frequency=0.3, settling=-1e9, "
                "memory='one_diagonal')",
                {
                    "momentum": 0.5,
                    "pre_conditioner_update_probability": 0.3,
                    "memory_save_mode": "one_diag",
                    "balance_prob": 1.0,
                },
            ),
            (
                "Kron(rate, whiten='gradient', frequency=0.1, settling=10.0, "
                "anneal=0.1, memory='smart_one_diagonal')",
                {
                    "momentum_into_precondition_update": False,
                    "pre_conditioner_update_probability": kron_probes.Falling(),
                    "memory_save_mode": "smart_one_diag",
                },
            ),
        ]
    ),
    Case(
        call(kron_probes.kron, weight_decay=0.1, max_size_triangular=4),
        "Kron(rate, weight_decay=0.1, longest=4)",
        problem=MATRICES,
    ),
    Case(
        call(kron_probes.kron, memory_save_mode="all_diag"),
        "Kron(rate, memory='diagonal')",
        problem=MATRICES,
    ),
]


def run(case: Case) -> Iterator[list[float]]:
    """Kron is given our probes."""
    if not case.ours.startswith("Kron"):
        return torch_steps.run(case)
    with kron_probes.signs(len(case.problem.start)):
        return iter(list(torch_steps.run(case)))
