"""pytorch_optimizer, a collection."""

from collections.abc import Iterator
from importlib.metadata import version

import pytorch_optimizer as po
from pytorch_optimizer.optimizer import soap
from pytorch_optimizer.optimizer.utils.matrix import zero_power_via_newton_schulz_5

from oracles import kron_probes, torch_steps
from oracles.cases import HOSTILE, MATRICES, Case, call
from oracles.torch_steps import Double, in_double, on_matrices

VERSION = version("pytorch_optimizer")
for denominator in (po.MARS.apply_ams_bound, po.MARS.apply_ams_bound_foreach):
    denominator.__defaults__ = (0.0,)  # no 1e-15 under the root, which nobody names
soap.torch = Double()
in_double(zero_power_via_newton_schulz_5)
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
    Case(
        call(po.SGDW, momentum=0.9, weight_decay=0.1),
        "Momentum(rate, weight_decay=0.1)",
    ),
    Case(
        call(po.SGDW, momentum=0.9, weight_decay=0.1, nesterov=True),
        "Nesterov(rate, weight_decay=0.1)",
    ),
    Case(call(po.AdaMax, weight_decay=0.1), "Adamax(rate, l2=0.1)"),
    Case(
        call(po.RAdam, weight_decay=0.1, degenerated_to_sgd=True),
        "RAdam(rate, weight_decay=0.1, epsilon_hat=True)",
    ),
    Case(
        call(po.AdEMAMix, weight_decay=0.1, weight_decouple=True),
        "AdEMAMix(rate, weight_decay=0.1)",
    ),
    Case(
        call(po.AdEMAMix, betas=(0.8, 0.9, 0.99), alpha=3.0, eps=1e-3),
        "AdEMAMix(rate, b1=0.8, b2=0.9, b3=0.99, alpha=3.0, eps=1e-3)",
    ),
    Case(
        call(po.ScheduleFreeSGD, weight_decay=0.1),
        "ScheduleFreeSGD(rate, weight_decay=0.1)",
    ),
    Case(
        call(po.ScheduleFreeAdamW, weight_decay=0.1, r=0.5),
        "ScheduleFreeAdamW(rate, weight_decay=0.1, r=0.5)",
    ),
    Case(
        call(po.Prodigy, weight_decay=0.1), "Prodigy(rate, weight_decay=0.1)", peak=1.0
    ),
    Case(
        call(po.Prodigy, bias_correction=True, safeguard_warmup=True),
        "Prodigy(rate, bias_correction=True, safeguard_warmup=True)",
        peak=1.0,
    ),
    Case(
        call(on_matrices(po.Muon), weight_decay=0.1),
        "Muon(rate, weight_decay=0.1, scale='original')",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(on_matrices(po.Muon), use_adjusted_lr=True),
        "Muon(rate, weight_decay=0.0, scale='rms')",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(
            on_matrices(po.NorMuon),
            nesterov=False,
            update_scale="match_rms",
            weight_decay=0.1,
            eps=0.0,
        ),
        "NorMuon(rate, weight_decay=0.1, eps=0.0)",
        problem=MATRICES,
        turned=True,
    ),
    Case(
        call(po.AdaFactor, betas=(None, 0.999), relative_step=False), "Adafactor(rate)"
    ),
    Case(
        call(
            po.AdaFactor,
            betas=(None, 0.999),
            relative_step=False,
            scale_parameter=False,
            weight_decay=0.1,
        ),
        "Adafactor(rate, relative=False, weight_decay=0.1)",
    ),
    Case(
        call(po.AdaFactor, betas=(None, 0.999), relative_step=False),
        "Adafactor(rate, smallest_factored=1)",
        problem=MATRICES,
    ),
    Case(
        call(
            on_matrices(po.NorMuon),
            momentum=0.8,
            beta2=0.9,
            nesterov=False,
            ns_steps=3,
            update_scale="match_rms",
            eps=0.0,
        ),
        "NorMuon(rate, b1=0.8, b2=0.9, rounds=3, weight_decay=0.0, eps=0.0)",
        problem=MATRICES,
        turned=True,
    ),
    # Sides of 5 are left alone: the first gradient has rank 3 or 2, and which basis of
    # its null space an eigendecomposition returns is up to rounding errors.
    Case(
        call(po.SOAP, weight_decay=0.0, max_precondition_dim=4),
        "SOAP(rate, weight_decay=0.0, longest=4, epsilon_hat=True)",
        problem=MATRICES,
    ),
    Case(
        call(
            po.SOAP,
            betas=(0.8, 0.9),
            shampoo_beta=0.7,
            eps=1e-3,
            weight_decay=0.0,
            precondition_frequency=3,
            max_precondition_dim=4,
        ),
        "SOAP(rate, b1=0.8, b2=0.9, b3=0.7, eps=1e-3, weight_decay=0.0, "
        "precondition_frequency=3, longest=4, epsilon_hat=True)",
        problem=MATRICES,
    ),
    Case(
        call(po.Shampoo, matrix_eps=1e-3, weight_decay=0.1, weight_decouple=True),
        "Shampoo(rate, b1=0.0, eps=1e-3, weight_decay=0.1, graft='none', "
        "accumulate='sum', relative=False, precondition_frequency=1, start=1)",
        problem=MATRICES,
    ),
    *(
        Case(
            call(
                po.ScalableShampoo,
                **theirs,
                decoupled_weight_decay=True,
                start_preconditioning_step=10,
                preconditioning_compute_steps=10,
                shape_interpretation=False,
                nesterov=False,
                use_svd=True,
            ),
            f"Shampoo(rate, b1=0.0, {ours})",
            problem=MATRICES,
        )
        for theirs, ours in [
            (
                {"betas": (0.8, 0.95), "matrix_eps": 0.0, "weight_decay": 0.1},
                "b2=0.95, momentum=0.8, eps=0.0, weight_decay=0.1, graft='sgd'",
            ),
            (
                {
                    "betas": (0.0, 0.9),
                    "matrix_eps": 0.0,
                    "graft_type": 3,
                    "diagonal_eps": 1e-4,
                    "inverse_exponent_override": 2,
                },
                "b2=0.9, exponent=1.0, eps=0.0, graft_eps=1e-4, weight_decay=0.0, "
                "graft='rmsprop'",
            ),
            (
                {"betas": (0.0, 0.9), "matrix_eps": 0.0, "graft_type": 2},
                "b2=0.9, eps=0.0, graft_eps=1e-10, weight_decay=0.0, graft='adagrad'",
            ),
        ]
    ),
]


def run(case: Case) -> Iterator[list[float]]:
    """Kron is given our probes."""
    if not case.ours.startswith("Kron"):
        return torch_steps.run(case)
    with kron_probes.signs(len(case.problem.start)):
        return iter(list(torch_steps.run(case)))
