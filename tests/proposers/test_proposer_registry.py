"""The table of names is complete."""

import pkgutil

import jax
import pytest

import thalweg.proposers as room
from thalweg.core.errors import UnknownName
from thalweg.proposers import PROPOSERS

SHARED = {
    "archive",
    "base",
    "cohort",
    "distinct",
    "evenly_first",
    "generations",
    "halving",
    "lattice",
    "modelling",
    "modelled",
    "lstm",
    "normal",
    "population",
    "sequence",
    "starting_from",
    "variation",
}


def test_every_file_is_in_the_table():
    files = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert files - SHARED == set(PROPOSERS)


def test_names_are_suggested():
    with pytest.raises(UnknownName, match="Did you mean 'hyperband'"):
        PROPOSERS["hyperbnd"]


def test_every_proposer_says_when_to_choose_it():
    for make in PROPOSERS.values():
        assert make.__doc__
        assert make().init is not None
        assert jax.tree.leaves(make()) is not None
