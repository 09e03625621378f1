"""Which files of a folder are images, and of which class."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from thalweg.core.errors import DataError
from thalweg.data.wording import listed

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
SUFFIXES = (*SUFFIXES, ".pgm")


class Source(NamedTuple):
    """Files, the label of each, and what was left out."""

    paths: list[Path]
    labels: list[str]
    notes: list[str]


def class_folders(folder: str | Path) -> Source:
    """The images of a folder that has one folder per class, named by it.

    Files are taken in the order of their names, those of folders within a class too.
    Names that begin with a dot, and files that are not called like images, are left
    out; the latter are noted.

    Raises DataError where that makes no data to learn from.
    """
    folder = Path(folder)
    entries = _entries(folder)
    classes = [p for p in entries if p.is_dir()]
    if not classes:
        raise _no_classes(folder)
    _check_names(folder, [p.name for p in classes])
    _check_level(folder, classes)
    paths, labels, others = [], [], []
    empty = []
    for each in classes:
        found, rest = _below(each)
        paths += found
        labels += [each.name] * len(found)
        others += rest
        if not found:
            empty.append(each.name)
    if not paths:
        raise DataError(
            f"Images are files such as .png or .jpg, but the class folders of {folder} "
            f"hold none: {listed([p.name for p in classes])}."
        )
    if len(set(labels)) == 1:
        raise DataError(
            f"Classification needs at least two classes, but {folder} has images of "
            f"one: {labels[0]!r}. Add a folder for each of the others."
        )
    notes = _left_out(others)
    loose = [p.name for p in entries if _is_image(p.name) and not p.is_dir()]
    if loose:
        count = f"{len(loose):,} image{'' if len(loose) == 1 else 's'}"
        notes.append(f"Left out {count} beside the class folders: {listed(loose, 3)}.")
    if empty:
        notes.append(f"Left out class folders without images: {listed(empty)}.")
    return Source(paths, labels, notes)


def files_below(place: str | Path) -> Source:
    """All images of a folder, or the one that is named; they have no labels."""
    place = Path(place)
    if place.is_file():
        return Source([place], [], [])
    _entries(place)  # says what is wrong with it
    found, rest = _below(place)
    if not found:
        raise DataError(
            f"Images are files such as .png or .jpg, but {place} holds none."
        )
    return Source(found, [], _left_out(rest))


def _entries(folder: Path) -> list[Path]:
    """What a folder holds by name, hidden things apart."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        raise DataError(f"No such folder: {folder}.") from None
    except NotADirectoryError:
        raise DataError(
            f"Images are read from a folder, but {folder} is a file. Name the folder "
            "that holds one folder per class."
        ) from None
    except OSError as error:
        raise _unreadable(folder, error) from None


def _below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images below a folder in the order of their names, and the other files."""

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename or folder), error) from None

    images, others = [], []
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name == "Thumbs.db":
                continue
            (images if _is_image(name) else others).append(Path(place, name))
    return images, others


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _check_names(folder: Path, names: Iterable[str]) -> None:
    """Raises DataError for classes that differ by the case of letters alone."""
    alike = defaultdict(list)
    for name in names:
        alike[name.casefold()].append(name)
    for same in alike.values():
        if len(same) > 1:
            raise DataError(
                f"Classes need distinct names, but {listed(same)} in {folder} differ "
                "by the case of letters alone. Put their images into one folder, or "
                "rename one."
            )


def _check_level(folder: Path, classes: list[Path]) -> None:
    """Raises DataError where folders such as training and testing hold the classes.

    One folder within each, such as `cat/images`, is no sign of that.
    """
    inner = set()
    for each in classes:
        entries = _entries(each)
        if any(_is_image(p.name) and not p.is_dir() for p in entries):
            return
        inner.add(tuple(p.name for p in entries if p.is_dir()))
    if len(inner) == 1 and len(names := inner.pop()) > 1:
        raise DataError(
            "A folder of images holds one folder per class, but each folder in "
            f"{folder} holds the same ones: {listed(names, 3)}. Name the folder that "
            f"holds the classes, such as {classes[-1]}."
        )


def _no_classes(folder: Path) -> DataError:
    loose, _ = _below(folder)
    if loose:
        return DataError(
            f"Images are put into one folder per class, but those of {folder} (such as "
            f"{loose[0].name}) lie in no class folder. Make a folder for each class."
        )
    return DataError(
        f"A folder of images holds one folder per class, but {folder} is empty of both."
    )


def _left_out(others: list[Path]) -> list[str]:
    if not others:
        return []
    names = listed([p.name for p in others], 3)
    count = f"{len(others):,} file{'' if len(others) == 1 else 's'}"
    return [f"Left out {count} not named like images: {names}."]


def _unreadable(place: Path, error: OSError) -> DataError:
    if isinstance(error, PermissionError):
        return DataError(
            f"{place} may not be read by this user. Change its permissions "
            "(chmod -R u+rX)."
        )
    return DataError(f"{place} can't be read: {error.strerror or error}.")
