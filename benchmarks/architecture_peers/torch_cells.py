"""Cells of NAS-Bench-201 in PyTorch eager: `torch_cells.py FILE STEPS BATCH PEAK`.

FILE (.npz) has images `X` [n, h, w], classes `y` and `operations` [cells, 6]. Prints
seconds of processor time and accuracies on the last fifth as JSON. One thread; batches
by index from tensors in memory; fused SGD.
"""

import json
import math
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class Zero(nn.Module):
    def forward(self, x):
        return x.mul(0.0)


def relu_conv(inputs, outputs, size, stride=1):
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(outputs))


def operation(name, channels):
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return relu_conv(channels, channels, int(name[-1]))


class Cell(nn.Module):
    def __init__(self, operations, channels):
        super().__init__()
        self.edges = nn.ModuleList(operation(name, channels) for name in operations)

    def forward(self, x):
        nodes = [x, 0, 0, 0]
        for (source, target), edge in zip(EDGES, self.edges, strict=True):
            nodes[target] = nodes[target] + edge(nodes[source])
        return nodes[3]


class Reduction(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.body = nn.Sequential(
            relu_conv(inputs, outputs, 3, 2), relu_conv(outputs, outputs, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def network(operations):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        Cell(operations, 8),
        Reduction(8, 16),
        Cell(operations, 16),
        Reduction(16, 32),
        Cell(operations, 32),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def train(model, X, y, steps, batch, peak):
    optimizer = torch.optim.SGD(
        model.parameters(), peak, momentum=0.9, nesterov=True, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: (1 + math.cos(math.pi * t / steps)) / 2
    )
    for step in range(steps):
        begin = step * batch % len(X)
        if begin == 0 or step == 0:
            order = torch.randperm(len(X))
        rows = order[begin : begin + batch]
        optimizer.zero_grad()
        cross_entropy(model(X[rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()


def main(file, steps, batch, peak):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(file) as data:
        X = torch.tensor(data["X"], dtype=torch.float32)[:, None]
        y, cells = torch.tensor(data["y"]), data["operations"]
    X = (X - X.mean()) / X.std()
    held = len(X) // 5
    seconds, accuracy = 0.0, []
    for operations in cells:
        model = network(operations)
        began = time.process_time()
        train(model, X[:-held], y[:-held], steps, batch, peak)
        model.eval()
        with torch.no_grad():
            found = model(X[-held:]).argmax(1)
        seconds += time.process_time() - began
        accuracy.append(float((found == y[-held:]).float().mean()))
    result = {"programs": 0, "compile": 0.0, "train": seconds, "accuracy": accuracy}
    print(json.dumps(result))


if __name__ == "__main__":
    path, *numbers = sys.argv[1:]
    main(path, int(numbers[0]), int(numbers[1]), float(numbers[2]))
