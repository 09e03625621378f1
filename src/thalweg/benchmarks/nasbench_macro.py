"""NAS-Bench-Macro: 6,561 chains of eight blocks, trained on CIFAR-10.

Su et al. 2021, "Prioritized Architecture Sampling with Monto-Carlo Tree Search",
https://arxiv.org/abs/2103.11922
"""

from pathlib import Path
from typing import final

from thalweg.benchmarks.files import find, read
from thalweg.benchmarks.table import AbstractTable
from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Space

FILE = "nas_bench_macro/nas_bench_macro.npz"
BLOCKS = ("identity", "mb3_k3", "mb6_k5")  # skip; inverted bottlenecks
LAYERS = 8


@final
class NASBenchMacro(AbstractTable):
    """Losses are test errors in percent, each of three trainings; no seconds.

    An architecture is also written as its users write it: "22212220", a digit a block.
    """

    def __init__(self, *, path: str | Path | None = None):
        file = find(path, FILE, what="NAS-Bench-Macro")
        arrays = read(file, ["ops", "test_acc"], optional=["params", "flops"])
        self._costs = {k: arrays[k] for k in ("params", "flops") if k in arrays}
        super().__init__(
            "NAS-Bench-Macro",
            Space({f"layer{i}": Choice(BLOCKS) for i in range(LAYERS)}),
            arrays["ops"],
            {1.0: 100 - arrays["test_acc"].astype(float)},
        )

    def arch(self, row: int) -> str:
        """The architecture of a row, as digits."""
        return "".join(str(k) for k in self._index[row])

    def query(self, arch: str) -> dict[str, float]:
        """Mean test accuracy in percent, parameters and FLOPs of an architecture."""
        if len(arch) != LAYERS or set(arch) - set("012"):
            raise InvalidInput(
                "An architecture of NAS-Bench-Macro is eight digits of 0 (identity), "
                f"1 (MB3_K3) and 2 (MB6_K5), like '22212220', but got {arch!r}."
            )
        blocks = [BLOCKS[int(digit)] for digit in arch]
        config = dict(zip(self.space.dimensions, blocks, strict=True))
        row = int(self.rows([config])[0])
        costs = {name: float(values[row]) for name, values in self._costs.items()}
        return {"mean_acc": 100 - self(config), **costs}
