"""The arena of searches: 7 tables of architectures, 6 of recipes, 9 functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thalweg.benchmarks import (
    AbstractBenchmark,
    FCNet,
    HPOBench,
    NASBench201,
    NASBenchMacro,
    functions,
    noisy,
)


@dataclass(frozen=True)
class Task:
    """A benchmark, and how long a search on it is."""

    name: str
    group: str  # "nas", "hpo" or "functions"
    benchmark: AbstractBenchmark
    evaluations: int  # that are judged
    noise: bool = False


def tasks(groups: list[str] | None = None, data: str | None = None) -> list[Task]:
    """The tasks of some groups, or all; tables come from `data` or $THALWEG_DATA."""
    makers = {"nas": _nas, "hpo": _hpo, "functions": _functions}
    chosen = makers if groups is None else {g: makers[g] for g in groups}
    return [task for make in chosen.values() for task in make(data)]


def _nas(data: str | None) -> Iterator[Task]:
    for dataset in ("cifar10", "cifar100", "ImageNet16_120"):
        for metric in ("validation", "test"):
            bench = NASBench201(dataset, metric=metric, path=data)
            yield Task(f"nasbench201 {dataset} {metric}", "nas", bench, 100)
    yield Task("nasbench_macro", "nas", NASBenchMacro(path=data), 100)


def _hpo(data: str | None) -> Iterator[Task]:
    for key, name in (
        ("protein", "protein_structure"),
        ("slice", "slice_localization"),
    ):
        yield Task(f"fcnet_{name}", "hpo", FCNet(key, path=data), 200)
    for name in ("australian", "blood_transfusion", "kc1", "segment"):
        yield Task(f"hpobench_nn_{name}", "hpo", HPOBench(name, path=data), 200)


def _functions(data: str | None) -> Iterator[Task]:
    del data
    wide = (-5, 10)  # so that the optimum is not in the middle
    chosen = [
        functions.branin(),
        functions.hartmann3(),
        functions.hartmann6(),
        functions.rosenbrock(5),
        functions.ackley(10, bounds=wide),
        functions.levy(8, bounds=wide),
        functions.mixed_ackley(10, 3),
        functions.recipe(),
    ]
    for bench in chosen:
        yield Task(bench.name, "functions", bench, 200)
    bench = noisy(functions.hartmann6(), 0.25)
    yield Task(bench.name, "functions", bench, 200, noise=True)
