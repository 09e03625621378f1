"""Record where PyTorch's L-BFGS with its line search goes, for `test_lbfgs.py`.

    oracles/bin/python scripts/record_line_searches.py

Runs where `record_trajectories.py` runs. The losses are those of
`tests/optimizers/losses.py`, in double precision; a case holds the parameters after
each step, and the number of evaluations up to then.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

TESTS = Path(__file__).parents[1] / "tests" / "optimizers"
sys.path.insert(0, str(TESTS))
from losses import LOSSES  # noqa: E402


def path(name: str, memory: int) -> dict[str, Any]:
    """PyTorch's path on one of the losses, until its slope is lost in rounding."""
    start, loss = LOSSES[name]
    x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x],
        max_iter=1,
        max_eval=26,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=memory,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(torch, x)
        value.backward()
        return value

    rows, evaluations = [], []
    while len(rows) < 60:
        optimizer.step(closure)
        rows.append(x.detach().tolist())
        evaluations.append(optimizer.state[x]["func_evals"])
        closure()
        if x.grad.abs().max() < 1e-5:
            break
    return {
        "loss": name,
        "memory": memory,
        "params": rows,
        "evaluations": evaluations,
    }


def main() -> None:
    cases = [path(name, memory) for name in LOSSES for memory in (3, 10)]
    version = torch.__version__.split("+")[0]
    content = {"oracle": "torch", "version": version, "cases": cases}
    (TESTS / "line_searches.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
