"""Benchmarks of search algorithms: tables of trainings, and searches on them."""

from thalweg.benchmarks.base import AbstractBenchmark, Measurement
from thalweg.benchmarks.nasbench201 import NASBench201
from thalweg.benchmarks.simulate import Curve, simulate
from thalweg.benchmarks.table import AbstractTable, Table

__all__ = [
    "AbstractBenchmark",
    "AbstractTable",
    "Curve",
    "Measurement",
    "NASBench201",
    "Table",
    "simulate",
]
