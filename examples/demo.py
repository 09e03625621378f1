"""The main job on a real table, about a minute: `make demo`.

Writes a table that ships with scikit-learn to a new folder below `runs/`, and runs the
command line on it: search, predict rows that the search never saw, write the report.

    python examples/demo.py [--table digits|breast_cancer|wine|diabetes]
                            [--seconds 50] [--trials N]
"""

import argparse
import itertools
import shlex
import sys
from pathlib import Path

TABLES = {  # the target's name
    "digits": "digit",
    "breast_cancer": "diagnosis",
    "wine": "cultivar",
    "diabetes": "progression",
}


def main() -> None:
    """Run the demo; ends with a status that is not 0 if a command does."""
    options = _options()
    folder = _new_folder(Path("runs"))
    target = TABLES[options.table]
    train, new, truth = _write_tables(options.table, target, folder)
    limits = ["--time-limit", f"{options.seconds:g}"]
    if options.trials is not None:
        limits = ["--trials", str(options.trials)]

    run = folder / "run"
    thalweg("fit", train, "--target", target, *limits, "--out", run)
    predictions = folder / "predictions.csv"
    proba = ["--proba"] if options.table != "diabetes" else []
    thalweg("predict", run, new, "--out", predictions, *proba)
    print(_how_good(predictions, target, truth))
    page = folder / "report.html"
    thalweg("report", run, "--out", page)
    print(f"\nOpen {page.resolve().as_uri()} in a browser.", end=" ")
    print(f"The leaderboard in the terminal: thalweg show {run}")


def thalweg(*arguments: object) -> None:
    """Run a command as if it were typed."""
    from thalweg.cli import main

    words = [str(argument) for argument in arguments]
    print(f"\n$ thalweg {shlex.join(words)}", flush=True)
    before, sys.argv = sys.argv, ["thalweg", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.argv = before


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", choices=TABLES, default="digits")
    parser.add_argument("--seconds", type=float, default=50, help="for the search")
    parser.add_argument("--trials", type=int, help="a trial budget instead")
    return parser.parse_args()


def _new_folder(parent: Path) -> Path:
    """`demo-1`, or the first number that nobody has taken."""
    for number in itertools.count(1):
        folder = parent / f"demo-{number}"
        if not folder.exists():
            folder.mkdir(parents=True)
            return folder
    raise AssertionError


def _write_tables(name: str, target: str, folder: Path):
    """Rows to learn from, and new rows; the true targets of those stay here."""
    import sklearn.datasets
    from sklearn.model_selection import train_test_split

    data = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    frame = data.frame.rename(columns={"target": target})
    if name != "diabetes":
        frame[target] = data.target_names[frame[target]]
    train, new = train_test_split(frame, test_size=0.25, random_state=0)
    paths = folder / "train.csv", folder / "new.csv"
    train.to_csv(paths[0], index=False)
    new.drop(columns=target).to_csv(paths[1], index=False)
    print(f"{len(train):,} rows of {name} to learn from: {paths[0]}")
    print(f"{len(new):,} rows that the search never sees: {paths[1]}")
    return *paths, new[target].to_numpy()


def _how_good(predictions: Path, target: str, truth) -> str:
    """The score on the new rows."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(predictions)
    if truth.dtype.kind == "f":
        error = np.sqrt(np.mean((frame[target] - truth) ** 2))
        return f"On the new rows: rmse {error:.4g}"
    columns = [f"{target}={label}" for label in truth]
    chosen = frame.to_numpy()[np.arange(len(frame)), frame.columns.get_indexer(columns)]
    loss = -np.mean(np.log(np.clip(chosen.astype(float), 1e-15, 1)))
    right = np.mean(frame[target].astype(str) == truth.astype(str))
    return f"On the new rows: log loss {loss:.4g}, accuracy {right:.1%}"


if __name__ == "__main__":
    main()
