"""The loop: ask a proposer, evaluate, tell it, record."""

from thalweg.study.ask_tell import Journal, Study, Suggestion, Trial

__all__ = ["Journal", "Study", "Suggestion", "Trial"]
