"""Activations: formulas, derivatives, the facts they state, and the choice as data."""

import math
import subprocess
import sys
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from thalweg import activations
from thalweg.activations import ACTIVATIONS, Activation, Choice, choose
from thalweg.activations.vectorized import arctan, cosine, sine
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.core.trainable import partition

NAMES = tuple(ACTIVATIONS)

PLAIN = {
    "linear": lambda x: x,
    "exponential": jnp.exp,
    "sigmoid": lambda x: 1 / (1 + jnp.exp(-x)),
    "tanh": lambda x: (jnp.exp(x) - jnp.exp(-x)) / (jnp.exp(x) + jnp.exp(-x)),
    "arctan": jnp.arctan,
    "relu": lambda x: jnp.where(x > 0, x, 0.0),
    "leaky_relu": lambda x: jnp.where(x > 0, x, 0.01 * x),
    "gelu": lambda x: x * (1 + jax.scipy.special.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + jnp.exp(-x)),
    "mish": lambda x: x * jnp.tanh(jnp.log(1 + jnp.exp(x))),
    "selu": lambda x: (
        1.0507009873554805 * jnp.where(x > 0, x, 1.6732632423543772 * (jnp.exp(x) - 1))
    ),
    "elu": lambda x: jnp.where(x > 0, x, jnp.exp(x) - 1),
    "softplus": lambda x: jnp.log(1 + jnp.exp(x)),
    "sine_pi": lambda x: jnp.sin(math.pi * x) / math.pi,
    "sinh_pi": lambda x: (jnp.exp(math.pi * x) - jnp.exp(-math.pi * x)) / math.pi,
}

# kinks lie at 0, so the grid does not: a derivative there is a convention
GRID = np.linspace(-6, 6, 481) + 0.003


def variants() -> list[Activation]:
    """One of each, and those whose parameters change what is true of them."""
    return [
        *(ACTIVATIONS[name]() for name in NAMES),
        activations.Sigmoid(3.0),
        activations.Sigmoid(0.0),
        activations.LeakyReLU(0.0),
        activations.LeakyReLU(1.0),
        activations.LeakyReLU(-0.1),
        activations.ELU(0.3),
        activations.ELU(0.0),
    ]


KINKS = np.asarray([-1.0, -0.5, 0.0, 0.5, 1.0])
STEP = 1e-6
SIZES = np.geomspace(1e-3, 200, 4001)
WIDE = np.concatenate([-SIZES, [0.0], SIZES])  # where the range is looked for
FAR = np.asarray([150.0, 180.25, 200.0])  # where saturation is


def label(activation: Activation) -> str:
    return activation.describe().formula


def slope(f, x):
    """The derivative of an elementwise function."""
    return jax.vjp(f, x)[1](jnp.ones_like(x))[0]


# All activations in one program: a program each would be most of this file's time.
@cache
def values(dtype: str) -> dict[str, tuple[np.ndarray, ...]]:
    """For each name: value, derivative, and both of the plain formula in double."""

    @jax.jit
    def compute(x, wide):
        return {
            name: (
                f(x),
                slope(f, x),
                PLAIN[name](wide),
                slope(PLAIN[name], wide),
            )
            for name, f in ((name, ACTIVATIONS[name]()) for name in NAMES)
        }

    with jax.enable_x64(True):
        x = jnp.asarray(GRID, dtype)
        return jax.tree.map(np.asarray, compute(x, x.astype(jnp.float64)))


@cache
def facts() -> list[dict[str, np.ndarray]]:
    """For each variant: numbers that its description must agree with."""
    points = {
        "wide": WIDE,
        "near": GRID,
        "far_left": -FAR,
        "far_right": FAR,
        **{str(n): KINKS + n * STEP for n in (-2, -1, 0, 1, 2)},
    }

    @jax.jit
    def compute(x):
        return [(f(x), slope(f, x)) for f in variants()]

    with jax.enable_x64(True):
        found = compute(jnp.asarray(np.concatenate(list(points.values()))))
        found = jax.tree.map(np.asarray, found)
    ends = np.cumsum([len(x) for x in points.values()])[:-1]
    table = []
    for y, dy in found:
        f = dict(zip(points, np.split(y, ends), strict=True))
        df = dict(zip(points, np.split(dy, ends), strict=True))
        jump = (f["1"] - 2 * f["0"] + f["-1"]) / STEP
        bend = (df["2"] - df["1"] - df["-1"] + df["-2"]) / STEP
        table.append(
            {
                **{name: f[name] for name in ("wide", "near")},
                **{name: df[name] for name in ("far_left", "far_right")},
                "jump": np.abs(jump),  # of the first derivative
                "bend": np.abs(bend),  # jump of the second
            }
        )
    return table


described = pytest.mark.parametrize(
    ("number", "traits"),
    [(i, f.describe()) for i, f in enumerate(variants())],
    ids=[label(f) for f in variants()],
)


def test_every_activation_is_in_the_table():
    written = {
        kind
        for kind in Activation.__subclasses__()
        if kind.__module__.startswith("thalweg.activations") and kind is not Choice
    }
    assert written == set(ACTIVATIONS.values())
    assert set(PLAIN) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivative_are_those_of_the_formula(name):
    y, dy, expected, derivative = values("float64")[name]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dy, derivative, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_kept_and_accurate(name):
    y, dy, expected, derivative = values("float32")[name]
    assert y.dtype == dy.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dy, derivative, rtol=2e-5, atol=2e-6)


def test_gelu_is_the_exact_one(x64):
    x = np.linspace(-8, 8, 1001)
    expected = x * scipy.special.ndtr(x)
    gelu = ACTIVATIONS["gelu"]()
    np.testing.assert_allclose(gelu(jnp.asarray(x)), expected, rtol=1e-9, atol=1e-15)
    single = gelu(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(single, expected, atol=5e-7)


@described
def test_range(number, traits):
    y, near = facts()[number]["wide"], facts()[number]["near"]
    for bound, attained, sign in zip(
        traits.range, traits.attained, (1, -1), strict=True
    ):
        extreme = sign * np.min(sign * y)
        if math.isinf(bound):
            assert sign * extreme < -1
        else:
            assert abs(extreme - bound) < (1e-4 if attained else 1e-2)
            assert np.all(sign * y >= sign * bound - 1e-12)
        if not attained:
            assert np.all(sign * near > sign * bound)


@described
def test_kinks_and_smoothness(number, traits):
    kinked = facts()[number]["jump"] > 1e-3
    assert tuple(KINKS[kinked]) == traits.kinks
    bent = facts()[number]["bend"] > 0.1
    order = 0 if np.any(kinked) else 1 if np.any(bent) else math.inf
    assert order == traits.smoothness


@described
def test_saturation(number, traits):
    found = facts()[number]
    flat = (
        bool(np.all(np.abs(found[side]) < 1e-3)) for side in ("far_left", "far_right")
    )
    assert tuple(flat) == traits.saturates


def test_words_of_a_description():
    relu, elu = ACTIVATIONS["relu"]().describe(), ACTIVATIONS["elu"]().describe()
    assert (relu.differentiability, relu.continuity) == (
        "except at 0",
        "continuous (C0)",
    )
    assert (relu.interval, relu.saturation) == ("[0, inf)", "left")
    assert (elu.differentiability, elu.continuity) == ("everywhere", "continuous (C1)")
    assert ACTIVATIONS["tanh"]().describe().saturation == "both"
    assert ACTIVATIONS["silu"]().describe().continuity == "continuous (C∞)"
    assert ACTIVATIONS["linear"]().describe().saturation == "none"


def test_misprinted_names_are_told_apart():
    x = jnp.linspace(-2, 2, 9)
    for name in ("sine_pi", "sinh_pi"):
        assert "some texts print" in (ACTIVATIONS[name].__doc__ or "")
        for other in ("tanh", "arctan"):
            gap = jnp.abs(ACTIVATIONS[name]()(x) - ACTIVATIONS[other]()(x))
            assert jnp.max(gap) > 0.3


def test_slope_is_trained_only_if_learnable():
    given, learned = (activations.Sigmoid(2.0, learnable=v) for v in (False, True))
    assert jax.tree.leaves(partition(given)[0]) == []
    assert [float(v) for v in jax.tree.leaves(partition(learned)[0])] == [2.0]
    slope = jax.grad(lambda s: s(jnp.asarray(0.7)))(learned).slope
    y = jax.nn.sigmoid(1.4)
    np.testing.assert_allclose(slope, 0.7 * y * (1 - y), rtol=1e-6)


def test_extremes_stay_finite_in_gradients():
    x = jnp.asarray([-1e4, -100.0, 0.0, 100.0, 1e4])
    for which in range(len(NAMES)):
        if NAMES[which] not in ("exponential", "sinh_pi"):
            for found in choice_and_slope(x, which):
                assert jnp.all(jnp.isfinite(found)), NAMES[which]


@pytest.mark.parametrize("which", range(len(NAMES)))
def test_choice_is_the_activation_it_names(which):
    y, dy = choice_and_slope(jnp.asarray(GRID, jnp.float32), which)
    expected, derivative, *_ = values("float32")[NAMES[which]]
    np.testing.assert_allclose(y, expected, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(dy, derivative, rtol=2e-6, atol=1e-6)


@jax.jit
def choice_and_slope(x, index):
    f = choose(NAMES, index)
    return f(x), slope(f, x)


def test_choice_keeps_its_input_and_nothing_else():
    x = jnp.ones((7, 3))
    plain = [ACTIVATIONS[name]() for name in NAMES]

    def switch(x):
        branches = [lambda x, f=f: f(x) for f in plain]
        return jax.lax.switch(jnp.asarray(3), branches, x)

    def kept(f):
        leaves = jax.tree.leaves(jax.eval_shape(lambda x: jax.vjp(f, x)[1], x))
        return sum(leaf.shape == x.shape for leaf in leaves)

    assert kept(choose(NAMES, 3)) == 1
    assert kept(switch) > 1


def test_choice_under_vmap_and_twice_differentiated():
    names = ("relu", "silu", "tanh")
    x = jnp.linspace(-2.0, 2.0, 8)  # without 0
    rows = jax.vmap(lambda i: choose(names, i)(x))(jnp.arange(3))
    for row, name in zip(rows, names, strict=True):
        np.testing.assert_allclose(row, ACTIVATIONS[name]()(x), rtol=1e-6)
    silu = ACTIVATIONS["silu"]()
    got, expected = (
        jax.jvp(jax.grad(lambda x, f=f: jnp.sum(f(x) ** 2)), (x,), (jnp.ones_like(x),))
        for f in (choose(names, 1), silu)
    )
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-5, atol=1e-6)


def test_choice_describes_what_it_is():
    assert choose(("relu", "tanh"), 1).describe() == activations.Tanh().describe()


def test_choice_refuses_what_it_could_not_train():
    with pytest.raises(InvalidInput, match="learnable"):
        choose((activations.Sigmoid(learnable=True), "relu"), 0)
    with pytest.raises(InvalidInput, match="at least one"):
        choose((), 0)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="'silu'"):
        choose(("sillu",), 0)


@pytest.mark.parametrize(
    ("fast", "exact"),
    [
        (cosine, lambda x: np.cos(2 * np.pi * x)),
        (sine, lambda x: np.sin(2 * np.pi * x)),
        (arctan, np.arctan),
    ],
)
def test_vectorized_functions(fast, exact):
    x = np.concatenate([np.linspace(-40, 40, 40001), [0, 0.25, 0.5, 0.75, -1e-8]])
    x = x.astype(np.float32)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(fast(jnp.asarray(x)), exact(wide), atol=3e-7)
    h = 1e-5
    slope = (exact(wide + h) - exact(wide - h)) / (2 * h)
    (got,) = jax.vjp(fast, jnp.asarray(x))[1](jnp.ones(len(x)))
    np.testing.assert_allclose(got, slope, atol=3e-6)


def test_arctan_at_the_ends():
    x = jnp.asarray([jnp.inf, -jnp.inf, jnp.nan, 1e30, 1e-30, -0.0])
    np.testing.assert_allclose(arctan(x), np.arctan(np.asarray(x)), rtol=1e-6)
    assert jnp.signbit(arctan(x)[-1])


def test_importing_computes_nothing():
    # devices can be configured only before the first computation
    code = (
        "import thalweg.activations, thalweg.networks\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_activations_are_pytrees_of_arrays():
    for activation in variants():
        assert all(eqx.is_array(leaf) for leaf in jax.tree.leaves(activation))
