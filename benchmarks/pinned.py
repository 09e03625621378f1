"""One measurement in one fresh process, on stated cores with stated threads.

Two programs that both start as many threads as the machine has cores measure
nothing but each other. Here every measured process is bound to its cores before it
starts, is told how many threads to use by every variable that thread pools read,
and can be killed by wall clock or by processor time, with all its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>


@dataclass(frozen=True)
class Finished:
    """What a process left behind; `cause` says why it was ended, if we ended it."""

    returncode: int
    output: str
    errors: str
    wall_seconds: float
    cpu_seconds: float
    cause: str | None  # None | "wall" | "cpu"


def run(
    command: Sequence[str],
    *,
    cores: Sequence[int],
    threads: int,
    kill_after: float | None = None,
    cpu_limit: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Run `command` bound to `cores`; kill it after so many wall or CPU seconds."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment |= {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= dict(variables or {})

    libc = ctypes.CDLL(None)

    def bind() -> None:
        os.sched_setaffinity(0, cores)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # dies with the benchmark
        if cpu_limit is not None:
            resource.setrlimit(
                resource.RLIMIT_CPU, (int(cpu_limit), int(cpu_limit) + 5)
            )

    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            list(command),
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=True,
            preexec_fn=bind,  # bound before the first import can ask for cores
        )
        cause, usage = None, None
        try:
            cause, usage = _wait(process, began, kill_after)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # children left behind
        wall = time.monotonic() - began
        if process.returncode == -signal.SIGXCPU:
            cause = "cpu"
        output.seek(0)
        errors.seek(0)
        return Finished(
            returncode=process.returncode,
            output=output.read(),
            errors=errors.read(),
            wall_seconds=wall,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            cause=cause,
        )


def _wait(
    process: subprocess.Popen[bytes], began: float, kill_after: float | None
) -> tuple[str | None, resource.struct_rusage]:
    cause = None
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return cause, usage
        waited = time.monotonic() - began
        if kill_after is not None and waited > kill_after and cause is None:
            cause = "wall"
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.002 if waited < 10 else 0.05)


def peak_rss_mib() -> float:
    """Peak resident memory of this very process in MiB (Linux)."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def machine() -> str:
    """The machine in one line, for the head of a printed table."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as info:
        line = next(line for line in info if line.startswith("model name"))
        model = line.split(":", 1)[1].strip()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} cores; load average {load} (1, 5, 15 min); "
        f"Python {platform.python_version()}"
    )
