"""A fixed small CNN in PyTorch, eager, on all threads, for the whole of the time.

Two convolutions of 32 and 64 channels, pooling, dropout, 128 units: the network of
PyTorch's own MNIST example. Adam at 1e-3, batches of 128. Whole epochs until the next
would not fit; the rate falls along a cosine that the first epoch's time is the measure
for. It keeps no validation part: nothing is chosen.
"""

import math
import time
from collections.abc import Callable

import numpy as np

BATCH, RATE = 128, 1e-3
MARGIN = 0.97  # of the time is planned for


def fit(
    x: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    began = time.monotonic()
    import torch
    from torch import nn

    torch.manual_seed(seed)
    mean, std = float(x.mean()), float(x.std())

    def prepared(images: np.ndarray) -> torch.Tensor:
        return (torch.tensor(images).float().unsqueeze(1) - mean) / std

    side = (x.shape[1] - 4) // 2
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * side * side, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, int(y.max()) + 1),
    )
    inputs, targets = prepared(x), torch.from_numpy(y.astype(np.int64))
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    epoch, epochs = 0, math.inf
    while epoch < epochs:
        order = torch.randperm(len(targets))
        for rows in order.split(BATCH):
            if time.monotonic() - began > seconds:  # not even one epoch
                break
            adam.zero_grad()
            nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            adam.step()
        epoch += 1
        took = (time.monotonic() - began) / epoch
        epochs = max(epoch, int(MARGIN * seconds / took))
        for group in adam.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * epoch / (epochs + 1)))
    model.eval()

    def predict(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [model(part).softmax(1) for part in prepared(images).split(1000)]
        return torch.cat(parts).numpy()

    return predict
