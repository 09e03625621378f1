"""The baselines of every zero-cost score: how large the network is.

White et al. 2022, "A deeper look at zero-cost proxies for lightweight NAS",
https://iclr-blog-track.github.io/2022/03/25/zero-cost-proxies/, and others found few
scores that rank better than these, and none that does everywhere.
"""

from typing import Any

from thalweg.architectures.cost import cost_of, parameters
from thalweg.architectures.scores.base import AbstractSize


class Parameters(AbstractSize):
    """How many numbers are trained."""

    def count(self, description: Any, inputs: Any, outputs: int) -> float:
        """All of them, also of layers that nothing of the output depends on."""
        return float(parameters(description, inputs, outputs))


class FLOPs(AbstractSize):
    """Floating-point operations for one example."""

    def count(self, description: Any, inputs: Any, outputs: int) -> float:
        """Those of the layers that run."""
        return float(cost_of(description, inputs, outputs).flops)
