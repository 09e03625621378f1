"""Tables of the documented formats with made-up contents."""

import itertools
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def nasbench201_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 15,625 cells; accuracies that grow with the number of 3x3 convolutions."""
    rng = np.random.default_rng(0)
    ops = np.array(list(itertools.product(range(5), repeat=6)), np.int8)
    ops = ops[rng.permutation(len(ops))]
    worth = np.array([0, 4, 8, 12, 6])[ops].sum(1) + 10.0
    arrays: dict[str, np.ndarray] = {"ops": ops}
    for k, name in enumerate(("cifar10", "cifar100", "ImageNet16_120")):
        repeats = worth[:, None] - 2 * k + rng.normal(0, 0.1, (len(ops), 3))
        repeats[::2, 2] = np.nan  # half of the cells have two trainings
        arrays[f"{name}_val_200ep_seeds"] = repeats.astype(np.float32)
        arrays[f"{name}_val_12ep"] = (0.8 * worth - k).astype(np.float32)
        arrays[f"{name}_test_12ep"] = (0.8 * worth + k).astype(np.float32)
        arrays[f"{name}_test_200ep"] = (worth + 1 - k).astype(np.float32)
        arrays[f"{name}_train_time_s_200ep"] = (1000.0 + 10 * worth).astype(np.float32)
        arrays[f"{name}_latency_s"] = (worth / 1000).astype(np.float32)
        arrays[f"{name}_params_M"] = worth / 100
    arrays["flops_M_formula"] = worth.copy()
    file = tmp_path_factory.mktemp("nasbench201") / "nasbench201.npz"
    np.savez(file, **arrays)
    return file
