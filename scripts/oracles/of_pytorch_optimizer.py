"""pytorch_optimizer, a collection."""

from importlib.metadata import version

import pytorch_optimizer as po

from oracles.cases import Case, call
from oracles.torch_steps import run

__all__ = ["CASES", "VERSION", "run"]

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
]
