"""NAS-Bench-101: its official file read without TensorFlow, and asked as its users do.

from thalweg.benchmarks import nasbench101 as api
nasbench = api.NASBench("nasbench_full.tfrecord")
nasbench.query(api.ModelSpec(matrix=..., ops=...), epochs=108)
"""

from thalweg.benchmarks.nasbench101.benchmark import NASBench, NASBench101
from thalweg.benchmarks.nasbench101.columns import Columns, convert
from thalweg.cells import ModelSpec

__all__ = ["Columns", "ModelSpec", "NASBench", "NASBench101", "convert"]
