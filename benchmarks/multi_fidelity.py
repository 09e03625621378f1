"""What proposers of several budgets find in a fifth of random search's time.

    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl
    python benchmarks/multi_fidelity.py --results multi_fidelity.jsonl --summary

For each table and seed, random search trains in full for `--seconds`. Every other
proposer then searches the same space, on the same splits but from draws of its own, for
`--part` of that time, and names one trial. Two scores of it are compared with random
search's, as ratios, since splits differ. The lowest loss seen, which among many noisy
trainings is luck in part; and what the pick is worth: the mean loss of `RETRAINED` more
trainings of its configuration with other seeds, as long as it was trained. (In
brackets: for how many seeds a score is at least as good.) With `--finalists` all of
them spend up to a quarter of their time on training their best again before they name
one.

`--space mlp` (the default) is what people search in a minute with networks of the usual
size: an MLP of one to four layers of 128, since every width is a program of its own,
and its recipe, 60 epochs, a hold-out fifth. `widths` has the widths 64, 128 and 256; a
minute on a core holds some 30 to 70 full trainings. `small` has one to three layers of
64 and a recipe of six parameters: some hundred full trainings. `automl` is the
space, recipe and folds of `TabularClassifier`: some five. No search begins with given
configurations, unless `--portfolio` lets all of them begin with those that
`TabularClassifier` begins with; no ensembles are made. The clock runs from the first
ask to the moment when the trial's last network was read, compiling included; reading
and preparing the table, the same for all, are not. Before anything is measured each
table's programs are compiled once into the cache on disk that all processes share.

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
from collections.abc import Sequence
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
METHODS = ("mobster",)
EPOCHS, BATCH = 60, 128  # of a full training in the plain space
OTHER = 1000  # added to the seeds of those that are held against random search
RETRAINED = 8  # trainings whose mean loss is what a pick is worth
AGAIN = 10**6  # numbers, and so seeds, of those
SLACK = 600  # seconds beyond the limit before a process is killed


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(*json.loads(arguments.worker))))
        return
    if not arguments.summary:
        _run_all(arguments)
    print(summary(_read(arguments.results)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of a search")
    parser.add_argument("--cores", type=int, nargs="+", default=[0])
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--space", choices=tuple(SPACES), default="mlp")
    parser.add_argument("--part", type=float, default=0.2, help="of it, but for random")
    parser.add_argument(
        "--finalists", type=int, default=0, help="best trials that are trained again"
    )
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
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
        _measured(arguments, table, "warm", 0)
        for seed in arguments.seeds:
            for method in ("random", *arguments.methods):
                _measured(arguments, table, method, seed)


def _measured(
    arguments: argparse.Namespace, table: str, method: str, seed: int
) -> None:
    """One search in a new process, unless its result is in the file."""
    for record in _read(arguments.results):
        if (record["table"], record["method"], record["seed"]) == (table, method, seed):
            return
    job = json.dumps([table, method, seed, vars(arguments) | {"results": ""}])
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


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _measure(
    table: str, method: str, seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """One search: what it found, and when."""
    if settings["clock"] == "cpu":
        time.monotonic = time.process_time
    from thalweg.training.devices import configure

    configure()
    import jax.random as jr

    from thalweg.proposers import starting_from
    from thalweg.spaces.presets import portfolio
    from thalweg.study import Search
    from thalweg.training import Engine

    seconds = settings["seconds"] * (1.0 if method == "random" else settings["part"])
    problem, space, recipe, steps = SPACES[settings["space"]](table, seed, seconds)
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
    if method != "random":  # what that drew first must not be what is tried
        search.key = jr.key(OTHER + seed)
        search.state = proposer.init(search.space, key=search.key)
    search.run(deadline=begin + seconds, finalists=settings["finalists"])
    found = {
        "table": table,
        "method": method,
        "seed": seed,
        "loss": search.leaderboard[0].loss,
        "curve": [(trial.finished, trial.loss) for trial in best.trials],
        "elapsed": time.monotonic() - begin,
        "cpu": time.process_time() - cpu,
        "steps": engine.tally.steps,
        "trials": len(search.trials),
        "full": sum(trial.budget == 1 for trial in search.trials.values()),
        "compile": engine.tally.compile_seconds,
        "propose": search.clock.propose,
    }
    found["retrained"], found["error"] = _worth(search)
    return found


def _worth(search: Any) -> tuple[float, float]:
    """Of the search's pick: the mean loss, and its error, when it is trained again."""
    from thalweg.study import Result
    from thalweg.study.members import conclude, jobs

    pick, problem = Result(search.problem, search).best, search.problem
    recipe = search.recipe(pick.config, budget=pick.budget)
    numbers = range(AGAIN, AGAIN + RETRAINED)
    ended = search.engine.train(
        [job for number in numbers for job in jobs(problem, recipe, trial=number)]
    )
    losses = [
        conclude(
            problem,
            pick.config,
            [end for end in ended if end.job.trial == number],
            number=number,
            budget=pick.budget,
            parent=None,
        ).loss  # NaN, worse than all, if it diverged
        for number in numbers
    ]
    return float(np.mean(losses)), float(np.std(losses, ddof=1) / RETRAINED**0.5)


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


def _small(table: str, seed: int, seconds: float) -> tuple[Any, Any, Any, int]:
    """Recipes of an MLP of one to three layers of 64."""
    import thalweg as tw

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
    return _held_out(table, seed, space)


def _mlp(
    table: str, seed: int, seconds: float, widths: Sequence[int] = (128,)
) -> tuple[Any, Any, Any, int]:
    """MLPs of the sizes that people use, and their recipes."""
    import thalweg as tw

    parameters = {
        "width": tw.Ordinal(widths) if len(widths) > 1 else tw.Constant(*widths),
        "depth": tw.Int(1, 4),
        "activation": tw.Choice(["relu", "silu"]),
        "dropout": tw.Float(0.0, 0.5),
        "optimizer": tw.Choice(["momentum", "adamw"]),
        "schedule": tw.Choice(["constant", "cosine"]),
        "learning_rate": tw.Float(1e-4, 1e-1, log=True),
        "momentum": tw.Float(0.5, 0.99).when("optimizer", ["momentum"]),
        "weight_decay": tw.Float(1e-5, 1e-1, log=True),
    }
    if load(table, seed=seed).is_classification:
        parameters["label_smoothing"] = tw.Float(0.0, 0.2)
    return _held_out(table, seed, tw.Space(parameters))


def _widths(table: str, seed: int, seconds: float) -> tuple[Any, Any, Any, int]:
    """The same of three widths, each of which needs a program of its own."""
    return _mlp(table, seed, seconds, (64, 128, 256))


def _held_out(table: str, seed: int, space: Any) -> tuple[Any, Any, Any, int]:
    """Standardised columns and numbers, a fifth held out, `EPOCHS` epochs."""
    import thalweg as tw
    from thalweg.training import Assembler

    split = load(table, seed=seed)
    X, y = np.asarray(split.X_train, float), split.y_train
    X = (X - X.mean(0)) / np.maximum(X.std(0), 1e-9)
    if not split.is_classification:
        y = (y - y.mean()) / y.std()
    problem = tw.Problem.of(X, y, validation=0.2, seed=seed)
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


SPACES = {"mlp": _mlp, "widths": _widths, "small": _small, "automl": _automl}


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

    def record(self, search: Any, trials: list[Any]) -> None:
        for trial in sorted(trials, key=lambda t: t.finished):
            lowest = self.trials[-1].loss if self.trials else math.inf
            if trial.loss < lowest:
                self.trials.append(trial)


def summary(records: list[dict[str, Any]]) -> str:
    """A row for each table and method: geometric means over the seeds."""
    marks = {(r["table"], r["seed"]): r for r in records if r["method"] == "random"}
    found: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for record in records:
        mark = marks.get((record["table"], record["seed"]))
        if mark is not None and record["method"] not in ("warm", "random"):
            row = found.setdefault((record["table"], record["method"]), [])
            row.append((record, mark))
    heads = (
        "table",
        "method",
        "seeds",
        "trainings of random search",
        "trials (in full)",
        "lowest loss / random's",
        "as low after",
        "worth / random's",
    )
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for (table, method), pairs in found.items():
        cells = (
            table,
            method,
            str(len(pairs)),
            f"{np.mean([mark['trials'] for _, mark in pairs]):.0f}",
            f"{np.mean([own['trials'] for own, _ in pairs]):.0f} "
            f"({np.mean([own['full'] for own, _ in pairs]):.1f})",
            _ratio(pairs, "loss"),
            _crossing(pairs),
            _ratio(pairs, "retrained"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(pairs: list[tuple[Any, Any]], score: str) -> str:
    """The geometric mean ± its standard error, and how often it is at most 1."""
    logs = np.array([math.log(own[score] / mark[score]) for own, mark in pairs])
    mean = math.exp(logs.mean())
    error = mean * logs.std(ddof=1) / math.sqrt(len(logs)) if len(logs) > 1 else 0.0
    text = f"{mean:.3f} ± {error:.3f}"
    return f"{f'**{text}**' if mean <= 1 else text} ({(logs <= 0).sum()})"


def _crossing(pairs: list[tuple[Any, Any]]) -> str:
    """When the mean of the lowest losses seen, over random's, comes down to 1."""
    times = sorted(at for own, _ in pairs for at, _ in own["curve"])
    for moment in times:
        logs = []
        for own, mark in pairs:
            seen = [loss for at, loss in own["curve"] if at <= moment]
            logs.append(math.log(seen[-1] / mark["loss"]) if seen else math.inf)
        if np.mean(logs) <= 0:
            return f"{moment:.1f} s"
    return "missed"


if __name__ == "__main__":
    main()
