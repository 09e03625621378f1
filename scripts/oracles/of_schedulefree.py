"""The authors' program of the schedule-free methods."""

from importlib.metadata import version

from schedulefree import AdamWScheduleFree, SGDScheduleFree

from oracles.cases import Case, call
from oracles.torch_steps import run

__all__ = ["CASES", "VERSION", "run"]

VERSION = version("schedulefree")
CASES = [
    Case(call(SGDScheduleFree), "ScheduleFreeSGD(rate)"),
    Case(
        call(SGDScheduleFree, momentum=0.8, weight_decay=0.1, r=0.5),
        "ScheduleFreeSGD(rate, b1=0.8, weight_decay=0.1, r=0.5)",
    ),
    Case(call(AdamWScheduleFree), "ScheduleFreeAdamW(rate)"),
    Case(
        call(SGDScheduleFree, warmup_steps=20),
        "ScheduleFreeSGD(Warmup(rate, 20, warmup=1))",
        falls=False,
    ),
    Case(
        call(AdamWScheduleFree, warmup_steps=20),
        "ScheduleFreeAdamW(Warmup(rate, 20, warmup=1))",
        falls=False,
    ),
    Case(
        call(AdamWScheduleFree, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, r=2.0),
        "ScheduleFreeAdamW(rate, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.1, r=2.0)",
    ),
]
