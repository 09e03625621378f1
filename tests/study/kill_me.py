"""A run of `thalweg fit` by its functions, to be killed: begun, or gone on with.

Its trainings are shorter than a table deserves: there are rounds to be killed in.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

table, out = sys.argv[1:]


def main() -> None:
    import jax

    cache = Path(tempfile.gettempdir()) / f"thalweg-tests-{os.getuid()}"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    from thalweg.automl import run, tables
    from thalweg.automl.settings import Settings

    whole = tables.plan
    tables.plan = lambda *args, **rest: replace(
        whole(*args, **rest), epochs=100, round_steps=10
    )

    def tell(prepared, search):
        sys.stdout.write(f"{search.rounds}\n")
        sys.stdout.flush()

    if (Path(out) / "study.db").exists():
        run.resume(out, watch=tell)
    else:
        settings = Settings(time_limit=None, trials=40, preset="fast", cv=2, seed=3)
        run.begin(table, "label", out, settings, watch=tell)


if __name__ == "__main__":
    main()
