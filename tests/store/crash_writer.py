"""A program that records rounds until it is killed; `test_crash` runs it."""

import sys
from dataclasses import replace

import numpy as np

from thalweg.store import CurveRow, EventRow, Round, Store, StudyRow, TrialRow, pack

TRIALS = 16  # of a round
REPLICAS = 2


def round_of(number: int) -> Round:
    """What round `number` holds: big enough that writing it takes a while."""
    rng = np.random.default_rng(number)
    trials, curves = [], []
    for i in range(TRIALS):
        trial = number * TRIALS + i
        config = {"rate": rng.random(), "depth": int(rng.integers(5))}
        trials.append(TrialRow(number=trial, config=config, score=rng.random()))
        curves += [
            CurveRow(
                trial=trial,
                replica=r,
                steps=np.arange(30.0),
                metrics={"loss": rng.random(30)},
            )
            for r in range(REPLICAS)
        ]
    state = pack([rng.random((200, 20)), np.asarray(number)])
    event = EventRow(kind="train", seconds=1.0, at=float(number))
    return Round(
        number=number, trials=trials, curves=curves, state=state, events=[event]
    )


def record_forever(store: Store) -> None:
    last = store.last_round()
    number = last.number + 1 if last else 0
    while True:
        round = round_of(number)
        survivor, loser = round.trials[0], (number - 1) * TRIALS
        arrays = {"kernel": np.full((40, 40), float(survivor.number))}
        name = store.rundir.save_weights(survivor.number, arrays)
        trials = [replace(survivor, weights=name), *round.trials[1:]]
        released = [loser] if number else []
        store.record(replace(round, trials=trials, released=released))
        sys.stdout.write(f"{number}\n")  # from here on it must not be lost
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    try:
        opened = Store.open(sys.argv[1], write=True, fingerprint="f")
    except OSError:
        opened = Store.create(sys.argv[1], StudyRow(fingerprint="f"))
    record_forever(opened)
