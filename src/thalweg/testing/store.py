"""What every store must keep, wherever its rows lie.

`make` is a function that opens a new, empty store for a `StudyRow`:

    @pytest.mark.parametrize("check", STORE_CHECKS)
    def test_store(check):
        check(lambda study: Store.connect("postgresql:///scratch", study))
"""

import math
import struct
import uuid
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.store import (
    CurveRow,
    EventRow,
    Round,
    Store,
    StudyRow,
    TrialRow,
    pack,
    unpack,
)

Make = Callable[[StudyRow], Store]

# what decimal text, single precision or a careless JSON would change
AWKWARD = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, -1e-300)
UNUSUAL = (math.nan, math.inf, -math.inf)


def same(a: Any, b: Any) -> bool:
    """Equal in every bit and type, NaN to NaN, through containers and arrays."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.asarray(a, float).tobytes() == np.asarray(b, float).tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (a != a and b != b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def same_row(a: Any, b: Any) -> bool:
    """Records of one kind, equal in every field."""
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def check_study_comes_back(make: Make) -> None:
    name = uuid.uuid4().hex
    study = StudyRow(
        version="1.2",
        seed=2**63 - 1,
        fingerprint="ab" * 32,
        space={"rate": {"low": 1e-5, "high": math.inf}, "$x": (1, (2,))},
        settings={"columns": ["größe", "a\x00b", "<b>"], "limit": None},
        name=name,
        created="2026-01-02T03:04:05+00:00",
    )
    with make(study) as store:
        assert same_row(store.study(), study)
        assert store.name == name
        assert store.trials() == []
        assert store.last_round() is None
        store.update(status="finished", settings={"leader": 3})
        assert store.study().status == "finished"
        assert store.settings() == {**study.settings, "leader": 3}


def check_every_number_comes_back(make: Make) -> None:
    values = (*AWKWARD, *UNUSUAL)
    trials = [
        TrialRow(
            number=i,
            round=0,
            config={"rate": v, "units": (8, 8), "name": "tanh", "on": True, "no": None},
            metrics={"a": v, "b": -0.0},
            reason="\ud800 lost\x00" if i == 0 else "größer",
            seed=2**62 + i,
            **dict.fromkeys(("score", "score_error", "loss", "budget", "started"), v),
        )
        for i, v in enumerate(values)
    ]
    curves = [
        CurveRow(
            trial=1,
            replica=r,
            steps=[0.0, 10.0, 20.0, 30.0],
            metrics={"loss": [math.nan, math.inf, -0.0, 0.1], "b": [*AWKWARD[:4]]},
        )
        for r in range(3)
    ]
    with make(StudyRow()) as store:
        store.record(Round(number=0, trials=trials, curves=curves))
        first = replace(trials[0], reason="\\ud800 lost\\x00")
        for got, put in zip(store.trials(), [first, *trials[1:]], strict=True):
            assert same_row(got, put), (got, put)
        for got, put in zip(store.curves(1), curves, strict=True):
            assert same_row(got, put), (got, put)
        assert store.curves(0) == []


def check_numpy_values_are_taken(make: Make) -> None:
    config = {
        "rate": np.float32(0.1),
        "depth": np.int64(3),
        "on": np.bool_(True),
        "name": np.str_("relu"),
        "sizes": np.arange(3),
    }
    row = TrialRow(
        number=np.int64(7),  # pyright: ignore[reportArgumentType]
        config=config,
        score=np.float32(0.1),  # pyright: ignore[reportArgumentType]
        steps=np.int32(5),  # pyright: ignore[reportArgumentType]
        metrics={"acc": np.float64(0.25)},
    )
    with make(StudyRow()) as store:
        store.record(Round(number=0, trials=[row], counters={"n": np.int32(4)}))
        got = store.trials()[0]
        plain = {"rate": float(np.float32(0.1)), "depth": 3, "on": True}
        plain |= {"name": "relu", "sizes": [0, 1, 2]}
        assert same(dict(got.config), plain)
        assert same(got.score, float(np.float32(0.1)))
        assert same((got.number, got.steps), (7, 5))
        assert store.rounds()[0].counters == {"n": 4}


def check_state_comes_back(make: Make) -> None:
    leaves = [np.float64(0.1), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 4), "i4")]
    leaves += [np.asarray(True), np.asarray(["a", "größe"])]
    leaves += [np.asarray([1, 2**32 - 1], "u4")]
    with make(StudyRow()) as store:
        for number in range(3):
            state = pack([*leaves, np.asarray(number)])
            store.record(Round(number=number, state=state, seconds=0.5))
        last = store.last_round()
        assert last is not None
        assert last.number == 2
        got = unpack(last.state)
        for a, b in zip(got, [*leaves, np.asarray(2)], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        # earlier states are not kept: they would grow with the square of the rounds
        assert [len(r.state) > 0 for r in store.rounds()] == [False, False, True]


def check_a_round_is_all_or_nothing(make: Make) -> None:
    def rows(*numbers: int, status: str = "complete") -> list[TrialRow]:
        return [TrialRow(number=n, config={}, status=status) for n in numbers]

    curve = CurveRow(trial=0, steps=[0], metrics={"loss": [1.0]})
    event = EventRow(kind="train", seconds=1.0, at=2.0, data={"members": 3})
    with make(StudyRow()) as store:
        good = Round(number=0, trials=rows(0, 1), curves=[curve], events=[event])
        store.record(good)
        bad = [
            (StoreError, Round(number=0, trials=rows(2))),  # recorded by someone else
            (InvalidInput, Round(number=1, trials=rows(2, 3, status="fine"))),
            (InvalidInput, Round(number=1, trials=rows(2), counters={"x": object()})),
            (InvalidInput, Round(number=1, trials=[*rows(2), _with(config={1: 2})])),
            (InvalidInput, Round(number=1, trials=[*rows(2), _with(seed=2**64)])),
            (InvalidInput, Round(number=1, trials=[_with(weights="none")])),
            (InvalidInput, Round(number=1, trials=rows(2), curves=[_ragged()])),
        ]
        for error, round in bad:
            try:
                store.record(replace(round, events=[event]))
            except error:
                pass
            else:
                raise AssertionError(f"{round} was accepted")
            assert [t.number for t in store.trials()] == [0, 1]
            assert [r.number for r in store.rounds()] == [0]
            assert len(store.events()) == 1
        # … and the store goes on
        store.record(Round(number=1, trials=rows(2)))
        assert [t.round for t in store.trials()] == [0, 0, 1]
        assert same_row(store.events("train")[0], event)
        assert store.events("compile") == []


def check_a_trial_can_be_replaced(make: Make) -> None:
    def curve(value: float) -> list[CurveRow]:
        return [CurveRow(trial=4, steps=[1], metrics={"loss": [value]})]

    cut = TrialRow(number=4, config={"x": 1}, status="cut", steps=10)
    whole = replace(cut, status="complete", steps=30, round=1)
    with make(StudyRow()) as store:
        store.record(Round(number=0, trials=[cut], curves=curve(1.0)))
        store.record(Round(number=1, trials=[whole], curves=curve(2.0)))
        assert len(store.trials()) == 1
        assert same_row(store.trials()[0], whole)
        assert [c.metrics["loss"][0] for c in store.curves(4)] == [2.0]


def _with(**values: Any) -> TrialRow:
    return TrialRow(**{"number": 9, "config": {}, **values})


def _ragged() -> CurveRow:
    return CurveRow(trial=2, steps=[0, 1], metrics={"loss": [1.0]})


STORE_CHECKS = (
    check_study_comes_back,
    check_every_number_comes_back,
    check_numpy_values_are_taken,
    check_state_comes_back,
    check_a_round_is_all_or_nothing,
    check_a_trial_can_be_replaced,
)
