"""Benchmarks of search algorithms: tables of trainings, functions, their searches."""

from thalweg.benchmarks.base import AbstractBenchmark, Measurement
from thalweg.benchmarks.fcnet import FCNet
from thalweg.benchmarks.functions import FUNCTIONS, Function, noisy
from thalweg.benchmarks.hpobench import HPOBench
from thalweg.benchmarks.nasbench101 import NASBench101
from thalweg.benchmarks.nasbench201 import NASBench201
from thalweg.benchmarks.nasbench_macro import NASBenchMacro
from thalweg.benchmarks.simulate import Curve, simulate
from thalweg.benchmarks.table import AbstractTable, Table

__all__ = [
    "FUNCTIONS",
    "AbstractBenchmark",
    "AbstractTable",
    "Curve",
    "FCNet",
    "Function",
    "HPOBench",
    "Measurement",
    "NASBench101",
    "NASBench201",
    "NASBenchMacro",
    "Table",
    "noisy",
    "simulate",
]
