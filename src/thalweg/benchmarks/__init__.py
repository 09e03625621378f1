"""Benchmarks of search algorithms: tables of trainings, functions, their searches."""

from thalweg.benchmarks.base import AbstractBenchmark, Measurement
from thalweg.benchmarks.functions import FUNCTIONS, Function, noisy
from thalweg.benchmarks.nasbench201 import NASBench201
from thalweg.benchmarks.simulate import Curve, simulate
from thalweg.benchmarks.table import AbstractTable, Table

__all__ = [
    "FUNCTIONS",
    "AbstractBenchmark",
    "AbstractTable",
    "Curve",
    "Function",
    "Measurement",
    "NASBench201",
    "Table",
    "noisy",
    "simulate",
]
