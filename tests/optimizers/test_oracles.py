"""Step by step against PyTorch, optax and Keras, and against the papers' equations.

The oracles' numbers were recorded by `scripts/record_trajectories.py`: double
precision, 60 steps, a falling rate, gradients of every kind (sign flips, sparse, dead
at first, 1e-12 to 1e12), arrays of 0, 1, 2 and 4 dimensions.
"""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import OPTIMIZERS, ReduceOnPlateau
from thalweg.schedules import InverseTime, Linear

FOLDER = Path(__file__).parent / "trajectories"
SHARED = json.loads((FOLDER / "gradients.json").read_text())
ORACLES = [
    json.loads((FOLDER / f"{name}.json").read_text())
    for name in (
        "torch",
        "optax",
        "keras",
        "schedulefree",
        "prodigyopt",
        "pytorch_optimizer",
    )
]
MATRICES = json.loads((FOLDER / "matrices.json").read_text())
CASES = [
    pytest.param(file, case, id=f"{file['oracle']}-{file['version']}-{case['call']}")
    for file in [*ORACLES, *MATRICES["oracles"]]
    for case in file["cases"]
]
# optax takes Adafactor's decay to the power in single precision
TOLERANCE = {("optax", "adafactor"): 1e-7}


def split(row: Any, shapes: list[Any] = SHARED["shapes"]) -> list[Any]:
    """Numbers as arrays; seven as four of 0, 1, 2 and 4 dimensions."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(np.asarray(row), ends)
    return [p.reshape(s) for p, s in zip(parts, shapes, strict=True)]


@eqx.filter_jit
def trajectory(optimizer, params, grads):
    """The parameters after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, state), params

    return jax.lax.scan(step, (params, optimizer.init(params)), grads)[1]


def ours(optimizer, problem: dict[str, Any] = SHARED) -> np.ndarray:
    """Our trajectory on the recorded gradients, one row per step."""
    shapes = problem["shapes"]
    params = [jnp.asarray(x) for x in split(problem["start"], shapes)]
    steps = [split(row, shapes) for row in problem["gradients"]]
    grads = [jnp.stack(g) for g in zip(*steps, strict=True)]
    path = trajectory(optimizer, params, grads)
    return np.concatenate([np.asarray(x).reshape(len(steps), -1) for x in path], axis=1)


def build(name: str, settings: dict[str, Any]):
    """Our optimizer as a recorded case names it."""
    settings = {k: np.inf if v == "inf" else v for k, v in settings.items()}
    peak = settings.pop("learning_rate")
    if "inverse_time" in settings:
        rate = InverseTime(peak, rate=settings.pop("inverse_time"))
    else:
        rate = Linear(peak, SHARED["horizon"])
    return OPTIMIZERS[name](rate, **settings)


def assert_close(got, expected, rtol=1e-12):
    """Equal at every step; near a zero crossing relative to the path so far."""
    expected = np.asarray(expected)
    size = np.maximum.accumulate(np.abs(expected), axis=0)
    worst = np.max(np.abs(got - expected) / size, axis=0)
    assert (worst <= rtol).all(), f"relative differences per parameter: {worst}"


@pytest.mark.parametrize(("file", "case"), CASES)
def test_every_step_is_the_oracles(x64, file, case):
    name = case["optimizer"]
    problem = MATRICES if file in MATRICES["oracles"] else SHARED
    got = ours(build(name, case["settings"]), problem)
    assert got.dtype == np.float64
    assert_close(got, case["params"], TOLERANCE.get((file["oracle"], name), 1e-12))


# -- the papers' equations, in plain NumPy; a rate of 0.1, no schedule

RATE = 0.1


def adam_paper(p, grads, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    """Kingma & Ba 2015, Algorithm 1; Loshchilov & Hutter 2019, Algorithm 2, line 12."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        p = p - (RATE * m_hat / (np.sqrt(v_hat) + eps) + decay * p)
        yield p


def adamax_paper(p, grads, b1=0.9, b2=0.999):
    """Kingma & Ba 2015, Algorithm 2; 0/0, which it leaves open, is 0."""
    m = u = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        u = np.maximum(b2 * u, np.abs(g))
        p = p - RATE / (1 - b1**t) * m / np.where(u == 0, 1, u)
        yield p


def amsgrad_paper(p, grads, b1=0.9, b2=0.999, eps=1e-8):
    """Reddi et al. 2018, Algorithm 2, with eps for 0/0."""
    m = v = v_hat = np.zeros_like(p)
    for g in grads:
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        v_hat = np.maximum(v_hat, v)
        p = p - RATE * m / (np.sqrt(v_hat) + eps)
        yield p


def adagrad_paper(p, grads, eps=1e-10):
    """Duchi et al. 2011, Figure 1 with a diagonal G."""
    s = np.zeros_like(p)
    for g in grads:
        s = s + g**2
        p = p - RATE * g / (eps + np.sqrt(s))
        yield p


def polyak_paper(p, grads, momentum=0.9):
    """Polyak 1964: x_{t+1} = x_t - a g_t + b (x_t - x_{t-1})."""
    before = p
    for g in grads:
        before, p = p, p - RATE * g + momentum * (p - before)
        yield p


def nesterov_paper(p, grads, momentum=0.9):
    """Sutskever et al. 2013, equations 3-4: g is taken at theta + mu v."""
    v = np.zeros_like(p)
    theta = p
    for g in grads:
        v = momentum * v - RATE * g
        theta = theta + v
        yield theta + momentum * v  # the point at which the next gradient is taken


def graves_paper(p, grads, b2=0.95, momentum=0.9, eps=1e-4):
    """Graves 2013, equations 38-41: centred, eps under the root, rate inside."""
    n = mean = delta = np.zeros_like(p)
    for g in grads:
        n = b2 * n + (1 - b2) * g**2
        mean = b2 * mean + (1 - b2) * g
        delta = momentum * delta - RATE * g / np.sqrt(n - mean**2 + eps)
        p = p + delta
        yield p


def dozat_paper(p, grads, b1=0.9, b2=0.999, eps=1e-8, psi=0.004):
    """Dozat 2016, NAdam with its schedule mu_t = b1 (1 - 0.5 * 0.96^(t psi))."""
    m = n = np.zeros_like(p)
    product = 1.0
    for t, g in enumerate(grads, 1):
        mu, after = (b1 * (1 - 0.5 * 0.96 ** (k * psi)) for k in (t, t + 1))
        product *= mu
        g_hat = g / (1 - product)
        m = b1 * m + (1 - b1) * g
        n = b2 * n + (1 - b2) * g**2
        m_hat, n_hat = m / (1 - product * after), n / (1 - b2**t)
        m_bar = (1 - mu) * g_hat + after * m_hat
        p = p - RATE * m_bar / (np.sqrt(n_hat) + eps)
        yield p


def lion_paper(p, grads, b1=0.9, b2=0.99, decay=0.1):
    """Chen et al. 2023, Algorithm 2."""
    m = np.zeros_like(p)
    for g in grads:
        p = p - RATE * (np.sign(b1 * m + (1 - b1) * g) + decay * p)
        m = b2 * m + (1 - b2) * g
        yield p


def adadelta_paper(p, grads, rho=0.95, eps=1e-6):
    """Zeiler 2012, Algorithm 1."""
    square = moved = np.zeros_like(p)
    for g in grads:
        square = rho * square + (1 - rho) * g**2
        step = -np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * step**2
        p = p + RATE * step
        yield p


def schedule_free_paper(p, grads, beta=0.9, b2=0.999, eps=1e-8, adaptive=True):
    """Defazio et al. 2024, Algorithm 1: x, y and z all written out."""
    x = z = p
    v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        v = b2 * v + (1 - b2) * g**2
        z = z - RATE * (g / (np.sqrt(v / (1 - b2**t)) + eps) if adaptive else g)
        x = (1 - 1 / t) * x + z / t
        yield (1 - beta) * z + beta * x  # where the next gradient is taken


PAPERS = [
    (lion_paper, "lion", {"weight_decay": 0.1}),
    (adadelta_paper, "adadelta", {"b2": 0.95}),
    (schedule_free_paper, "schedule_free_adamw", {}),
    (
        lambda p, g: schedule_free_paper(p, g, adaptive=False),
        "schedule_free_sgd",
        {},
    ),
    (adam_paper, "adam", {}),
    (
        lambda p, g: adam_paper(p, g, decay=0.02),
        "adamw",
        {"weight_decay": 0.02, "independent": True},
    ),
    (
        lambda p, g: adam_paper(p, g, decay=0.02 * RATE),
        "adamw",
        {"weight_decay": 0.02},
    ),
    (adamax_paper, "adamax", {"eps": 1e-300}),
    (amsgrad_paper, "amsgrad", {"correction": "none"}),
    (adagrad_paper, "adagrad", {}),
    (polyak_paper, "momentum", {}),
    (nesterov_paper, "nesterov", {}),
    (
        graves_paper,
        "rmsprop",
        {
            "b2": 0.95,
            "momentum": 0.9,
            "eps": 1e-4,
            "centred": True,
            "eps_inside": True,
            "rate_inside": True,
        },
    ),
    (dozat_paper, "nadamw", {"weight_decay": 0.0}),
]


@pytest.mark.parametrize(("equations", "name", "settings"), PAPERS)
def test_every_step_is_the_papers(x64, equations, name, settings):
    got = ours(OPTIMIZERS[name](RATE, **settings))
    start, grads = np.asarray(SHARED["start"]), np.asarray(SHARED["gradients"])
    assert_close(got, list(equations(start, grads)))


CONVENTIONS = [
    ("momentum", {}, {"rate_inside": True}),
    ("momentum", {}, {"dampening": 0.1}),
    ("momentum", {"weight_decay": 0.1}, {"l2": 0.1}),
    ("nesterov", {}, {"rate_inside": True}),
    ("nesterov", {"weight_decay": 0.1}, {"l2": 0.1}),
    ("adagrad", {"eps": 1e-7}, {"eps": 1e-7, "eps_inside": True}),
    ("adagrad", {}, {"initial_accumulator": 0.1}),
    ("rmsprop", {"eps": 1e-7}, {"eps": 1e-7, "eps_inside": True}),
    ("rmsprop", {"momentum": 0.5}, {"momentum": 0.5, "rate_inside": True}),
    ("rmsprop", {}, {"centred": True}),
    ("adam", {}, {"epsilon_hat": True}),
    ("adamax", {}, {"eps_outside": True}),
    ("amsgrad", {}, {"correction": "before"}),
    ("amsgrad", {}, {"correction": "none"}),
    ("adamw", {}, {"independent": True}),
    ("adamw", {}, {"epsilon_hat": True}),
    ("radam", {}, {"epsilon_hat": True}),
    ("radam", {"b2": 0.9}, {"b2": 0.9, "threshold": 4.0}),
    ("radam", {"weight_decay": 0.1}, {"l2": 0.1}),
    ("adafactor", {}, {"relative": False}),
    ("adafactor", {"weight_decay": 0.1}, {"weight_decay": 0.1, "independent": True}),
    ("schedule_free_adamw", {}, {"r": 1.0}),
    ("mars", {}, {"first": "scaled"}),
    ("mars", {}, {"epsilon_hat": True}),
    ("nadamw", {}, {"momentum_decay": 1.0}),
    ("nadamw", {}, {"independent": True}),
]


@pytest.mark.parametrize(("name", "one", "other"), CONVENTIONS)
def test_every_convention_matters(x64, name, one, other):
    """The recorded gradients tell each pair of conventions apart."""
    first, second = (
        ours(build(name, {"learning_rate": 0.1, **s})) for s in (one, other)
    )
    with pytest.raises(AssertionError, match="relative differences"):
        assert_close(second, first, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("muon", {"nesterov": False}),
        ("muon", {"scale": "original"}),
        ("muon", {"scale": "none"}),
        ("muon", {"rounds": 4}),
        ("adafactor", {"smallest_factored": 1}),
        ("prodigy", {"bias_correction": True}),
        ("prodigy", {"safeguard_warmup": True}),
        ("prodigy", {"growth": 1.1}),
        ("prodigy", {"d_factor": 0.5}),
    ],
)
def test_every_convention_matters_on_matrices(x64, name, settings):
    rate = {"learning_rate": 1.0 if name == "prodigy" else 0.1}
    first = ours(build(name, rate), MATRICES)
    second = ours(build(name, rate | settings), MATRICES)
    with pytest.raises(AssertionError, match="relative differences"):
        assert_close(second, first, rtol=1e-9)


def test_schedule_free_recommends_the_average():
    """x of the three sequences, while y is what is trained."""
    optimizer = OPTIMIZERS["schedule_free_sgd"](0.1)
    y = z = x = jnp.array([1.0, -2.0])
    state = optimizer.init(y)
    for t, g in enumerate(jnp.array([[0.5, 1.0], [-1.0, 2.0], [0.3, 0.3]]), 1):
        updates, state = optimizer.update(g, state, y)
        y, z = y + updates, z - 0.1 * g
        x = (1 - 1 / t) * x + z / t
        np.testing.assert_allclose(optimizer.solution(y, state), x, rtol=1e-6)
    assert not np.allclose(x, y)


# -- matrices


def newton_schulz(x):
    """Jordan et al. 2024: five rounds of a polynomial of degree 5."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / np.linalg.norm(x)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


def normuon_paper(p, grads, b1=0.95, b2=0.9, eps=1e-8, decay=0.1):
    """Li et al. 2025, Algorithm 1, for kernels of `[inputs, outputs]`."""
    m, v = np.zeros_like(p), np.zeros(p.shape[1])
    for g in grads:
        m = b1 * m + (1 - b1) * g
        o = newton_schulz(m)
        v = b2 * v + (1 - b2) * np.mean(o**2, axis=0)
        o = o / (np.sqrt(v) + eps)
        p = p - RATE * (decay * p + 0.2 * np.sqrt(p.size) / np.linalg.norm(o) * o)
        yield p


def test_every_step_is_normuons(x64):
    shapes = MATRICES["shapes"]
    got = ours(OPTIMIZERS["normuon"](RATE, b2=0.9, weight_decay=0.1), MATRICES)
    steps = [split(row, shapes) for row in MATRICES["gradients"]]
    paths = [
        list(normuon_paper(start, [step[i] for step in steps]))
        for i, start in enumerate(split(MATRICES["start"], shapes))
    ]
    rows = zip(*paths, strict=True)
    expected = [np.concatenate([p.reshape(-1) for p in row]) for row in rows]
    assert_close(got, expected)


@pytest.mark.parametrize("name", ["muon", "normuon"])
def test_what_is_no_matrix_is_left_to_adamw(name):
    params = {
        "kernel": jnp.ones((3, 2)),
        "bias": jnp.ones(2),
        "embedding": jnp.ones((4, 2)),
    }
    grads = jax.tree.map(
        lambda p: jnp.arange(p.size, dtype=p.dtype).reshape(p.shape), params
    )
    adamw = OPTIMIZERS["adamw"](0.1)
    for optimizer in (OPTIMIZERS[name](0.1), OPTIMIZERS[name](3.0, rest=adamw)):
        got, _ = optimizer.update(grads, optimizer.init(params), params)
        expected, _ = adamw.update(grads, adamw.init(params), params)
        for leaf in ("bias", "embedding"):
            np.testing.assert_allclose(got[leaf], expected[leaf], rtol=1e-6)
        assert not np.allclose(got["kernel"], expected["kernel"])


def test_orthogonal_matrices_stay_what_they_are():
    """Up to the iteration's tolerance: singular values of about 1."""
    kernel = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 4)))[0]
    optimizer = OPTIMIZERS["muon"](1.0, momentum=0.0, weight_decay=0.0, scale="none")
    params = {"kernel": jnp.asarray(kernel)}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    values = np.linalg.svd(updates["kernel"], compute_uv=False)
    assert 0.65 < values.min() <= values.max() < 1.25
    np.testing.assert_allclose(values, values[0], rtol=1e-3)
    assert np.sum(updates["kernel"] * kernel) < 0


@pytest.mark.parametrize("name", ["muon", "normuon"])
def test_what_is_no_matrix_may_watch_losses_and_recommend(name):
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    rest = ReduceOnPlateau(OPTIMIZERS["schedule_free_sgd"](0.1), patience=0)
    optimizer = OPTIMIZERS[name](0.1, rest=rest)
    state = optimizer.init(params)
    for _ in range(3):
        state = optimizer.observe(state, jnp.asarray(1.0))
        updates, state = optimizer.update(params, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    assert state.rest.scale < 0.1
    found = optimizer.solution(params, state)
    assert (found["kernel"] == params["kernel"]).all()
    assert (found["bias"] != params["bias"]).all()
