"""What `import thalweg` costs beside `import jax`, and `thalweg --help`.

    python benchmarks/import_time.py

Fresh processes in turn, after one uncounted round that fills the disk's caches.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tomllib
from pathlib import Path

from pinned import machine, run

ADDED_LIMIT = 0.5  # seconds that `import thalweg` may add to `import jax`
HELP_LIMIT = 1.0  # seconds for `thalweg --help`
DEPENDENCY_LIMIT = 15  # direct dependencies of the base install

HEAVY = ("sklearn", "pandas", "plotly", "pyarrow", "sqlalchemy", "scipy", "matplotlib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import jax": [python, "-c", "import jax"],
        "import jax, thalweg": [python, "-c", "import jax, thalweg"],
        "import thalweg": [python, "-c", "import thalweg"],
        "thalweg --help": [str(Path(python).parent / "thalweg"), "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(arguments.repeats + 1):
        for name, command in commands.items():
            finished = run(command, cores=(0, 1), threads=2)
            if finished.returncode != 0:
                raise SystemExit(f"`{name}` failed:\n{finished.errors[-2000:]}")
            if round_number:
                times[name].append(finished.wall_seconds)
    print(_table(times))
    print(_loaded(python))


def _table(times: dict[str, list[float]]) -> str:
    medians = {name: statistics.median(values) for name, values in times.items()}
    added = medians["import jax, thalweg"] - medians["import jax"]
    help_seconds = medians["thalweg --help"]
    dependencies = _dependencies()
    lines = [
        f"{machine()}; medians (lowest to highest) of "
        f"{len(times['import jax'])} fresh processes in turn.",
        "",
        "| command | seconds |",
        "| --- | --- |",
    ]
    for name, values in times.items():
        spread = f"({min(values):.3f} to {max(values):.3f})"
        lines.append(f"| `{name}` | {medians[name]:.3f} {spread} |")
    lines += [
        "",
        f"* `import thalweg` adds {added:.3f} s to `import jax`: "
        f"{_verdict(added <= ADDED_LIMIT)} {ADDED_LIMIT} s.",
        f"* `thalweg --help` takes {help_seconds:.3f} s: "
        f"{_verdict(help_seconds <= HELP_LIMIT)} {HELP_LIMIT} s.",
        f"* {len(dependencies)} direct dependencies: "
        f"{_verdict(len(dependencies) <= DEPENDENCY_LIMIT)} {DEPENDENCY_LIMIT} "
        f"({', '.join(dependencies)}).",
    ]
    return "\n".join(lines)


def _verdict(kept: bool) -> str:
    return "within" if kept else "OVER"


def _dependencies() -> list[str]:
    path = Path(__file__).resolve().parents[1] / "pyproject.toml"
    project = tomllib.loads(path.read_text())["project"]
    names = [re.match(r"[\w.-]+", line) for line in project["dependencies"]]
    return [name.group() for name in names if name]


def _loaded(python: str) -> str:
    code = f"import thalweg, sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    found = run([python, "-c", code], cores=(0, 1), threads=2).output.split()
    return (
        f"* Heavy packages that `import thalweg` loads: {', '.join(found) or 'none'}."
    )


if __name__ == "__main__":
    main()
