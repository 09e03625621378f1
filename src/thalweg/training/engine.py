"""Train any number of jobs: group them, compile, fill places, read out, keep the clock.

The engine is the imperative half of the trainer. Jobs that share a signature share a
*bench*: a compiled program and its places. The engine visits a bench's members in
segments of about half a second, depth first: a member is carried to its end before the
next moves in, so that at any moment most of the time spent has become finished members.
None of this is part of a result: a member's depends on its job alone.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Vectors
from thalweg.training.bench import Bench, Finished, Job, infeasible
from thalweg.training.candidate import signature
from thalweg.training.devices import default_width, mesh
from thalweg.training.population import Program, Task

SEGMENT_SECONDS = 0.5  # how long a call should take: the clock is read between calls
PLACES = 32  # members per device, unless memory says fewer
FIRST_GUESS = 4.0  # seconds that a compilation takes, before one was measured
COMPILE_MARGIN = 2.0  # a compilation starts if this many times its length is left


@dataclass
class Tally:
    """What the engine has done so far; a progress display reads it."""

    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    programs: int = 0
    members: int = 0  # ended, however they ended
    steps: int = 0
    waiting: int = 0  # jobs that have not ended


class Engine:
    """Trains jobs on one task.

    **steps**: of one round, after which a member is judged.
    **memory**: bytes that the places of one program may take, on all devices.
    **width**: members that a device trains as one batch; None chooses by the backend.
    **devices**: how many to use; None is all. **places**: for members, per device.
    **watch**: called with the tally after each segment.
    """

    def __init__(
        self,
        task: Task,
        *,
        steps: int,
        memory: int = 1 << 30,
        width: int | None = None,
        devices: int | None = None,
        places: int = PLACES,
        watch: Callable[[Tally], None] | None = None,
    ):
        if steps < 1:
            raise InvalidInput(f"`steps` must be at least 1, but got {steps}.")
        self.task, self.steps, self.memory = task, steps, memory
        self.places = places
        self.width = width or default_width()
        self.mesh = mesh(devices)
        self.tally = Tally()
        self.interrupted = False
        self.watch = watch or (lambda tally: None)
        self._benches: dict[Any, Bench] = {}
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="thalweg-compile")
        self._shared: PyTree = None

    def train(
        self, jobs: Iterable[Job], *, deadline: float = float("inf")
    ) -> list[Finished]:
        """Train every job to its end, or to `deadline` (of `time.monotonic`).

        Returns what has ended, by trial and replica. A job that the deadline cut has
        status "cut" if it was ever judged, and is left out otherwise; one whose
        program does not fit in memory is "infeasible".
        """
        for job in jobs:
            self._bench(job.candidate).waiting.append(job)
        done: list[Finished] = []
        try:
            while not self.interrupted and time.monotonic() < deadline:
                if not any(bench.busy for bench in self._benches.values()):
                    break
                ended = self._advance(deadline)
                if ended is None:
                    break
                done += ended
                self._report(len(ended))
        except KeyboardInterrupt:
            self.interrupted = True
        cut = [end for bench in self._benches.values() for end in bench.clear()]
        done += cut
        self._report(len(cut))
        return sorted(done, key=lambda end: (end.job.trial, end.job.replica))

    def known(self, candidate: Any) -> bool:
        """Whether the candidate's program is compiled already."""
        bench = self._benches.get(self._signature(candidate))
        return bench is not None and bench.ready

    def packed(self, candidate: Any, state: PyTree) -> Vectors:
        """A member's state, as `Job.keep` hands it back: one vector per dtype."""
        return self._bench(candidate).program.packing.pack(state)

    def unpacked(self, candidate: Any, vectors: Vectors) -> PyTree:
        """The state for `Job.resume` that `packed` made vectors of."""
        return self._bench(candidate).program.members(vectors)

    def compile_estimate(self) -> float:
        """Seconds that one more program is likely to take."""
        times = [b.program.compile_seconds for b in self._benches.values() if b.ready]
        return float(np.median(times)) if times else FIRST_GUESS

    def _signature(self, candidate: Any) -> Any:
        return signature(candidate, width=self.width)

    def _bench(self, candidate: Any) -> Bench:
        name = self._signature(candidate)
        if name not in self._benches:
            self._benches[name] = Bench(self._program(candidate))
        return self._benches[name]

    def _program(self, candidate: Any) -> Program:
        """A program with as many places as memory allows."""
        least = self.width * self.mesh.size
        smallest = Program(
            candidate, self.task, mesh=self.mesh, capacity=least, width=self.width
        )
        fits = int(self.memory // (least * max(1, smallest.member_bytes)))
        blocks = max(1, min(fits, self.places // self.width))
        return smallest.with_capacity(blocks * least)

    def _advance(self, deadline: float) -> list[Finished] | None:
        """One segment of a compiled bench, while the next program compiles.

        None if there is no time left for what it would take to go on.
        """
        busy = [bench for bench in self._benches.values() if bench.busy]
        self._order_compilation(busy, deadline)
        ordered = [bench for bench in busy if bench.compiling is not None]
        ended = [end for bench in ordered for end in self._admit(bench, wait=0.0)]
        left = deadline - time.monotonic()
        ready = [b for b in busy if b.ready and b.round_seconds(self.steps) < left]
        if ready:  # in the order that they were first asked for
            return ended + self._segment(ready[0], deadline)
        pending = [bench for bench in ordered if bench.compiling is not None]
        if pending:
            wait = max(0.0, deadline - time.monotonic())
            ended += self._admit(pending[0], wait=wait)
        return ended if ordered else None

    def _order_compilation(self, busy: list[Bench], deadline: float) -> None:
        """Begin to compile what there is time for; the first program always is begun.

        Without it nothing would be trained at all, and what it takes is a guess.
        """
        for bench in busy:
            if bench.ready or bench.compiling is not None:
                continue
            begun = any(b.ready or b.compiling for b in self._benches.values())
            left = deadline - time.monotonic()
            if not begun or left > COMPILE_MARGIN * self.compile_estimate():
                job = self._compiler.submit(bench.program.compile, self.task)
                bench.compiling = job

    def _admit(self, bench: Bench, *, wait: float) -> list[Finished]:
        """Take over a compiled program, if it is there within `wait` seconds."""
        if bench.ready or bench.compiling is None:
            return []
        try:
            bench.compiling.result(timeout=min(wait, 1e6))
        except FutureTimeout:
            return []
        except jax.errors.JaxRuntimeError as error:
            return self._shrink(bench, error)
        bench.compiling, bench.ready = None, True
        self.tally.programs += 1
        self.tally.compile_seconds += bench.program.compile_seconds
        return []

    def _segment(self, bench: Bench, deadline: float) -> list[Finished]:
        if self._shared is None:
            self._shared = bench.program.put((self.task.data, self.task.inputs))
        left = deadline - time.monotonic()
        seconds = float(np.clip(0.5 * left, 0.02, SEGMENT_SECONDS))
        try:
            ended, steps, took = bench.segment(
                self._shared, steps=self.steps, seconds=seconds
            )
        except jax.errors.JaxRuntimeError as error:
            return self._shrink(bench, error)
        self.tally.steps += steps
        self.tally.train_seconds += took
        return ended

    def _shrink(self, bench: Bench, error: Exception) -> list[Finished]:
        """Out of memory: half the places; with the fewest, its jobs are infeasible."""
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise error
        least = self.width * self.mesh.size
        jobs = bench.evict()
        bench.compiling, bench.ready = None, False
        if bench.program.capacity <= least:
            return [infeasible(job) for job in jobs]
        blocks = bench.program.capacity // least // 2
        bench.program = bench.program.with_capacity(blocks * least)
        bench.waiting.extend(jobs)
        return []

    def _report(self, ended: int) -> None:
        self.tally.members += ended
        self.tally.waiting = sum(bench.jobs for bench in self._benches.values())
        self.watch(self.tally)
