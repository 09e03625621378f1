"""Kill a search ten times at random moments; is its answer that of an unbroken one?

    python benchmarks/kill_resume.py [--kills 10] [--trials 96]

Both searches have the same table, seed and number of trials. What is compared, bit by
bit: every trial's configuration, score, loss, steps and status.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sklearn.datasets import load_wine

# what a clock decides, and may differ
TIMES = ("started", "finished", "train_seconds", "compile_seconds", "round", "weights")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--trials", type=int, default=96)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds to a kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "wine.csv"
        load_wine(as_frame=True).frame.to_csv(table, index=False)
        fit = ["fit", table, "--target", "target", "--trials", arguments.trials]
        fit += ["--preset", "fast"]  # rounds of seconds, so that kills fall among them
        _thalweg(*fit, "--out", folder / "whole", "--quiet")
        moments = random.Random(arguments.seed)
        lost = kills = 0
        seen: dict[int, Any] = {}
        command = [*fit, "--out", folder / "killed", "--quiet"]
        for _ in range(arguments.kills):
            killed = _killed(command, moments.uniform(1.0, arguments.longest))
            kills += killed
            now = _trials(folder / "killed")
            lost += sum(now.get(k) != row for k, row in seen.items())
            print(f"kill {kills}: {len(now)} trials recorded", flush=True)
            seen = now
            if (folder / "killed" / "settings.json").exists():
                command = ["resume", folder / "killed", "--quiet"]
        _thalweg(*command)
        whole, resumed = _trials(folder / "whole"), _trials(folder / "killed")
        verdict = "equal" if whole == resumed else "DIFFERENT"
        print(
            f"\n{kills} kills, {lost} finished trials lost; leaderboards of "
            f"{len(whole)} and {len(resumed)} trials are {verdict}."
        )
        sys.exit(0 if whole == resumed and not lost else 1)


def _command(*arguments: Any) -> list[str]:
    code = "from thalweg.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def _thalweg(*arguments: Any) -> str:
    ended = subprocess.run(
        _command(*arguments), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"thalweg {arguments[0]} failed:\n{ended.stderr}")
    return ended.stdout


def _killed(arguments: list[Any], seconds: float) -> bool:
    """Whether the process was still running when it was killed."""
    process = subprocess.Popen(
        _command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


def _trials(run: Path) -> dict[int, Any]:
    """What is recorded, without what a clock decides."""
    if not (run / "settings.json").exists():
        return {}
    rows = json.loads(_thalweg("show", run, "--json"))["trials"]
    return {
        row["number"]: {k: v for k, v in row.items() if k not in TIMES} for row in rows
    }


if __name__ == "__main__":
    main()
