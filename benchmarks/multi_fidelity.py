"""How soon proposers of several budgets reach what random search finds in a minute.

    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl
    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl --summary

For each table and seed, random search trains in full for `--seconds`; the score of its
best trial is the mark. Every other proposer then searches the same space, on the same
splits but from draws of its own, for as long. Two scores are compared. "observed" is
the best loss seen, which among hundreds of noisy trainings is luck in part. "retrained"
is what the best trial is worth: the mean loss of `RETRAINED` more trainings of its
configuration, as far as it was trained, with other seeds; a search has reached the mark
when that of its best trial so far has.

`--space plain` is what somebody with a network of their own would search with
`tw.search`: the recipe of an MLP for 60 epochs, on a hold-out fifth. `--space automl`
is the space, recipe and folds of `TabularClassifier`, of which a minute on a core holds
some five full trainings. No search begins with given configurations, unless
`--portfolio` lets all of them begin with those that `TabularClassifier` begins with; no
ensembles are made. The clock runs from the first ask to the moment when the trial's
last network was read, compiling included; reading and preparing the table, the same for
all, are not. Before anything is measured each table's programs are compiled once into
the cache on disk that all processes share.

Every search is a fresh process bound to `--cores` (one core: one member at a time). Its
result is one line of JSON; what is there is not run again. On a busy machine
`--clock cpu` lets every clock of a search, its limit included, count the processor time
of its process instead.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pinned import machine, run
from tabular_tables import load

TABLES = (
    "phoneme",
    "optdigits",
    "pendigits",
    "waveform5000",
    "house8L",
    "wine_quality_white",
)
METHODS = ("hyperband", "asha", "bohb", "mobster", "freeze_thaw")
EPOCHS, BATCH = 60, 128  # of a full training in the plain space
OTHER = 1000  # added to the seeds of those that are held against random search
RETRAINED = 8  # trainings whose mean loss is what a trial is worth
AGAIN = 10**6  # numbers, and so seeds, of trials that are trained again
SLACK = 120  # seconds beyond the limit before a process is killed


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(*json.loads(arguments.worker))))
        return
    if not arguments.summary:
        _run_all(arguments)
    print(summary(_read(arguments.results), arguments.seconds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of a search")
    parser.add_argument("--cores", type=int, nargs="+", default=[0])
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--space", choices=("plain", "automl"), default="plain")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("multi_fidelity.jsonl"))
    parser.add_argument(
        "--portfolio", action="store_true", help="every search begins with it"
    )
    parser.add_argument("--summary", action="store_true", help="only print the table")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_all(arguments: argparse.Namespace) -> None:
    print(f"# {machine()}; cores {arguments.cores}", file=sys.stderr)
    for table in arguments.tables:
        _fresh(arguments, table, "warm", 0, None)
        for seed in arguments.seeds:
            mark = _fresh(arguments, table, "random", seed, None)
            for method in arguments.methods:
                _fresh(arguments, table, method, seed, mark)


def _fresh(
    arguments: argparse.Namespace, table: str, method: str, seed: int, mark: Any
) -> dict[str, Any]:
    """The result of one search, from the file or from a new process."""
    for record in _read(arguments.results):
        if (record["table"], record["method"], record["seed"]) == (table, method, seed):
            return record
    job = json.dumps([table, method, seed, mark, vars(arguments) | {"results": ""}])
    ended = run(
        [sys.executable, __file__, "--worker", job],
        cores=arguments.cores,
        threads=1,
        kill_after=None if arguments.clock == "cpu" else arguments.seconds + SLACK,
        cpu_limit=arguments.seconds + SLACK,
    )
    if ended.returncode:
        raise SystemExit(f"{table} {method} {seed}:\n{ended.errors}")
    record = json.loads(ended.output.splitlines()[-1])
    with arguments.results.open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(record, file=sys.stderr, flush=True)
    return record


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _measure(
    table: str, method: str, seed: int, mark: Any, settings: dict[str, Any]
) -> dict[str, Any]:
    """One search: when it reached the marks (random search: how far it came)."""
    seconds = settings["seconds"]
    if settings["clock"] == "cpu":
        time.monotonic = time.process_time
    from thalweg.training.devices import configure

    configure()
    import jax.random as jr

    from thalweg.proposers import starting_from
    from thalweg.spaces.presets import portfolio
    from thalweg.study import Search
    from thalweg.training import Engine

    plain = settings["space"] == "plain"
    made = _plain(table, seed) if plain else _automl(table, seed, seconds)
    problem, space, recipe, steps = made
    engine = Engine(problem.training_task(), steps=steps)
    best = _Best()
    if method == "warm":
        return _warm(space, recipe, engine, table)
    proposer = _proposer(method)
    if settings["portfolio"]:
        proposer = starting_from(proposer, portfolio(space))
    begin, cpu = time.monotonic(), time.process_time()
    search = Search(
        problem,
        space,
        recipe,
        proposer,
        engine,
        keep=1,
        recorder=best,
    )
    if mark is not None:  # what random search drew first must not be what is tried
        search.key = jr.key(OTHER + seed)
        search.state = proposer.init(search.space, key=search.key)
    search.run(deadline=begin + seconds)
    spent = {
        "elapsed": time.monotonic() - begin,
        "cpu": time.process_time() - cpu,
        "steps": engine.tally.steps,
        "trials": len(search.trials),
        "compile": engine.tally.compile_seconds,
    }
    worth = _retrained(problem, recipe, engine, best.trials if mark else best.last)
    return {
        "table": table,
        "method": method,
        "seed": seed,
        "loss": best.loss,
        "retrained": worth[-1] if worth else math.nan,
        "reached": _first(best.trials, [t.loss for t in best.trials], mark, "loss"),
        "reached_retrained": _first(best.trials, worth, mark, "retrained"),
        **spent,
    }


def _retrained(
    problem: Any, recipe: Any, engine: Any, trials: list[Any]
) -> list[float]:
    """What trials are worth: the mean loss when they are trained again."""
    from thalweg.study.members import conclude, jobs

    work, of = [], {}
    for row, trial in enumerate(trials):
        for repeat in range(RETRAINED):
            number = AGAIN + row * RETRAINED + repeat
            candidate = recipe(trial.config, budget=trial.budget)
            work += jobs(problem, candidate, trial=number)
            of[number] = (row, trial.config)
    losses: list[list[float]] = [[] for _ in trials]
    ended = engine.train(work)
    for number, (row, config) in of.items():
        own = [end for end in ended if end.job.trial == number]
        again = conclude(problem, config, own, number=number, budget=1.0, parent=None)
        losses[row].append(again.loss)  # NaN, worse than all, if it diverged
    return [float(np.mean(own)) for own in losses]


def _first(
    trials: list[Any], losses: list[float], mark: Any, name: str
) -> float | None:
    """When the best trial so far first had a loss as good as the mark's."""
    if mark is None:
        return None
    pairs = zip(trials, losses, strict=True)
    return next((t.finished for t, loss in pairs if loss <= mark[name]), None)


def _proposer(method: str) -> Any:
    from thalweg.proposers import PROPOSERS

    name, _, sampler = method.partition(" of ")
    name, per_second, _ = name.partition(" per second")
    kind: Any = PROPOSERS[name]
    options = {"sampler": PROPOSERS[sampler]()} if sampler else {}
    return kind(**options, **({"per_second": True} if per_second else {}))


def _automl(table: str, seed: int, seconds: float) -> tuple[Any, Any, Any, int]:
    """What `TabularClassifier` searches: problem, space, recipe, steps of a round."""
    from thalweg.automl.fit import prepare
    from thalweg.automl.settings import Settings
    from thalweg.data import load_table

    split = load(table, seed=seed)
    task = "classification" if split.is_classification else "regression"
    data = load_table(split.X_train, split.y_train, task)
    prepared = prepare(data, Settings(time_limit=seconds, seed=seed))
    plan = prepared.plan
    return prepared.problem, plan.space, prepared.recipe, plan.round_steps


def _plain(table: str, seed: int) -> tuple[Any, Any, Any, int]:
    """An MLP of one to three layers and its recipe, on a hold-out fifth."""
    import thalweg as tw
    from thalweg.training import Assembler

    space = tw.Space(
        {
            "depth": tw.Int(1, 3),
            "activation": tw.Choice(["relu", "tanh", "silu"]),
            "optimizer": tw.Choice(["sgd", "momentum", "adamw"]),
            "learning_rate": tw.Float(1e-4, 1.0, log=True),
            "momentum": tw.Float(0.5, 0.99).when("optimizer", ["momentum"]),
            "dropout": tw.Float(0.0, 0.5),
        }
    )
    split = load(table, seed=seed)
    problem = tw.Problem.of(split.X_train, split.y_train, validation=0.2)
    per_epoch = len(problem.splits.train[0]) / BATCH
    steps = max(1, round(EPOCHS * per_epoch / 27))
    recipe = Assembler(
        space,
        loss=problem.loss,
        batch_size=BATCH,
        steps_per_epoch=per_epoch,
        epochs=EPOCHS,
        round_steps=steps,
        patience=math.inf,
    )
    return problem, space, recipe, steps


def _warm(space: Any, recipe: Any, engine: Any, table: str) -> dict[str, Any]:
    """Compile every program that the space can ask for; train nothing."""
    rng = np.random.default_rng(0)
    for config in space.decode(rng.random((200, space.dim))):
        bench = engine._bench(recipe(config))
        if not bench.ready:
            bench.program.compile(engine.task)
            bench.ready = True
    return {
        "table": table,
        "method": "warm",
        "seed": 0,
        "programs": len(engine._benches),
    }


class _Best:
    """A recorder that keeps every trial that was the best when it ended."""

    def __init__(self) -> None:
        self.trials: list[Any] = []

    @property
    def loss(self) -> float:
        return self.trials[-1].loss if self.trials else math.nan

    @property
    def last(self) -> list[Any]:
        return self.trials[-1:]

    def record(self, search: Any, trials: list[Any]) -> None:
        for trial in sorted(trials, key=lambda t: t.finished):
            if trial.loss < (self.loss if self.trials else math.inf):
                self.trials.append(trial)


def summary(records: list[dict[str, Any]], seconds: float) -> str:
    """The table of each score."""
    names = {"observed": ("loss", "reached")}
    names |= {"retrained": ("retrained", "reached_retrained")}
    return "\n\n".join(
        f"{title}\n\n{_summary(records, seconds, *keys)}"
        for title, keys in names.items()
    )


def _summary(
    records: list[dict[str, Any]], seconds: float, score: str, when: str
) -> str:
    """Parts of the limit until the mark, geometric means over seeds; then over tables.

    A search that missed the mark counts as the whole limit, so that such a mean, marked
    by ≥, is too low.
    """
    methods = list(dict.fromkeys(r["method"] for r in records))
    methods = [m for m in methods if m not in ("warm", "random")]
    lines = [
        "| table | random: score (trials) | " + " | ".join(methods) + " |",
        "| --- " * (2 + len(methods)) + "|",
    ]
    means: Mapping[str, list[float]] = {m: [] for m in methods}
    late: set[str] = set()
    for table in dict.fromkeys(r["table"] for r in records):
        of = [r for r in records if r["table"] == table]
        base = [r for r in of if r["method"] == "random"]
        cells = []
        for method in methods:
            reached = [r[when] for r in of if r["method"] == method]
            parts = [1.0 if t is None else t / seconds for t in reached]
            if not parts:
                cells.append("")
                continue
            mean = float(np.exp(np.mean(np.log(parts))))
            means[method].append(mean)
            missed = reached.count(None)
            late |= {method} if missed else set()
            each = ", ".join(
                "missed" if t is None else f"{part:.2f}"
                for t, part in zip(reached, parts, strict=True)
            )
            cells.append(f"{'≥' if missed else ''}{mean:.2f} ({each})")
        mark = np.median([r[score] for r in base])
        trials = np.median([r["trials"] for r in base])
        lines.append(f"| {table} | {mark:.4g} ({trials:.0f}) | {' | '.join(cells)} |")
    last = [
        f"{'≥' if m in late else ''}{np.exp(np.mean(np.log(means[m]))):.2f}"
        for m in methods
    ]
    lines.append(f"| geometric mean | | {' | '.join(last)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
