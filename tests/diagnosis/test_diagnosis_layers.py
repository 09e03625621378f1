"""Rules about layers: what is far from usual is found there, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

import thalweg as tw
from thalweg.diagnosis import Layers, Record

NAMES = ("layers/0/linear", "layers/1/linear", "head")
PARAMETERS = tuple(f"{n}/{leaf}" for n in NAMES for leaf in ("kernel", "bias"))
SHAPES = ((8, 16), (16,), (16, 16), (16,), (16, 4), (4,))
T = 12  # judgements
STEPS = 50  # from one to the next


def layers(**changes):
    """Usual ones: gradients that fall, weights of one, updates of a thousandth."""
    size = np.sqrt([np.prod(shape) for shape in SHAPES])
    wander = np.exp(0.3 * np.random.default_rng(0).normal(size=(T, len(SHAPES))))
    known = {
        "parameters": PARAMETERS,
        "shapes": SHAPES,
        "gradient": np.geomspace(1, 0.1, T)[:, None] * size * wander,
        "weight": size * np.ones((T, 1)),
        "update": 1e-3 * size * wander,
        "activations": ("layers/0/activation", "layers/1/activation"),
        "dead": np.full((T, 2), 0.1),
        "saturated": np.full((T, 2), np.nan),
        "rows": 500,
    }
    return Layers(**known | changes)


def record(found, **changes):
    curve = 0.3 + 0.9 * np.exp(-np.arange(T))
    known = {
        "step": STEPS * np.arange(1.0, T + 1),
        "train_loss": curve,
        "loss": curve,
        "constant_loss": 1.0,
        "settings": {"learning_rate": 0.1},
        "layers": found,
    }
    return Record(**known | changes)


def scaled(field, column, factor):
    """Usual layers but for one column of one field."""
    values = getattr(layers(), field).copy()
    values[:, column] *= factor
    return layers(**{field: values})


def where(diagnosis):
    return [(found.name, found.layer) for found in diagnosis]


def test_usual_layers_have_no_finding():
    assert not tw.diagnose(record(layers()))


@pytest.mark.parametrize(("factor", "found"), [(1e-2, False), (1e-4, True)])
def test_a_gradient_that_vanishes(factor, found):
    diagnosis = tw.diagnose(record(scaled("gradient", 0, factor)))
    assert where(diagnosis) == (
        [("vanishing gradients", "layers/0/linear/kernel")] if found else []
    )


def test_gradients_of_biases_embeddings_and_unused_layers_do_not_vanish():
    assert not tw.diagnose(record(scaled("gradient", 1, 1e-9)))
    assert not tw.diagnose(record(scaled("gradient", 0, 0.0)))
    names = ("encoder/categorical/embedding", *PARAMETERS[1:])
    rare = replace(scaled("gradient", 0, 1e-9), parameters=names)
    assert not tw.diagnose(record(rare))


def test_a_gradient_that_explodes():
    gradient = layers().gradient.copy()
    gradient[6:, 2] = 1e6
    curve = np.where(np.arange(T) < 6, 0.5, 5.0)
    diagnosis = tw.diagnose(
        record(layers(gradient=gradient), train_loss=curve, loss=curve)
    )
    found = next(f for f in diagnosis if f.name == "exploding gradients")
    assert found.layer == "layers/1/linear/kernel"
    assert "At step 350" in found.evidence
    assert "ClipByGlobalNorm(" in found.remedy
    # a large gradient that does no harm is none
    assert not tw.diagnose(record(layers(gradient=gradient)))


def test_a_gradient_that_is_not_finite_has_exploded():
    gradient = layers().gradient.copy()
    gradient[6:] = np.nan
    curve = np.where(np.arange(T) < 6, 0.5, np.nan)
    diagnosis = tw.diagnose(
        record(layers(gradient=gradient), train_loss=curve, loss=curve)
    )
    assert diagnosis.names == ["divergence", "exploding gradients"]


def test_units_that_are_dead_at_the_end():
    dead = np.full((T, 2), 0.1)
    dead[:, 1] = np.linspace(0.2, 0.6, T)
    found = tw.diagnose(record(layers(dead=dead)))
    assert where(found) == [("dead units", "layers/1/activation")]
    assert "500 training rows (20 % at the first judgement)" in found[0].evidence
    assert "from 0.1 to about 0.01" in found[0].remedy
    dead[:, 1] = np.linspace(0.9, 0.3, T)  # revived
    assert not tw.diagnose(record(layers(dead=dead)))


def test_a_dead_layer_explains_under_fitting():
    high = 1.0 + np.exp(-np.arange(T))
    dead = layers(dead=np.full((T, 2), 1.0))
    assert tw.diagnose(record(layers(), train_loss=high, loss=high)).names == [
        "under-fitting"
    ]
    diagnosis = tw.diagnose(record(dead, train_loss=high, loss=high))
    assert diagnosis.names == ["dead units"]


def test_units_that_are_saturated_most_of_the_time():
    flat = np.full((T, 2), 0.3)
    flat[:, 0] = 0.8
    nan = np.full((T, 2), np.nan)
    found = tw.diagnose(record(layers(saturated=flat, dead=nan)))
    assert where(found) == [("saturated units", "layers/0/activation")]
    assert "80 %" in found[0].evidence
    flat[: T // 2 + 1, 0] = 0.2  # in the end only, when there is little left to learn
    assert not tw.diagnose(record(layers(saturated=flat, dead=nan)))


@pytest.mark.parametrize(("factor", "found"), [(100, False), (1000, True)])
def test_updates_that_replace_a_layer(factor, found):
    diagnosis = tw.diagnose(record(scaled("update", 4, factor)))
    assert where(diagnosis) == ([("updates too large", "head/kernel")] if found else [])


def test_updates_that_do_not_move_a_layer():
    """600 steps of a thousandth go far, of a hundred-thousandth of that nowhere."""
    high = np.linspace(1.1, 0.8, T)
    still = scaled("update", 0, 1e-2)
    assert "updates too small" not in tw.diagnose(record(still)).names
    bias = record(scaled("update", 1, 1e-6), train_loss=high, loss=high)
    assert "updates too small" not in tw.diagnose(bias).names
    still = scaled("update", 0, 1e-5)
    found = tw.diagnose(record(still, train_loss=high, loss=high))
    assert ("updates too small", "layers/0/linear/kernel") in where(found)
    remedy = next(f.remedy for f in found if f.name == "updates too small")
    assert '`optimizers.Groups(optimizer, {"layers/0/linear/kernel":' in remedy
    # of a network that has learned, a layer may stay
    assert not tw.diagnose(record(still))
    # and a gradient that vanishes is the cause
    gradient = scaled("gradient", 0, 1e-5).gradient
    both = replace(still, gradient=gradient)
    found = tw.diagnose(record(both, train_loss=high, loss=high))
    assert "updates too small" not in found.names


def test_all_layers_alike_are_one_finding():
    high = np.linspace(1.1, 0.8, T)
    still = layers(update=1e-6 * layers().update)
    found = tw.diagnose(
        record(still, train_loss=high, loss=high, settings={"learning_rate": 1e-8})
    )
    assert ("updates too small", None) in where(found)
    assert "from 1e-08 to about 1e-3" in str(found)
    large = layers(update=1e3 * layers().update)
    assert where(tw.diagnose(record(large))) == [("updates too large", None)]


def test_layers_are_judged_from_the_first_judgement_on():
    whole = layers(saturated=np.full((T, 2), 0.9))
    one = Layers(
        **{
            name: value[:1] if isinstance(value, np.ndarray) else value
            for name, value in vars(whole).items()
        }
    )
    curve = np.array([0.5])
    found = tw.diagnose(
        record(one, step=np.array([600.0]), train_loss=curve, loss=curve)
    )
    assert found.names == ["saturated units"]
    assert "only 1 judgements" in found.notes[0]
