"""A run directory: everything of one study in plain files.

    settings.json   which study this is and how it was asked for; its presence makes the
                    directory a run directory
    study.db        trials, curves, rounds (unless another storage was named)
    weights/        trial-000012.safetensors, … of the trials that are still in the race
    model/          the finished model
    run.lock        held by the one process that writes

A directory that holds anything else is refused, so no file of the user is touched.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.core.errors import StoreError
from thalweg.store import codec
from thalweg.store.faults import explained
from thalweg.store.weights import TEMPORARY, load_arrays, save_arrays, write_atomic

FORMAT = "thalweg run 1"


@dataclass(frozen=True)
class RunDir:
    """Where the files of one study lie; `create` and `open` check the directory."""

    path: Path

    @property
    def settings_file(self) -> Path:
        return self.path / "settings.json"

    @property
    def database(self) -> Path:
        return self.path / "study.db"

    @property
    def weights(self) -> Path:
        return self.path / "weights"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"

    @staticmethod
    def create(path: str | Path) -> "RunDir":
        """The directory, made if need be; a `StoreError` if it holds foreign files."""
        run = RunDir(Path(path))
        with explained(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            if run.settings_file.exists():
                run.marks()  # one that a killed creation left, else an error
            else:
                run._refuse_foreign_files()
            run.weights.mkdir(exist_ok=True)
        return run

    @staticmethod
    def open(path: str | Path) -> "RunDir":
        """An existing run directory; a `StoreError` if it is something else."""
        run = RunDir(Path(path))
        with explained(run.path):
            if not run.path.exists():
                raise StoreError(
                    f"There is no run directory {run.path}. Check the name, or start a "
                    "search with `thalweg fit`."
                )
            if not run.settings_file.is_file():
                raise StoreError(
                    f"A run directory has a settings.json, but {run.path} has none. "
                    "Name the directory that `thalweg fit --out` wrote."
                )
        return run

    def _refuse_foreign_files(self) -> None:
        ours = {self.lock.name, self.weights.name}
        found = sorted(entry.name for entry in self.path.iterdir())
        foreign = [n for n in found if n not in ours and not n.startswith(TEMPORARY)]
        if self.weights.is_dir():
            foreign += [f"weights/{entry.name}" for entry in self.weights.iterdir()]
        if foreign:
            raise StoreError(
                "A new run needs an empty directory, or one that does not exist yet, "
                f"but {self.path} has {_listed(foreign)}. Choose another directory."
            )

    def mark(self, study: str, storage: str, settings: Mapping[str, Any]) -> None:
        """Write `settings.json`: from now on this is the run directory of `study`."""
        content = {
            "format": FORMAT,
            "study": study,
            "storage": storage,
            "settings": dict(settings),
        }
        text = codec.dumps(content, indent=2) + "\n"
        write_atomic(self.settings_file, text.encode())

    def marks(self) -> dict[str, Any]:
        """What `mark` wrote."""
        with explained(self.settings_file):
            text = self.settings_file.read_bytes()
        try:
            content = codec.loads(text.decode())
            known = content["format"] == FORMAT and isinstance(content["study"], str)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            known = False
            content = {}
        if not known:
            raise StoreError(
                f"{self.settings_file} must be one that this version of Thalweg wrote "
                f"(format {FORMAT!r}), but it is not. Choose another directory, or use "
                "the version that wrote it."
            )
        return content

    def save_weights(
        self, trial: int, arrays: Mapping[str, Any], *, metadata: Mapping[str, Any] = {}
    ) -> str:
        """Write a trial's weights under a name of their own; the row then names them.

        A file that a row may already name is never replaced: were the process killed
        before the row changes, the old weights would be gone.
        """
        name = f"trial-{trial:06d}.safetensors"
        again = 0
        while (self.weights / name).exists():
            again += 1
            name = f"trial-{trial:06d}.{again}.safetensors"
        save_arrays(self.weights / name, arrays, metadata=metadata)
        return name

    def load_weights(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and metadata of a file in `weights/`."""
        return load_arrays(self.weights / name)

    def delete_weights(self, names: Collection[str]) -> None:
        """Delete files of `weights/` that no row names any more."""
        with explained(self.weights):
            for name in names:
                (self.weights / name).unlink(missing_ok=True)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Delete what a killed process left: drafts, and weights that no row names."""
        swept = []
        with explained(self.path):
            for folder in (self.path, self.weights):
                if not folder.is_dir():
                    continue
                for entry in sorted(folder.iterdir()):
                    draft = entry.name.startswith(TEMPORARY)
                    orphan = (
                        folder == self.weights
                        and entry.match("trial-*.safetensors")
                        and entry.name not in keep
                    )
                    if draft or orphan:
                        entry.unlink(missing_ok=True)
                        swept.append(entry.name)
        return swept


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(repr(name) for name in names[:3]) + more
