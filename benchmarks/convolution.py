"""A convolution and its gradient within a compiled loop, beside PyTorch eager.

    python benchmarks/convolution.py --peer-python PEERS/bin/python

Batches of 64 images; the output's squares are summed, and the gradient taken for images
and kernel. Processor time on one core, the least of several repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "0")  # compile times are shown

STEPS, REPEATS, IMAGES = 4, 4, 64
CASES = {  # side, input channels, output channels, kernel, stride, groups
    "3x3, 28x28, 16 channels": (28, 16, 16, 3, 1, 1),
    "3x3, 14x14, 32 channels": (14, 32, 32, 3, 1, 1),
    "3x3, 32x32, 32 channels": (32, 32, 32, 3, 1, 1),
    "3x3, 16x16, 64 channels": (16, 64, 64, 3, 1, 1),
    "3x3 stride 2, 28x28, 32 to 64": (28, 32, 64, 3, 2, 1),
    "5x5, 28x28, 16 channels": (28, 16, 16, 5, 1, 1),
    "1x1, 16x16, 64 channels": (16, 64, 64, 1, 1, 1),
    "3x3 by channel, 16x16, 64": (16, 64, 64, 3, 1, 64),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer-python", default=os.environ.get("THALWEG_PEER_PYTHON"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps([in_pytorch(*case) for case in CASES.values()]))
        return
    from pinned import machine

    print(f"{machine()}; milliseconds of processor time.\n")
    print("| convolution | in a loop | compiling, s | XLA's own in a loop | PyTorch |")
    print("| --- | --- | --- | --- | --- |")
    peer = _peer(arguments.peer_python)
    for name, theirs in zip(CASES, peer, strict=True):
        ours, compiling = in_a_loop("ordered", *CASES[name])
        plain, _ = in_a_loop("lax", *CASES[name])
        shown = f"{ours:.1f} | {compiling:.2f} | {plain:.1f} | {theirs}"
        print(f"| {name} | {shown} |", flush=True)


def _peer(python: str | None) -> list[str]:
    if python is None:
        return ["-"] * len(CASES)
    from pinned import run

    command = [python, str(Path(__file__).resolve()), "--worker"]
    done = run(command, cores=sorted(os.sched_getaffinity(0)), threads=1)
    if done.returncode:
        raise SystemExit(f"PyTorch failed:\n{done.errors[-2000:]}")
    return [f"{ms:.1f}" for ms in json.loads(done.output.splitlines()[-1])]


def in_a_loop(method: Any, *case: int) -> tuple[float, float]:
    """Milliseconds of a step in a compiled loop, and seconds that compiling took."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from thalweg.networks.layers import convolve
    from thalweg.networks.layers.convolution import forced
    from thalweg.networks.layers.windows import Windows

    side, inputs, outputs, size, stride, groups = case
    half = size // 2
    where = Windows((size, size), (stride, stride), ((half, half), (half, half)))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(IMAGES, side, side, inputs)), jnp.float32)
    shape = (size, size, inputs // groups, outputs)
    kernel = jnp.asarray(rng.normal(size=shape) * 0.05, jnp.float32)

    def loss(x: Any, kernel: Any) -> Any:
        return jnp.sum(jnp.square(convolve(x, kernel, where, groups=groups)))

    def step(_: int, carry: Any) -> Any:
        return jax.tree.map(
            lambda a, g: a - 1e-6 * g, carry, jax.grad(loss, (0, 1))(*carry)
        )

    with forced(method):
        loop = jax.jit(lambda *carry: jax.lax.fori_loop(0, STEPS, step, carry))
        begin = time.process_time()
        compiled = loop.lower(x, kernel).compile()
        compiling = time.process_time() - begin
    least = _least(lambda: jax.block_until_ready(compiled(x, kernel)))
    return least / STEPS * 1e3, compiling


def in_pytorch(*case: int) -> float:
    """Milliseconds of the same step in eager mode."""
    import torch

    torch.set_num_threads(1)
    side, inputs, outputs, size, stride, groups = case
    x = torch.randn(IMAGES, inputs, side, side, requires_grad=True)
    kernel = torch.randn(outputs, inputs // groups, size, size) * 0.05
    kernel.requires_grad_()

    def step() -> None:
        y = torch.nn.functional.conv2d(x, kernel, None, stride, size // 2, 1, groups)
        y.square().sum().backward()
        with torch.no_grad():
            for leaf in (x, kernel):
                leaf -= 1e-6 * leaf.grad
                leaf.grad = None

    return _least(lambda: [step() for _ in range(STEPS)]) / STEPS * 1e3


def _least(run: Callable[[], Any]) -> float:
    run()
    found = []
    for _ in range(REPEATS):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return min(found)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
