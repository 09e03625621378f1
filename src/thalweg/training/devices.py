"""The devices that a population is spread over, and the cache of compiled programs."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh


def configure(cache: str | Path | None = None) -> None:
    """One host device per core, and compiled programs kept between processes.

    Call it before JAX is first used: afterwards the number of devices stands as it is.
    Settings that the user has made, in JAX or in the environment, are left alone.

    **cache**: the folder of compiled programs; by default `THALWEG_CACHE`, else
    `~/.cache/thalweg`. An unwritable folder switches the cache off.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = cores or os.cpu_count() or 1
    settings: Any = jax.config
    if settings.jax_num_cpu_devices < 1 and "XLA_FLAGS" not in os.environ:
        # raises once the backend runs: its devices are then what the user chose
        import contextlib

        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores)
    if settings.jax_compilation_cache_dir is None:
        folder = Path(cache or os.environ.get("THALWEG_CACHE") or _default_cache())
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        if os.access(folder, os.W_OK):
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "thalweg" / "programs"


def mesh(count: int | None = None) -> Mesh:
    """A one-axis mesh, "p", over the first `count` local devices (default: all)."""
    devices = jax.local_devices()[:count]
    return Mesh(np.array(devices), ("p",), axis_types=(AxisType.Auto,))


def default_width() -> int:
    """Members that one device trains at once: 1 on a CPU, where a loop is as fast as
    a batch and leaves structure free to be data; a batch on an accelerator."""
    return 1 if jax.default_backend() == "cpu" else 64
