"""Settings of every test: strict dtypes, two host devices, a shared compile cache."""

import itertools
import os
import tempfile
from pathlib import Path

import jax
import pytest

if os.environ.get("THALWEG_TESTS_COMPILE") == "quickly":  # half the time of a test
    os.environ["XLA_FLAGS"] = (
        "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    )
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_dtype_promotion", "standard")
jax.config.update("jax_numpy_rank_promotion", "allow")
_cache = Path(tempfile.gettempdir()) / f"thalweg-tests-{os.getuid()}"
jax.config.update("jax_compilation_cache_dir", str(_cache))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.devices()  # reads the flags
os.environ.pop("XLA_FLAGS", None)  # programs that tests start run as they do for users

_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def few_programs():
    """Drop compiled programs now and then.

    A process may map 65,530 regions of memory on Linux, and every program takes some:
    the whole suite came to that limit, and was aborted.
    """
    yield
    if next(_tests) % 150 == 0:
        jax.clear_caches()


@pytest.fixture
def x64():
    """Double precision, for comparisons with oracles."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, or a skip that says how to name one."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("THALWEG_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets: {folder} is absent; set THALWEG_DATA")
    return folder
