"""The worker's loop: evaluate what a study suggests, with one thread or many.

Each evaluation is told as soon as it ends, and its worker gets the next suggestion at
once; nobody waits for the slowest of a batch.
"""

import inspect
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from thalweg.core.errors import InvalidInput
from thalweg.study.trial import Suggestion, Trial
from thalweg.study.work import Batch, Work

POLL = 0.2  # seconds between looks at what other processes have told


@dataclass
class Run:
    """One call of `Study.optimize`, which explains what there is to choose."""

    work: Work
    f: Callable[..., Any]
    n_trials: float
    end: float  # of `time.monotonic`
    n_jobs: int
    batch_size: int
    batched: bool
    catch: type[Exception] | tuple[type[Exception], ...]
    executor: Executor | None
    watch: Callable[[Trial], Any]  # called with each trial told

    def __post_init__(self) -> None:
        for name in ("n_jobs", "batch_size"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or (value < 1 and (name, value) != ("n_jobs", -1)):
                raise InvalidInput(f"`{name}` must be at least 1, but got {value!r}.")
        if self.n_jobs == -1:
            self.n_jobs = os.cpu_count() or 1
        self.takes_budget = takes(self.f, "budget") and not self.batched
        self.done = 0
        self.backlog: deque[Suggestion] = deque()
        self.running: dict[Future[Any], Batch] = {}

    def __call__(self) -> None:
        """Until a limit, or until there is nothing left to evaluate."""
        self.backlog += self.work.given()
        with self._pool() as pool:
            try:
                while True:
                    self._fill(pool)
                    if self.running:
                        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
                        self._tell(done)
                    elif self._over() or not self.work.waits():
                        break
                    else:
                        time.sleep(min(POLL, max(0.0, self.end - time.monotonic())))
            except BaseException:
                self._finish()
                raise

    def _fill(self, pool: Executor) -> None:
        """Gives every free worker something to do."""
        while len(self.running) < self.n_jobs and not self._over():
            batch = self._next()
            if not batch:
                return
            given = [suggestion for suggestion, _ in batch]
            options = (self.batched, self.takes_budget, self.catch)
            self.running[pool.submit(_evaluate, self.f, given, *options)] = batch

    def _over(self) -> bool:
        return self.work.ended() or self._left() <= 0 or time.monotonic() >= self.end

    def _left(self) -> float:
        """How many may still begin."""
        return self.n_trials - self.done - sum(map(len, self.running.values()))

    def _next(self) -> Batch:
        """What was left by those who are gone, else what the proposer asks for."""
        if not self.backlog:
            self.backlog += self.work.left_behind()
        if not self.backlog:
            self.backlog += self.work.ask(int(min(self.batch_size, self._left())))
        size = min(self.batch_size if self.batched else 1, self._left())
        taken = [
            self.backlog.popleft() for _ in range(min(int(size), len(self.backlog)))
        ]
        return [(one, dict(one)) for one in taken]  # `f` may change what it gets

    def _tell(self, finished: set[Future[Any]]) -> None:
        for future in sorted(finished, key=lambda f: self.running[f][0][0].trial):
            trials = self.work.tell(self.running.pop(future), *future.result())
            self.done += len(trials)
            for trial in trials:
                self.watch(trial)

    def _finish(self) -> None:
        """Nothing more begins. What has begun ends by itself, and is told."""
        for future in list(self.running):
            if future.cancel():
                del self.running[future]
        wait(self.running)
        for future, batch in self.running.items():
            if future.exception() is None:
                self.work.tell(batch, *future.result())

    def _pool(self) -> AbstractContextManager[Executor]:
        if self.executor is not None:
            return nullcontext(self.executor)
        return Here() if self.n_jobs == 1 else ThreadPoolExecutor(self.n_jobs)


class Here(Executor):
    """Evaluates at once, in the caller's thread; what is raised goes to the caller."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The result, as a future that is done."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def takes(f: Callable[..., Any], name: str) -> bool:
    """Whether `f` has a keyword argument `name`."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters


def _evaluate(
    f: Callable[..., Any],
    given: Sequence[Suggestion],
    batched: bool,
    takes_budget: bool,
    catch: type[Exception] | tuple[type[Exception], ...],
) -> tuple[Any, float, str]:
    """What `f` gives, the seconds it took, and what was caught; in any process."""
    begin, result, error = time.perf_counter(), None, ""
    try:
        if batched:
            result = f(list(given))
        elif takes_budget:
            result = [f(given[0], budget=given[0].budget)]
        else:
            result = [f(given[0])]
    except catch as caught:
        error = f"{type(caught).__name__}: {caught}"
    return result, time.perf_counter() - begin, error


@contextmanager
def progress_bar(total: float, *, shown: bool) -> Iterator[Callable[[str], None]]:
    """A function to be called with a few words after each trial; rich draws the bar."""
    if not shown:
        yield lambda words: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=total if math.isfinite(total) else None)
        yield lambda words: bar.update(task, advance=1, description=words)
