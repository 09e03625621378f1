"""Network morphisms: changes of a description that keep what its network computes.

child, network = wider(description, network, inputs, at=0, units=32, key=key)
network = inherit(network, child, inputs, key=key)      # after any number of changes
"""

from thalweg.architectures.morphisms.changes import (
    branched,
    deeper,
    skipped,
    wider,
    with_larger_kernel,
)
from thalweg.architectures.morphisms.inherit import inherit

__all__ = [
    "branched",
    "deeper",
    "inherit",
    "skipped",
    "wider",
    "with_larger_kernel",
]
