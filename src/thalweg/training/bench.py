"""A bench: one compiled program, its places, and the jobs that take turns on them."""

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from thalweg.training.member import RUNNING, STATUS, Member
from thalweg.training.population import (
    AS_IS,
    CURVE,
    FRESH,
    HEIR,
    ROUNDS,
    Arrivals,
    Program,
    Visit,
    local,
    take,
)

FIRST_VISIT = 1  # rounds of the first visit, which measures the speed


class Job(NamedTuple):
    """One member to train: a replica (fold x repeat) of a trial."""

    trial: int
    replica: int
    candidate: Any  # has `assemble() -> Candidate`
    split: int
    seed: np.uint32
    resume: PyTree | None = None  # the arrays of a member to go on from …
    heir: bool = False  # … with its weights alone, as a member with a recipe of its own
    keep: bool = False  # hand back what `resume` needs


class Finished(NamedTuple):
    """How a job ended. The network is the best one that validation saw."""

    job: Job
    status: str  # complete, stopped, diverged, cut, infeasible
    loss: float  # validation loss at its best
    step: int  # of the best
    steps: int  # taken in all
    network: Any  # with NumPy leaves; None if it never had a finite loss
    outputs: Float[np.ndarray, "n c"] | None  # on its split's validation rows
    parameters: int  # that are trained
    curve: Float[np.ndarray, "t k"]  # columns CURVE (and `Task.inspect`), by rounds
    seconds: float  # its share of the training time
    state: PyTree | None  # for `Job.resume`
    at: float  # when it was read, of `time.monotonic`


@dataclass
class Seat:
    """A place that somebody lives at."""

    job: Job
    fresh: int  # AS_IS, or what it is when it first trains
    curve: list[np.ndarray] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0


class Bench:
    """The places of one program; `segment` lets some of their members train."""

    def __init__(self, program: Program):
        self.program = program
        self.waiting: deque[Job] = deque()
        self.seats: dict[int, Seat] = {}
        self.step_seconds: float | None = None  # of one member on one device
        self.ready = False  # compiled
        self.compiling: Future[None] | None = None
        self._population: PyTree = None
        self._candidates: PyTree = None

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.seats)

    @property
    def jobs(self) -> int:
        return len(self.waiting) + len(self.seats)

    def round_seconds(self, steps: int) -> float:
        """Of the shortest visit, which nothing interrupts; 0 before one is measured."""
        return (self.step_seconds or 0.0) * steps * self.program.width

    def segment(
        self, shared: PyTree, *, steps: int, seconds: float
    ) -> tuple[list[Finished], int, float]:
        """Train some members for about `seconds`, `steps` to a round.

        Returns who has ended, the steps taken and the seconds they took.
        """
        begin = time.perf_counter()
        if self._population is None:
            self._population = self.program.empty()
        visit = self._plan(steps, seconds)
        arrivals = self._arrivals()
        self._population, curves = self.program.run(
            self._population, shared, arrivals, visit
        )
        return self._collect(local(curves), begin)

    def clear(self) -> list[Finished]:
        """Send everybody home: whoever has a result is "cut", whoever waits is not."""
        cut = [p for p, seat in self.seats.items() if seat.steps > 0]
        ended = self._read(cut, status="cut")
        self.waiting.clear()
        self.seats.clear()
        self._population = self._candidates = None
        return [end for end in ended if end.network is not None]

    def evict(self) -> list[Job]:
        """All jobs, to be begun anew; the population is dropped."""
        jobs = [seat.job for seat in self.seats.values()] + list(self.waiting)
        self.waiting.clear()
        self.seats.clear()
        self._population = self._candidates = None
        return jobs

    def _plan(self, steps: int, seconds: float) -> Visit:
        """Who trains in this segment, and room made for whoever moves in."""
        program, devices = self.program, self.program.mesh.size
        places = program.capacity // devices
        rounds, count = FIRST_VISIT, program.width
        if self.step_seconds is not None:
            block = self.step_seconds * steps * program.width  # one round of a block
            longest = min(ROUNDS, self._rounds_left(steps))
            rounds = int(np.clip(seconds / block, 1, longest))
            count = int(np.clip(seconds / (rounds * block), 1, places)) * program.width
        count = min(count, places)
        turns: list[list[int]] = [[] for _ in range(devices)]
        for place in sorted(self.seats):
            turns[place // places].append(place)
        turns = [turn[:count] for turn in turns]
        newcomers: list[tuple[int, Job]] = []
        while self.waiting:
            device = min(range(devices), key=lambda d: len(turns[d]))
            taken = {*self.seats, *(place for place, _ in newcomers)}
            free = [
                p
                for p in range(device * places, (device + 1) * places)
                if p not in taken
            ]
            if len(turns[device]) >= count or not free:
                break
            newcomers.append((free[0], self.waiting.popleft()))
            turns[device].append(free[0])
        self._move_in(newcomers)
        order = np.zeros((devices, places), np.int32)
        for device, turn in enumerate(turns):
            order[device, : len(turn)] = np.array(turn, np.int32) - device * places
        return Visit(
            order=order.reshape(-1),
            count=np.array([len(turn) for turn in turns], np.int32),
            rounds=np.full(devices, rounds, np.int32),
            steps=np.full(devices, steps, np.int32),
        )

    def _rounds_left(self, steps: int) -> int:
        """The most rounds that anybody here has before them."""
        here = [(seat.job, seat.steps) for seat in self.seats.values()]
        next_in = [(job, 0) for job in self.waiting]
        left = [int(job.candidate.stop.steps) - taken for job, taken in here + next_in]
        return max(1, -(-max(left, default=1) // steps))

    def _move_in(self, newcomers: list[tuple[int, Job]]) -> None:
        if self._candidates is None:
            self._candidates = jax.tree.map(
                lambda leaf: np.zeros((self.program.capacity, *leaf.shape), leaf.dtype),
                self.program.example,
            )
        for place, job in newcomers:
            steps = 0 if job.resume is None else int(job.resume.step)
            fresh = HEIR if job.heir else AS_IS
            fresh = FRESH if job.resume is None else fresh
            self.seats[place] = Seat(job, fresh=fresh, steps=steps)
            arrays = eqx.filter(job.candidate, eqx.is_array_like)
            jax.tree.map(
                lambda rows, value, place=place: rows.__setitem__(place, value),
                self._candidates,
                arrays,
            )
        returning = {
            place: job.resume for place, job in newcomers if job.resume is not None
        }
        if returning:
            self._population = self.program.place(self._population, returning)

    def _arrivals(self) -> Arrivals:
        split, fresh = (np.zeros(self.program.capacity, np.int32) for _ in range(2))
        seed = np.zeros(self.program.capacity, np.uint32)
        for place, seat in self.seats.items():
            split[place], seed[place] = seat.job.split, seat.job.seed
            fresh[place] = seat.fresh
        return Arrivals(self._candidates, split, seed, fresh)

    def _collect(
        self, curves: Float[np.ndarray, "p t k"], begin: float
    ) -> tuple[list[Finished], int, float]:
        """Read the segment's results; waits until the devices are done."""
        status, reached = self.program.progress(self._population)
        seconds = time.perf_counter() - begin
        taken = {}
        for place, seat in self.seats.items():
            rows = curves[place]
            rows = rows[~np.isnan(rows[:, 0])]
            if len(rows):
                seat.curve.append(rows)
                seat.fresh = AS_IS
                taken[place] = int(reached[place]) - seat.steps
                seat.steps = int(reached[place])
        total = max(1, sum(taken.values()))
        for place, number in taken.items():
            self.seats[place].seconds += seconds * number / total
        self._measure(taken, seconds)
        # who is resumed may have ended before, and then has not trained here
        ended = [
            place
            for place, seat in self.seats.items()
            if status[place] != RUNNING and not seat.fresh
        ]
        return self._read(ended), sum(taken.values()), seconds

    def _measure(self, taken: dict[int, int], seconds: float) -> None:
        places = self.program.capacity // self.program.mesh.size
        busiest = max(
            sum(n for place, n in taken.items() if place // places == device)
            for device in range(self.program.mesh.size)
        )
        if busiest:
            now = seconds / busiest
            old = self.step_seconds
            self.step_seconds = now if old is None else 0.5 * (old + now)

    def _read(self, places: list[int], status: str | None = None) -> list[Finished]:
        """Copy members out; their places are free afterwards."""
        if not places:
            return []
        wanted = np.array(places)
        vectors = jax.tree.map(lambda leaf: take(leaf, wanted), self._population)
        ended = []
        for row, place in enumerate(places):
            seat = self.seats.pop(place)
            own = self.program.members({k: v[row] for k, v in vectors.items()})
            ended.append(self._finished(seat, self.program.member(own), own, status))
        return ended

    def _finished(
        self, seat: Seat, member: Member, arrays: PyTree, status: str | None
    ) -> Finished:
        judged = int(member.best_step) > 0
        rows = self.program.validation_size[seat.job.split]
        return Finished(
            job=seat.job,
            status=status or STATUS[int(member.status)],
            loss=float(member.best_loss) if judged else float("nan"),
            step=int(member.best_step),
            steps=seat.steps,
            network=_copied(member.best_network) if judged else None,
            outputs=_copied(member.best_outputs[:rows]) if judged else None,
            parameters=self.program.parameters,
            curve=np.concatenate(seat.curve)
            if seat.curve
            else np.zeros((0, len(CURVE))),
            seconds=seat.seconds,
            state=arrays if seat.job.keep else None,
            at=time.monotonic(),
        )


def _copied(tree: PyTree) -> PyTree:
    """Arrays of its own: a view would keep the whole member, moments and all."""
    return jax.tree.map(lambda x: np.array(x) if eqx.is_array_like(x) else x, tree)


def infeasible(job: Job) -> Finished:
    """A job whose program does not fit in memory."""
    return Finished(
        job=job,
        status="infeasible",
        loss=float("nan"),
        step=0,
        steps=0,
        network=None,
        outputs=None,
        parameters=0,
        curve=np.zeros((0, len(CURVE))),
        seconds=0.0,
        state=None,
        at=time.monotonic(),
    )
