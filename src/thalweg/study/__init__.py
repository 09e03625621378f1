"""The loop: ask a proposer, train, evaluate, tell it, record.

`search` drives the population trainer; `Study` asks and tells for any objective.
"""

from thalweg.study.ask_tell import Study, Suggestion
from thalweg.study.journal import Journal
from thalweg.study.loop import Search
from thalweg.study.members import Trial
from thalweg.study.result import Result, search

__all__ = ["Journal", "Result", "Search", "Study", "Suggestion", "Trial", "search"]
