"""Engines that all tests here share: each compiles its program once."""

import pytest
from tiny_members import ROUND, lent, task

from thalweg.training import Engine


@pytest.fixture(scope="session")
def tiny_task():
    return task()


@pytest.fixture(scope="session")
def shared_both(tiny_task):
    return Engine(tiny_task, steps=ROUND, devices=2)


@pytest.fixture(scope="session")
def shared_single(tiny_task):
    return Engine(tiny_task, steps=ROUND, devices=1)


@pytest.fixture
def both(shared_both):
    """Members on two devices."""
    return lent(shared_both)


@pytest.fixture
def single(shared_single):
    """Members on one device."""
    return lent(shared_single)
