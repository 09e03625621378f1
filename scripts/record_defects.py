"""Run small programs that show what seems to be a defect of a library; keep the output.

    oracles/bin/python scripts/record_defects.py

with the environment of `record_trajectories.py`. Each program is what the conformance
page shows, to be pasted by anybody.
"""

import os
import subprocess
import sys
from importlib.metadata import version
from typing import NamedTuple

from record_trajectories import write


class Defect(NamedTuple):
    """A program, and what to see in its output."""

    package: str
    title: str
    code: str
    remark: str


DEFECTS = [
    Defect(
        "optax",
        "`optax.rprop` is one step late",
        """\
import jax.numpy as jnp, optax
tx, p = optax.rprop(0.1), jnp.array(1.0)
state = tx.init(p)
for g in (0.5, 0.5, 0.5):
    update, state = tx.update(jnp.array(g), state, p)
    print(f"{float(update):.3f}", end=" ")
""",
        "The first update is 0 for a gradient that is not. PyTorch's Rprop moves by "
        "-0.100, -0.120 and -0.144.",
    ),
    Defect(
        "optax",
        "`optax.adan` weighs the gradients' difference otherwise",
        """\
import jax, jax.numpy as jnp, optax
tx, p = optax.adan(0.1, weight_decay=0.0), jnp.array(1.0)
state = tx.init(p)
for g in (0.5, -1.0):
    update, state = tx.update(jnp.array(g), state, p)
    p = p + update
    print(f"{float(p):.5f}", end=" ")
""",
        "timm and pytorch_optimizer agree on 0.90000 and 0.95664.",
    ),
    Defect(
        "optax",
        "`optax.contrib.schedule_free` counts its steps from 1",
        """\
import jax.numpy as jnp, optax
seen = []
rate = lambda count: seen.append(int(count)) or 0.1
tx, p = optax.contrib.schedule_free(optax.sgd(0.1), rate), jnp.array(1.0)
state = tx.init(p)
for _ in range(2):
    update, state = tx.update(jnp.array(1.0), state, p)
print(seen)
""",
        "Other transformations ask a schedule for steps 0 and 1.",
    ),
    Defect(
        "keras",
        "`keras.optimizers.ScheduleFreeAdamW` depends on the backend",
        """\
import os, sys
os.environ["KERAS_BACKEND"] = sys.argv[1] if len(sys.argv) > 1 else "torch"
import keras, numpy as np
v = keras.Variable(np.ones(1, "float32"))
optimizer = keras.optimizers.ScheduleFreeAdamW(0.1)
optimizer.build([v])
for g in (0.5, -1.0, 2.0):
    optimizer.apply([keras.ops.convert_to_tensor(np.array([g], "float32"))], [v])
    print(f"{float(keras.ops.convert_to_numpy(v)[0]):.4f}", end=" ")
""",
        "With the backend `jax`, as the authors' program, the last two are 0.9696 and "
        "0.9281.",
    ),
    Defect(
        "pytorch_optimizer",
        "`pytorch_optimizer.ADOPT` clips its first move one step late",
        """\
import torch, pytorch_optimizer
p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
optimizer = pytorch_optimizer.ADOPT([p], lr=0.01)
for g in (0.5, -1.0):
    p.grad = torch.tensor([g], dtype=torch.float64)
    optimizer.step()
print(f"{p.item():.7f}")
""",
        "The first move is clipped at 1^(1/4), 0.0010000 in timm and optax; here it is "
        "2^(1/4) = 1.189 times that.",
    ),
]


def printed(code: str, *arguments: str) -> str:
    """What a program prints."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


if __name__ == "__main__":
    rows = [
        {
            "title": defect.title,
            "library": defect.package,
            "version": version(defect.package),
            "code": defect.code,
            "printed": printed(defect.code),
            "remark": defect.remark,
        }
        for defect in DEFECTS
    ]
    write("defects/defects", rows)
    for row in rows:
        print(row["title"], row["printed"], sep="\n    ")
