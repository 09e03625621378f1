"""Where a run's data came from, so that they can be read again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from thalweg.automl.prepared import Data
from thalweg.automl.settings import Settings
from thalweg.core.errors import DataError, InvalidInput
from thalweg.data import load_table
from thalweg.data.images import class_folders, load_images


@dataclass(frozen=True)
class Source:
    """A table's file with the column to predict, or a folder of class folders."""

    path: str
    target: str | None
    task: str | None
    digest: str  # SHA-256 of the file, or of its images' names, sizes and times

    @staticmethod
    def of(path: str | Path, target: str | None, task: str | None) -> "Source":
        path = Path(path).resolve()
        try:
            digest = _digest(path)
        except (OSError, DataError):
            digest = ""  # reading the data will say what is wrong
        return Source(str(path), target, task, digest)

    def load(self, settings: Settings) -> Data:
        """The data, read and checked."""
        if Path(self.path).is_dir():
            if self.target is not None or self.task not in (None, "classification"):
                raise InvalidInput(
                    "The target of a folder of images is their class folder. Leave "
                    "`--target` out."
                )
            return load_images(self.path, image_size=settings.image_size)
        if self.target is None and Path(self.path).exists():
            raise InvalidInput(
                "A table needs the name of the column to predict. Give `--target`."
            )
        return load_table(self.path, self.target, self.task)  # type: ignore[arg-type]


def _digest(path: Path) -> str:
    if path.is_dir():
        digest = hashlib.sha256()
        for file in class_folders(path).paths:
            found = file.stat()
            line = f"{file.relative_to(path)}|{found.st_size}|{found.st_mtime_ns}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
