"""From configurations to candidates: what is data, and what needs another program."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_members import CLASSES, FEATURES, bits, candidate

from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.core.rng import key_of
from thalweg.networks import MLP, Inputs
from thalweg.optimizers import ClipByGlobalNorm
from thalweg.spaces import Choice, Constant, Float, Int, Ordinal, Space
from thalweg.training import Assembler, Candidate, Stop
from thalweg.training.assembly import DEFAULT_NAMES, NAMED, NUMBERS, SHAPES
from thalweg.training.candidate import signature

RICH = Space(
    {
        "network": Choice(["mlp", "tabm", "resmlp"]),
        "width": Ordinal([4, 8]),
        "batch_size": Ordinal([8, 16]),
        "members": Ordinal([2, 3]),
        "numeric_embedding": Choice(["identity", "periodic"]),
        "embedding_size": Ordinal([2, 3]),
        "depth": Int(1, 3),
        "optimizer": Choice(["adamw", "momentum", "sgd"]),
        "schedule": Choice(["cosine", "constant"]),
        "activation": Choice(["relu", "tanh"]),
        "normalization": Choice(["none", "layer"]),
        "learning_rate": Float(1e-3, 1e-1, log=True),
        "weight_decay": Float(1e-3, 1e-1, log=True),
        "dropout": Float(0.0, 0.5),
        "label_smoothing": Float(0.0, 0.2),
        "clip_norm": Float(0.1, 10.0, log=True),
        "l1": Float(0.0, 1.0),
        "l2": Float(0.0, 1.0),
        "b1": Float(0.8, 0.99),
        "b2": Float(0.9, 0.999),
        "momentum": Float(0.5, 0.99),
        "sigma": Float(0.01, 1.0),
    }
)
BASE = {
    "network": "mlp",
    "width": 8,
    "batch_size": 8,
    "members": 2,
    "numeric_embedding": "identity",
    "embedding_size": 2,
    "depth": 2,
    "optimizer": "adamw",
    "schedule": "cosine",
    "activation": "tanh",
    "normalization": "none",
    "learning_rate": 0.01,
    "weight_decay": 0.02,
    "dropout": 0.1,
    "label_smoothing": 0.05,
    "clip_norm": 0.5,
    "l1": 0.1,
    "l2": 0.2,
    "b1": 0.85,
    "b2": 0.95,
    "momentum": 0.7,
    "sigma": 0.1,
}


def assembler(space=RICH, **rest):
    given = {"loss": "cross_entropy", "batch_size": 32, "steps_per_epoch": 2.5}
    return Assembler(space, **given | {"epochs": 10, "round_steps": 5} | rest)


def signed(config, width=1, **rest):
    return signature(assembler(**rest)(config), width=width)


def network_of(recipe, outputs=CLASSES):
    description = recipe.assemble().network
    return description.build(Inputs(FEATURES), outputs, key=key_of(jnp.uint32(1)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("depth", 3),
        ("optimizer", "sgd"),
        ("schedule", "constant"),
        ("activation", "relu"),
        ("normalization", "layer"),
        ("learning_rate", 0.05),
        ("weight_decay", 0.1),
        ("dropout", 0.0),
        ("label_smoothing", 0.0),
        ("clip_norm", 5.0),
        ("l1", 0.0),
        ("l2", 0.0),
        ("b1", 0.9),
        ("b2", 0.99),
        ("momentum", 0.9),
        ("sigma", 0.5),
    ],
)
def test_what_is_data_needs_no_other_program(key, value):
    assert signed(BASE) == signed({**BASE, key: value})
    changed = assembler()({**BASE, key: value})
    assert bits(changed) != bits(assembler()(BASE))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", "tabm"),
        ("network", "resmlp"),
        ("width", 4),
        ("batch_size", 16),
        ("members", 3),
        ("numeric_embedding", "periodic"),
        ("embedding_size", 3),
    ],
)
def test_shapes_do(key, value):
    assert signed(BASE) != signed({**BASE, key: value})


def test_every_key_was_tried():
    assert {*SHAPES, *NAMED, *NUMBERS, "epochs"} - set(RICH.parameters) == {
        "epochs",
        "embedding_rate",
    }


def test_signatures_are_the_same_in_every_assembler_and_hashable():
    one, other = signed(BASE), signed(dict(reversed(BASE.items())))
    assert one == other
    assert hash(one) == hash(other)


def test_budgets_and_lengths_need_no_other_program():
    make = assembler(Space({"epochs": Int(1, 20), "width": Constant(8)}))
    recipes = [make({"epochs": e}, budget=b) for e in (2, 9) for b in (1, 0.5)]
    assert len({signature(recipe, width=1) for recipe in recipes}) == 1


def test_a_batch_of_members_shares_its_structure():
    """Wider than one, what chooses a branch is part of the signature."""
    for key, value in [("depth", 3), ("optimizer", "sgd"), ("activation", "relu")]:
        assert signed(BASE, width=4) != signed({**BASE, key: value}, width=4)
    for key, value in [("learning_rate", 0.05), ("dropout", 0.2)]:
        assert signed(BASE, width=4) == signed({**BASE, key: value}, width=4)


def test_numbers_arrive_where_they_act():
    made = assembler()(BASE).assemble()
    assert made.loss.label_smoothing == np.float32(0.05)
    assert made.l1 == np.float32(0.1)
    assert made.l2 == np.float32(0.2)
    assert made.batch_size == 8
    assert made.network.dropout == np.float32(0.1)
    assert made.network.depth == 2
    assert made.network.hidden == (8, 8, 8)  # room for the deepest
    clip = jax.tree.leaves(
        made.optimizer, is_leaf=lambda node: isinstance(node, ClipByGlobalNorm)
    )
    assert [c.limit for c in clip if isinstance(c, ClipByGlobalNorm)] == [0.5]


@pytest.mark.parametrize("name", ["adamw", "momentum", "sgd"])
def test_the_named_optimizer_steps_with_its_own_settings(name):
    """The second step of each, from its formula; only kernels decay."""
    config = {**BASE, "optimizer": name, "schedule": "constant", "clip_norm": 1e6}
    optimizer = assembler()(config).assemble().optimizer
    params = {"kernel": jnp.array([2.0]), "bias": jnp.array([2.0])}
    grads = {"kernel": jnp.array([0.5]), "bias": jnp.array([0.5])}
    state = optimizer.init(params)
    for step in range(2):
        now = optimizer.at(jnp.int32(step))
        updates, state = now.update(grads, state, params)
    second = {
        "adamw": -0.01 * 1.0,
        "momentum": -0.01 * (0.5 + 0.7 * 0.5),
        "sgd": -0.01 * 0.5,
    }[name]
    decay = 0.0 if name == "sgd" else -0.01 * 0.02 * 2.0
    np.testing.assert_allclose(updates["bias"], second, rtol=1e-4)
    np.testing.assert_allclose(updates["kernel"], second + decay, rtol=1e-4)


def test_schedules_run_over_the_full_training_whatever_the_budget():
    """2.5 steps per epoch, 10 epochs: 25 steps; rounds have 5."""
    for budget, steps in [(1.0, 25), (0.5, 10), (0.3, 10), (1 / 27, 5)]:
        recipe = assembler()(BASE, budget=budget)
        assert recipe.stop.steps == steps
        assert recipe.horizon == 25
    optimizer = assembler()({**BASE, "optimizer": "sgd"}).assemble().optimizer
    params = {"kernel": jnp.ones(1)}
    state = optimizer.init(params)
    rates = []
    for step in (0, 5, 25):
        update, _ = optimizer.at(jnp.int32(step)).update(params, state, params)
        rates.append(-float(update["kernel"][0]) / 0.5)  # clipped to a norm of 0.5
    np.testing.assert_allclose(
        rates, [0.01, 0.01 * (1 + np.cos(np.pi / 5)) / 2, 0.0], atol=1e-6
    )


def test_epochs_of_the_configuration_come_first():
    make = assembler(
        Space({"epochs": Float(1, 40), "width": Constant(8)}), round_steps=1
    )
    assert make({"epochs": 4.0}).stop.steps == 10
    assert make({"epochs": 4.0}, budget=0.5).stop.steps == 5
    assert make({"epochs": 0.1}).stop.steps == 1
    assert make({}).stop.steps == 25


def test_defaults_where_a_space_says_nothing():
    make = assembler(Space({"learning_rate": Float(1e-3, 1e-1)}), patience=3)
    recipe = make({"learning_rate": 0.02})
    made = recipe.assemble()
    assert isinstance(made.network, MLP)
    assert made.network.hidden == (64, 64)
    assert made.network.dropout is made.network.depth is None
    assert made.batch_size == 32
    assert made.l1 is made.l2 is None
    assert made.loss.label_smoothing == 0
    assert (recipe.stop.patience, recipe.stop.threshold) == (3, -np.inf)
    assert DEFAULT_NAMES["optimizer"] == "adamw"
    update, _ = made.optimizer.update(
        {"kernel": jnp.ones(1)},
        made.optimizer.init({"kernel": jnp.ones(1)}),
        {"kernel": jnp.ones(1)},
    )
    assert -0.0205 < float(update["kernel"][0]) < -0.0195


def test_conditional_parameters_that_are_absent_are_the_default():
    space = Space(
        {
            "optimizer": Choice(["adamw", "momentum"]),
            "momentum": Float(0.0, 0.99).when("optimizer", ["momentum"]),
            "activation": Choice(["tanh", "relu"]).when("optimizer", ["adamw"]),
        }
    )
    make = assembler(space)
    with_it = make({"optimizer": "momentum", "momentum": 0.9})
    without = make({"optimizer": "adamw", "activation": "relu"})
    assert signature(with_it, width=1) == signature(without, width=1)
    assert without.values["momentum"] == np.float32(NUMBERS["momentum"])
    assert with_it.values["activation"] == 0


def test_depth_and_activation_are_what_the_network_computes():
    x = np.random.default_rng(0).normal(size=(5, FEATURES)).astype(np.float32)
    found = set()
    for depth, activation in [(1, "relu"), (2, "tanh"), (3, "relu")]:
        network = network_of(
            assembler()({**BASE, "depth": depth, "activation": activation})
        )
        h = x * network.scaling.scale
        function = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]
        for layer in network.layers[:depth]:
            h = function(h @ layer.linear.kernel + layer.linear.bias)
        wanted = h @ network.head.kernel + network.head.bias
        outputs = network(x)
        np.testing.assert_allclose(outputs, wanted, rtol=1e-4)
        found.add(bytes(np.asarray(outputs)))
    assert len(found) == 3


def test_class_weights_reach_the_loss():
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    made = assembler(class_weight=weights)(BASE).assemble()
    np.testing.assert_array_equal(made.loss.class_weight, weights)


def test_a_regression_has_no_smoothing():
    space = Space({"learning_rate": Float(1e-3, 1e-1)})
    made = assembler(space, loss="mse")({"learning_rate": 0.1}).assemble()
    assert not hasattr(made.loss, "label_smoothing")


def test_a_parameter_without_a_meaning():
    with pytest.raises(
        UnknownName, match=r"Unknown hyper-parameter 'learning_rte'. Did you mean 'lear"
    ):
        assembler(Space({"learning_rte": Float(0, 1)}))


def test_an_unknown_algorithm_is_named():
    make = assembler(Space({"optimizer": Choice(["adamw", "nadamv"])}))
    with pytest.raises(UnknownName, match="Did you mean 'nadamw'"):
        make({"optimizer": "nadamv"}).assemble()


class Free(eqx.Module):
    function: object

    def build(self, inputs, outputs, *, key):
        raise NotImplementedError


def test_a_function_is_part_of_the_signature():
    """Modules that are not ours have functions for leaves: two are two programs."""

    def of(function):
        base = candidate()
        return signature(
            Candidate(Free(function), base.optimizer, base.loss, base.stop), width=1
        )

    assert of(jnp.tanh) == of(jnp.tanh)
    assert of(jnp.tanh) != of(jax.nn.relu)


def test_a_candidate_is_its_own_assembly():
    made = candidate()
    assert made.assemble() is made
    assert signature(made, width=1) == signature(candidate(0.5, l1=3.0), width=1)
    assert signature(made, width=1) != signature(candidate(batch_size=5), width=1)
    with pytest.raises(InvalidInput, match="`batch_size` must be at least 1"):
        candidate(batch_size=0)


def test_numbers_may_be_python_s_own():
    base = candidate()
    made = Candidate(base.network, base.optimizer, base.loss, Stop(np.int32(5)), l1=1)
    assert made.l1.dtype == jnp.float32
    assert made.stop.patience == np.inf
