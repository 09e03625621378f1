"""Networks with choices are searched together with the recipe of their training."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

import thalweg as tw
from thalweg.architectures import LayerChoice, Repeat, Searchable
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.networks.layers import Activate, Conv, Dense, Identity, MaxPool, Sequential

TREE = Sequential(
    [
        Conv(4, size=3, stride=2),
        LayerChoice({"conv": Conv(4, size=3), "skip": Identity()}, label="op"),
        Activate("relu"),
        Repeat(Conv(4, size=1), (0, 1), label="depth"),
    ]
)
RECIPE = tw.Space(
    {
        "learning_rate": tw.Float(1e-3, 1e-1, log=True),
        "optimizer": tw.Choice(["adam", "sgd"]),
    }
)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return tw.Problem.of(X[:300].reshape(-1, 8, 8), y[:300], seed=0)


def test_architecture_and_recipe_are_one_space_and_one_program(digits):
    result = tw.search(
        digits, RECIPE, network=TREE, proposer="random", trials=8, epochs=2
    )
    found = result.trials
    assert len(found) == 8
    assert {"op", "depth", "learning_rate", "optimizer"} == set(found[0].config)
    assert len({(t.config["op"], t.config["depth"]) for t in found}) > 2
    assert result.search.engine.tally.programs == 1


def test_names_that_are_both_are_refused(digits):
    space = tw.Space({"op": tw.Float(0, 1)})
    with pytest.raises(InvalidInput, match="'op' are both"):
        tw.search(digits, space, network=TREE, trials=1)


def test_a_networks_own_settings_are_not_the_recipes(digits):
    space = tw.Space({"width": tw.Choice([8, 16])})
    with pytest.raises(UnknownName, match="width"):
        tw.search(digits, space, network=TREE, trials=1)


def test_shapes_that_differ_are_programs_of_their_own(digits):
    tree = Sequential(
        [MaxPool(4), Dense(tw.Choice([2, 3])), LayerChoice([Dense(2), Dense(3)])]
    )
    how = Searchable(tree, digits.inputs, digits.outputs)
    assert not how.as_data
    with pytest.raises(InvalidInput, match="outputs of one shape"):
        Searchable(tree, digits.inputs, digits.outputs, how="data")
    assert Searchable(TREE, digits.inputs, digits.outputs).as_data


def test_a_plain_network_has_its_recipe_searched(digits):
    def init(key):
        return {"w": jax.random.normal(key, (64, 10)) * 0.01}

    def apply(params, x):
        return (x.reshape(len(x), -1) / 16) @ params["w"]

    result = tw.search(
        digits, RECIPE, network=(init, apply), proposer="random", trials=2, epochs=1
    )
    assert np.isfinite([t.loss for t in result.trials]).all()


def test_accuracy_against_size(digits):
    result = tw.search(
        digits,
        RECIPE,
        network=TREE,
        objectives=["loss", "parameters", "flops"],
        proposer="nsga2",
        trials=8,
        epochs=2,
    )
    sizes = {(t.config["op"], t.config["depth"]): t.costs for t in result.trials}
    convolution, one_by_one = 4 * (9 * 4 + 1), 4 * (4 + 1)
    for (op, depth), costs in sizes.items():
        more = convolution * (op == "conv") + one_by_one * depth
        assert costs["parameters"] == 4 * (9 + 1) + 10 * (4 + 1) + more
        assert costs["flops"] > 2 * 16 * 4 * 9
    front = result.front
    assert [t.loss for t in front] == sorted(t.loss for t in front)
    for one in front:
        beaten = [
            all(a <= b for a, b in zip(t.losses, one.losses, strict=True))
            and t.losses != one.losses
            for t in result.trials
        ]
        assert not any(beaten)
    assert {"parameters", "flops"} <= set(result.to_dataframe().columns)


@pytest.mark.parametrize(
    ("objectives", "proposer", "sentence"),
    [
        (["loss", "size"], "random", "size"),
        (["parameters"], "random", "begins with"),
        ("loss", "random", "begins with"),
        (["loss", "parameters"], "turbo", "takes 1 objective"),
    ],
)
def test_objectives_that_cannot_be_are_refused(digits, objectives, proposer, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        tw.search(
            digits,
            RECIPE,
            network=TREE,
            objectives=objectives,
            proposer=proposer,
            trials=1,
        )


def test_latency_is_measured_once_per_network(digits):
    result = tw.search(
        digits,
        RECIPE,
        network=TREE,
        objectives=["loss", "latency"],
        proposer="random",
        trials=4,
        epochs=1,
    )
    found = {}
    for trial in result.trials:
        network = (trial.config["op"], trial.config["depth"])
        assert found.setdefault(network, trial.costs["latency"]) > 0
        assert found[network] == trial.costs["latency"]
