"""Spaces of other libraries: by doubles of their classes, and by them where present."""

import json
import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Constant, Float, Int, Ordinal, Space


def double(name, **attributes):
    """An object whose class has that name."""
    return type(name, (), attributes)()


def domain(kind, sampler=None, q=None, **attributes):
    """A domain of Ray Tune's."""
    inner = double(sampler or "_Uniform")
    outer = inner if q is None else double("Quantized", sampler=inner, q=q)
    return double(kind, sampler=outer, **attributes)


def optuna_float(low, high, log=False, step=None):
    return double("FloatDistribution", low=low, high=high, log=log, step=step)


def optuna_int(low, high, log=False, step=1):
    return double("IntDistribution", low=low, high=high, log=log, step=step)


def test_optuna_s_distributions():
    space = Space.of(
        {
            "rate": optuna_float(1e-5, 1e-1, log=True),
            "drop": optuna_float(0.0, 0.5, step=0.1),
            "one": optuna_float(2.0, 2.0),
            "depth": optuna_int(1, 4),
            "width": optuna_int(16, 64, step=16),
            "units": optuna_int(1, 512, log=True),
            "act": double("CategoricalDistribution", choices=("relu", None, 3)),
            "own": Choice(["a", "b"]),
        }
    )
    assert dict(space.parameters) == {
        "rate": Float(1e-5, 1e-1, log=True),
        "drop": Float(0.0, 0.5, step=0.1),
        "one": Constant(2.0),
        "depth": Int(1, 4),
        "width": Ordinal([16, 32, 48, 64]),
        "units": Int(1, 512, log=True),
        "act": Choice(["relu", None, 3]),
        "own": Choice(["a", "b"]),
    }
    assert tw.Study({"x": optuna_float(0, 1)}, proposer="random").ask(1)


def test_ray_s_dictionaries():
    space = Space.of(
        {
            "lr": domain("Float", "_LogUniform", lower=1e-4, upper=1e-1),
            "drop": domain("Float", lower=0.1, upper=0.95, q=0.25),
            "log": domain("Float", "_LogUniform", lower=1.0, upper=2.0, q=0.25),
            "layers": domain("Integer", lower=1, upper=5),
            "even": domain("Integer", lower=2, upper=9, q=2),
            "opt": domain("Categorical", categories=["sgd", "adam"]),
            "grid": {"grid_search": [1, 2]},
            "epochs": 10,
            "model": {"width": domain("Integer", lower=8, upper=65), "kind": "mlp"},
        }
    )
    assert dict(space.parameters) == {
        "lr": Float(1e-4, 1e-1, log=True),
        "drop": Float(0.25, 0.75, step=0.25),
        "log": Ordinal([1.0, 1.25, 1.5, 1.75, 2.0]),
        "layers": Int(1, 4),
        "even": Ordinal([2, 4, 6, 8]),
        "opt": Choice(["sgd", "adam"]),
        "grid": Choice([1, 2]),
        "epochs": Constant(10),
        "model/width": Int(8, 64),
        "model/kind": Constant("mlp"),
    }


CONFIGSPACE = {
    "hyperparameters": [
        {"type": "uniform_float", "name": "a", "lower": 1e-4, "upper": 1, "log": True},
        {"type": "uniform_int", "name": "b", "lower": 1, "upper": 5, "log": False},
        {
            "type": "categorical",
            "name": "c",
            "choices": ["x", "y", "z"],
            "weights": None,
        },
        {"type": "ordinal", "name": "o", "sequence": ["s", "m", "l"]},
        {"type": "constant", "name": "k", "value": "v"},
        {"type": "uniform_float", "name": "d", "lower": 0, "upper": 1, "log": False},
        {"type": "uniform_float", "name": "e", "lower": 0, "upper": 1, "log": False},
    ],
    "conditions": [
        {"type": "EQ", "child": "a", "parent": "c", "value": "x"},
        {
            "type": "AND",
            "child": "d",
            "conditions": [
                {"type": "NEQ", "child": "d", "parent": "c", "value": "x"},
                {"type": "GT", "child": "d", "parent": "b", "value": 3},
                {"type": "LT", "child": "d", "parent": "o", "value": "l"},
            ],
        },
        {
            "type": "OR",
            "child": "e",
            "conditions": [
                {"type": "IN", "child": "e", "parent": "c", "values": ["z"]},
                {"type": "EQ", "child": "e", "parent": "c", "value": "x"},
            ],
        },
    ],
    "forbiddens": [],
    "format_version": 0.4,
}


def test_configspace_s_json_with_its_conditions():
    space = Space.of(CONFIGSPACE)
    assert space == Space.of(json.dumps(CONFIGSPACE))
    assert space.parameters["a"] == Float(1e-4, 1, log=True).when("c", ["x"])
    assert space.parameters["d"] == Float(0, 1).when("c", ["y", "z"]).when(
        "b", [4, 5]
    ).when("o", ["s", "m"])
    assert space.parameters["e"] == Float(0, 1).when("c", ["z", "x"])
    assert space.parameters["k"] == Constant("v")


def with_part(**more):
    return {**CONFIGSPACE, **more}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"x": 1}, "must be a Space, or"),
        ([1], "must be a Space, or"),
        ({"f": domain("Function")}, "'f' is a function that draws"),
        (
            {"f": domain("Float", "_Normal", lower=-math.inf, upper=math.inf)},
            "normal distribution.*prior=",
        ),
        ({"f": domain("Float", lower=0.1, upper=0.2, q=1.0)}, "a multiple of 1.0"),
        (
            {"c": double("CategoricalDistribution", choices=(object(), 1))},
            "'c': A listed value must be",
        ),
        (
            with_part(forbiddens=[{"type": "EQUALS", "name": "c", "value": "x"}]),
            "no forbidden combinations, but got 1",
        ),
        (
            with_part(hyperparameters=[{"type": "normal_float", "name": "n"}]),
            "of the kind 'normal_float'",
        ),
        (
            with_part(
                hyperparameters=[
                    {"type": "categorical", "name": "w", "choices": [1, 2],
                     "weights": [1, 3]}
                ]
            ),
            "choice with weights",
        ),
        (
            with_part(
                conditions=[
                    {
                        "type": "OR",
                        "child": "e",
                        "conditions": [
                            {"type": "EQ", "child": "e", "parent": "c", "value": "x"},
                            {"type": "EQ", "child": "e", "parent": "b", "value": 1},
                        ],
                    }
                ]
            ),
            r"different parents \(b, c\)",
        ),
        (
            with_part(
                conditions=[{"type": "GT", "child": "e", "parent": "d", "value": 0.5}]
            ),
            "values can't be listed",
        ),
    ],
)  # fmt: skip
def test_what_has_no_form_here_is_said(source, words):
    with pytest.raises(InvalidInput, match=words):
        Space.of(source)


def test_a_space_is_itself():
    space = Space({"x": Float(0, 1)})
    assert Space.of(space) is space


def test_optuna_itself():
    """Whatever Optuna draws is in the space, and its grids are equally large."""
    optuna = pytest.importorskip("optuna", reason="needs optuna")
    made = optuna.distributions
    source = {
        "a": made.FloatDistribution(1e-5, 1e-1, log=True),
        "b": made.FloatDistribution(0.0, 1.05, step=0.1),
        "c": made.IntDistribution(2, 10, step=3),
        "d": made.IntDistribution(1, 100, log=True),
        "e": made.CategoricalDistribution(["x", 1, None]),
    }
    space = Space.of(source)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(200):
        space.validate(study.ask(source).params)
    assert [space.parameters[n].levels for n in "bce"] == [11, 3, 3]


def test_configspace_itself():
    """Its draws are ours, conditions and all; and our configurations are its."""
    cs = pytest.importorskip("ConfigSpace", reason="needs ConfigSpace")
    theirs = cs.ConfigurationSpace(seed=0)
    b, c = cs.Integer("b", (1, 10)), cs.Categorical("c", ["x", "y", "z"])
    o = cs.Categorical("o", ["s", "m", "l"], ordered=True)
    a, d = cs.Float("a", (1e-4, 1.0), log=True), cs.Float("d", (0, 1))
    e = cs.Integer("e", (1, 64), log=True)
    theirs.add(b, c, o, a, d, e, cs.Constant("k", "v"))
    theirs.add(
        cs.EqualsCondition(a, c, "x"),
        cs.AndConjunction(
            cs.InCondition(d, c, ["x", "y"]), cs.GreaterThanCondition(d, b, 3)
        ),
        cs.OrConjunction(cs.EqualsCondition(e, o, "s"), cs.EqualsCondition(e, o, "l")),
    )  # fmt: skip
    ours = Space.of(theirs)
    for configuration in theirs.sample_configuration(300):
        ours.validate(dict(configuration))
    rows = np.random.default_rng(0).random((300, ours.dim))
    for config in ours.decode(rows):
        cs.Configuration(theirs, values=config).check_valid_configuration()


def test_ray_itself():
    tune = pytest.importorskip("ray.tune", reason="needs ray[tune]")
    source = {
        "a": tune.loguniform(1e-4, 1e-1),
        "b": tune.quniform(0.0, 1.0, 0.25),
        "c": tune.randint(0, 7),
        "d": tune.qrandint(2, 10, 2),
        "e": tune.choice(["x", None]),
        "f": tune.lograndint(1, 100),
    }
    space = Space.of(source)
    for _ in range(200):
        space.validate({name: one.sample() for name, one in source.items()})
    assert [space.parameters[n].levels for n in "bcde"] == [5, 7, 5, 2]


def test_kerastuner_itself():
    kt = pytest.importorskip("keras_tuner", reason="needs keras_tuner")
    hp = kt.HyperParameters()
    hp.Float("lr", 1e-4, 1e-1, sampling="log")
    hp.Int("units", 32, 128, step=32)
    hp.Boolean("norm")
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("depth", 1, 3)
    hp.Int("power", 2, 64, step=2, sampling="log")
    space = Space.of(hp)
    assert space.parameters["units"] == Ordinal([32, 64, 96, 128])
    assert space.parameters["depth"] == Int(1, 3).when("kind", ["a"])
    assert space.parameters["power"] == Ordinal([2, 4, 8, 16, 32, 64])
