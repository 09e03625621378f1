"""The authors' program of Prodigy."""

from importlib.metadata import version

from prodigyopt import Prodigy

from oracles.cases import HOSTILE, MATRICES, Case, call
from oracles.torch_steps import run

__all__ = ["CASES", "VERSION", "run"]

VERSION = version("prodigyopt")
EVERYTHING = call(
    Prodigy,
    betas=(0.8, 0.95),
    eps=1e-3,
    weight_decay=0.1,
    use_bias_correction=True,
    safeguard_warmup=True,
    growth_rate=1.5,
    d0=1e-4,
    d_coef=0.5,
)
OUR_EVERYTHING = (
    "Prodigy(rate, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.1, "
    "bias_correction=True, safeguard_warmup=True, growth=1.5, d0=1e-4, d_factor=0.5)"
)
CASES = [
    case
    for problem in (HOSTILE, MATRICES)
    for case in (
        Case(call(Prodigy), "Prodigy(rate)", peak=1.0, problem=problem),
        Case(EVERYTHING, OUR_EVERYTHING, peak=1.0, problem=problem),
    )
]
