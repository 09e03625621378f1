"""The trainer: populations of networks in one compiled program."""

from thalweg.training.assembly import Assembler
from thalweg.training.bench import Finished, Job
from thalweg.training.by_hand import History, Model, train
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.dataset import Dataset
from thalweg.training.devices import configure
from thalweg.training.engine import Engine, Tally
from thalweg.training.population import Task
from thalweg.training.rate_curve import RangeTest
from thalweg.training.rate_range import range_test

configure()

__all__ = [
    "Assembler",
    "Candidate",
    "Dataset",
    "Engine",
    "Finished",
    "History",
    "Job",
    "Model",
    "RangeTest",
    "Stop",
    "Tally",
    "Task",
    "configure",
    "range_test",
    "train",
]
