"""Step by step against other libraries, and against the papers' equations."""

import ast
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.core.errors import UnknownName
from thalweg.optimizers import OPTIMIZERS, ReduceOnPlateau
from thalweg.schedules import Linear
from thalweg.testing import oracles
from thalweg.testing.oracles import apart, build, cases, ours, problem

CASES = [
    pytest.param(c, id=f"{c.kind}-{c.oracle}-{c.call}-{c.problem}") for c in cases()
]


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_the_oracles(case):
    assert len(case.params) >= 50
    assert oracles.difference(case) <= case.tolerance


# What other tests hold: settings of random draws, and methods with one oracle only.
ELSEWHERE = {
    "kron": {"clip", "initial_scale", "preconditioner_rate", "seed"},
    "shampoo": {"longest", "one_sided"},
    "lbfgs": {"decrease", "flatter", "line_search", "max_evaluations"},
    "soap": {"precondition_1d"},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_oracles_hold_every_setting(name):
    """Each field that a call may set is set by a case."""
    kind = OPTIMIZERS[name]
    own = [case for case in cases() if case.kind == kind.__name__]
    assert len({case.oracle for case in own}) >= 2 - (name in ELSEWHERE)
    calls = [ast.parse(case.ours, mode="eval").body for case in own]
    given = {keyword.arg for call in calls for keyword in call.keywords}
    fields = {field.name for field in dataclasses.fields(kind) if field.init}
    assert fields - given <= {"learning_rate", "rest"} | ELSEWHERE.get(name, set())


CONVENTIONS = [
    ("Momentum(rate)", "Momentum(rate, rate_inside=True)"),
    ("Momentum(rate)", "Momentum(rate, dampening=0.1)"),
    ("Momentum(rate, weight_decay=0.1)", "Momentum(rate, l2=0.1)"),
    ("Nesterov(rate)", "Nesterov(rate, rate_inside=True)"),
    ("Nesterov(rate, weight_decay=0.1)", "Nesterov(rate, l2=0.1)"),
    ("AdaGrad(rate, eps=1e-07)", "AdaGrad(rate, eps=1e-07, eps_inside=True)"),
    ("AdaGrad(rate)", "AdaGrad(rate, initial_accumulator=0.1)"),
    ("RMSprop(rate, eps=1e-07)", "RMSprop(rate, eps=1e-07, eps_inside=True)"),
    ("RMSprop(rate, momentum=0.5)", "RMSprop(rate, momentum=0.5, rate_inside=True)"),
    ("RMSprop(rate)", "RMSprop(rate, centred=True)"),
    ("Adam(rate)", "Adam(rate, epsilon_hat=True)"),
    ("Adamax(rate)", "Adamax(rate, eps_outside=True)"),
    ("AMSGrad(rate)", "AMSGrad(rate, correction='before')"),
    ("AMSGrad(rate)", "AMSGrad(rate, correction='none')"),
    ("AMSGrad(rate)", "AMSGrad(rate, epsilon_hat=True)"),
    ("AdamW(rate)", "AdamW(rate, independent=True)"),
    ("AdamW(rate)", "AdamW(rate, epsilon_hat=True)"),
    ("RAdam(rate)", "RAdam(rate, epsilon_hat=True)"),
    ("RAdam(rate, b2=0.9)", "RAdam(rate, b2=0.9, threshold=4.0)"),
    ("RAdam(rate, weight_decay=0.1)", "RAdam(rate, l2=0.1)"),
    ("Adafactor(rate)", "Adafactor(rate, relative=False)"),
    (
        "Adafactor(rate, weight_decay=0.1)",
        "Adafactor(rate, weight_decay=0.1, independent=True)",
    ),
    ("ScheduleFreeAdamW(rate)", "ScheduleFreeAdamW(rate, r=1.0)"),
    ("MARS(rate)", "MARS(rate, first='scaled')"),
    ("MARS(rate)", "MARS(rate, epsilon_hat=True)"),
    ("NAdamW(rate)", "NAdamW(rate, momentum_decay=1.0)"),
    ("NAdamW(rate)", "NAdamW(rate, independent=True)"),
]


@pytest.mark.parametrize(("one", "other"), CONVENTIONS)
def test_every_convention_matters(x64, one, other):
    """The recorded gradients tell each pair of conventions apart."""
    first, second = (
        ours(build(text, rate=Linear(0.1, 100)), problem("hostile"))
        for text in (one, other)
    )
    assert apart(second, first) > 1e-9


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kron(rate)", "Kron(rate, whiten='gradient')"),
        ("Kron(rate)", "Kron(rate, memory='one_diagonal')"),
        ("Kron(rate)", "Kron(rate, memory='smart_one_diagonal')"),
        ("Kron(rate)", "Kron(rate, longest=3)"),
        ("Kron(rate)", "Kron(rate, frequency=0.5, settling=10.0, anneal=0.1)"),
        ("Kron(rate)", "Kron(rate, preconditioner_rate=0.05)"),
        ("Kron(rate)", "Kron(rate, initial_scale=0.5)"),
        ("Kron(rate)", "Kron(rate, clip=1.0)"),
        ("Kron(rate)", "Kron(rate, seed=1)"),
        ("Muon(rate)", "Muon(rate, nesterov=False)"),
        ("Muon(rate)", "Muon(rate, scale='original')"),
        ("Muon(rate)", "Muon(rate, scale='none')"),
        ("Muon(rate)", "Muon(rate, rounds=4)"),
        ("SOAP(rate)", "SOAP(rate, epsilon_hat=True)"),
        ("SOAP(rate)", "SOAP(rate, one_sided=True)"),
        ("SOAP(rate)", "SOAP(rate, longest=4)"),
        ("SOAP(rate)", "SOAP(rate, precondition_frequency=5)"),
        ("SOAP(rate)", "SOAP(rate, b3=0.9)"),
        ("Shampoo(rate)", "Shampoo(rate, graft='rmsprop')"),
        ("Shampoo(rate)", "Shampoo(rate, accumulate='sum')"),
        ("Shampoo(rate)", "Shampoo(rate, relative=False)"),
        ("Shampoo(rate)", "Shampoo(rate, start=5)"),
        ("Adafactor(rate)", "Adafactor(rate, smallest_factored=1)"),
        ("Prodigy(rate)", "Prodigy(rate, bias_correction=True)"),
        ("Prodigy(rate)", "Prodigy(rate, safeguard_warmup=True)"),
        ("Prodigy(rate)", "Prodigy(rate, growth=1.1)"),
        ("Prodigy(rate)", "Prodigy(rate, d_factor=0.5)"),
    ],
)
def test_every_convention_matters_on_matrices(x64, one, other):
    rate = Linear(1.0 if one.startswith("Prodigy") else 0.1, 100)
    first, second = (
        ours(build(text, rate=rate), problem("matrices")) for text in (one, other)
    )
    assert apart(second, first) > 1e-9


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


@pytest.mark.parametrize("name", ["muon", "normuon", "soap"])
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


@pytest.mark.parametrize("name", ["muon", "normuon", "shampoo", "soap"])
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


# -- how cases are written


def test_cases_are_written_as_calls():
    made = build("AdamW(Linear(rate, 10), b1=0.8)", rate=0.5)
    assert made.learning_rate.peak == 0.5
    assert build("MultiStep(1.0, boundaries=(1, 2))").boundaries.tolist() == [1, 2]
    assert np.isinf(build("Prodigy(growth=inf)").growth)
    with pytest.raises(UnknownName, match="Did you mean 'Adam"):
        build("AdamV(0.1)")
    with pytest.raises(ValueError, match="malformed"):
        build("__import__('os').system('true')")
