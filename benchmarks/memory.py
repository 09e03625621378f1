"""Peak memory of a large population: 1,000 members of a 256-256-256 MLP, 50,000 rows.

    python benchmarks/memory.py

A member has 0.14 million weights: a thousand with Adam's moments, gradients and a best
snapshot are 2.8 GB at once, before any copy; waves keep the process under 4 GiB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from pinned import machine, peak_rss_mib, run

LIMIT_MIB = 4096
HIDDEN = (256, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="of each member")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(_measure(arguments)))
        return
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--worker"]
    finished = run(command, cores=(0, 1), threads=2)
    if finished.returncode != 0:
        raise SystemExit(f"The population failed:\n{finished.errors[-2000:]}")
    record = json.loads(finished.output.splitlines()[-1])
    verdict = "within" if record["peak_mib"] <= LIMIT_MIB else "OVER"
    print(
        f"{machine()}\n\n{arguments.members} members of {HIDDEN} on {arguments.rows} "
        f"rows x {arguments.features} columns, {arguments.steps} steps each: peak "
        f"{record['peak_mib']:.0f} MiB ({record['before_mib']:.0f} MiB before the "
        f"search), {verdict} {LIMIT_MIB} MiB, in {record['seconds']:.0f} s."
    )


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    import numpy as np  # the parent stays small

    random = np.random.default_rng(0)
    X = random.standard_normal((arguments.rows, arguments.features), dtype=np.float32)
    y = (X[:, :4].sum(axis=1) + random.standard_normal(len(X)) > 0).astype(np.int64)
    import thalweg  # noqa: F401  its own memory belongs to `before`

    before, began = peak_rss_mib(), time.monotonic()
    ours(X, y, members=arguments.members, steps=arguments.steps)
    return {
        "before_mib": before,
        "peak_mib": peak_rss_mib(),
        "seconds": time.monotonic() - began,
    }


def ours(X: object, y: object, *, members: int, steps: int) -> None:
    """To be adjusted to the public interface: a random search of `members` trials."""
    import thalweg as tw

    batch = 128
    tw.search(
        tw.Problem.of(X, y),
        tw.Space(
            {
                "learning_rate": tw.Float(1e-4, 1e-2, log=True),
                "width": tw.Ordinal([HIDDEN[0], 2 * HIDDEN[0]]),
                "depth": tw.Constant(len(HIDDEN)),
            }
        ).restrict(width=[HIDDEN[0]]),
        proposer="random",
        trials=members,
        epochs=steps * batch / (0.8 * len(y)),
        batch_size=batch,
        batch=members,
        judge_every=steps,
    )


if __name__ == "__main__":
    main()
