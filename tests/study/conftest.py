"""One compiled engine for all searches here."""

import pytest
from tiny_search import ROUND, problem

from thalweg.training import Engine


@pytest.fixture(scope="session")
def engine():
    return Engine(problem().training_task(), steps=ROUND)
