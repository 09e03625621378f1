"""Swap conventions of optimizers and searches, one at a time: some test must fail.

    PYTHONPATH=src python scripts/mutate.py            # half an hour on one core
    PYTHONPATH=src python scripts/mutate.py Adam LAMB  # what names one of these

Each mutation of `mutations.py` and `search_mutations.py` is made in a copy of the
source, in a temporary folder. Prints a table; the exit status is 1 if a mutation
survives.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import search_mutations
from mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 600  # seconds for one selection of tests


def mutated(mutation: Mutation, source: Path) -> str:
    """The file's text with the one change."""
    text = (source / "thalweg" / mutation.file).read_text("utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.file}: {mutation.old!r}"
    return text.replace(mutation.old, mutation.new)


def run(mutation: Mutation, source: Path) -> subprocess.CompletedProcess[str]:
    """The selected quick tests on the source in `source`, up to the first failure."""
    command = [sys.executable, "-m", "pytest", mutation.tests, "-x", "--tb=line"]
    command += ["-k", mutation.select, "-rf", "-m", "not slow and not exhaustive"]
    # plugins take as long to import as the tests to run
    extra = {"PYTHONPATH": str(source), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | extra,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def verdict(mutation: Mutation, source: Path) -> str:
    """The test that fails, or SURVIVED."""
    file = source / "thalweg" / mutation.file
    original = file.read_text("utf-8")
    file.write_text(mutated(mutation, source), "utf-8")
    try:
        done = run(mutation, source)
    finally:
        file.write_text(original, "utf-8")
    failed = re.search(r"^FAILED \S*::(.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode == 1 and failed:
        return failed[1]
    return "SURVIVED" if done.returncode == 0 else f"BROKEN: {done.stdout[-300:]}"


def main(wanted: list[str]) -> int:
    """Print the table."""
    known = [*MUTATIONS, *search_mutations.MUTATIONS]
    chosen = [m for m in known if not wanted or any(w in m.what for w in wanted)]
    survived = 0
    print("| mutation | noticed by |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("*.pyc"))
        for mutation in chosen:
            found = verdict(mutation, source)
            survived += found.startswith(("SURVIVED", "BROKEN"))
            print(f"| {mutation.what} | {found} |", flush=True)
    print(f"\n{len(chosen)} mutations, {survived} not noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
