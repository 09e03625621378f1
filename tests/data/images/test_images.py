import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from thalweg.core.errors import DataError, InvalidInput
from thalweg.data.images import (
    ImageFormat,
    files_below,
    image_set,
    load_images,
    reading,
)
from thalweg.data.images.form import LONGEST, fitted, target_size
from thalweg.data.images.image_set import pixels_of


def picture(height, width, colour=True, seed=0):
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of three grey images."""
    for number in range(6):
        name = f"{'cat' if number % 2 else 'dog'}/{number}.png"
        save(picture(8, 6, colour=False, seed=number), tmp_path / "images" / name)
    return tmp_path / "images"


def sentence(error) -> str:
    """The message, after a check that it is one or two sentences."""
    text = str(error.value)
    assert text.endswith((".", "others.")), text
    assert "\n" not in text
    assert len(text) < 320
    return text


class TestFolder:
    def test_pixels_and_classes_are_the_files_in_order(self, folder):
        images = load_images(folder)
        assert images.form == ImageFormat(8, 6, 1)
        assert images.classes is not None
        assert images.classes.labels.tolist() == ["cat", "dog"]
        assert images.target.tolist() == [0, 0, 0, 1, 1, 1]
        assert images.target_name == "class"
        expected = [picture(8, 6, colour=False, seed=n) for n in (1, 3, 5, 0, 2, 4)]
        assert np.array_equal(images.pixels[..., 0], expected)
        summary = images.summary()
        assert summary["images"] == "8 × 6, grey"
        assert summary["memory"] == "0.0 MB"

    def test_one_colour_image_makes_all_of_them_colour(self, folder):
        save(picture(8, 6), folder / "cat/colour.jpg")
        assert load_images(folder).form.channels == 3

    def test_others_files_are_left_out_and_noted(self, folder):
        (folder / "cat" / "notes.txt").write_text("cats")
        (folder / "cat" / ".hidden.png").write_text("no image")
        (folder / "bird").mkdir()
        notes = " ".join(load_images(folder).notes)
        assert "1 file not named like images: 'notes.txt'" in notes
        assert "without images: 'bird'" in notes

    def test_images_beside_the_classes_are_noted(self, folder):
        save(picture(8, 6), folder / "beside.png")
        assert len(images := load_images(folder)) == 6
        assert "1 image beside the class folders: 'beside.png'" in images.notes[0]

    def test_one_folder_within_each_class(self, folder):
        for name in ("cat", "dog"):
            (folder / name).rename(folder / "old")
            (folder / name).mkdir()
            (folder / "old").rename(folder / name / "images")
        assert load_images(folder).target.tolist() == [0, 0, 0, 1, 1, 1]

    def test_folders_within_a_class_belong_to_it(self, folder):
        save(picture(8, 6, colour=False), folder / "cat/more/9.png")
        assert load_images(folder).target.tolist() == [0, 0, 0, 0, 1, 1, 1]

    def test_predicted_folder_needs_no_classes(self, folder):
        images = load_images(folder)
        assert np.array_equal(pixels_of(folder / "dog", images.form), images.pixels[3:])
        one = pixels_of(folder / "dog" / "0.png", images.form)
        assert np.array_equal(one, images.pixels[3:4])
        assert [p.name for p in files_below(folder / "cat").paths] == [
            "1.png",
            "3.png",
            "5.png",
        ]


class TestBadFolders:
    def refused(self, place, *words):
        with pytest.raises(DataError) as error:
            load_images(place)
        text = sentence(error)
        for word in words:
            assert word in text, text

    def test_there_is_none(self, tmp_path):
        self.refused(tmp_path / "nowhere", "No such folder")

    def test_it_is_empty(self, tmp_path):
        self.refused(tmp_path, "empty")

    def test_it_is_a_file(self, folder):
        self.refused(folder / "cat/1.png", "is a file", "Name the folder")

    def test_it_holds_no_images(self, tmp_path):
        (tmp_path / "cat").mkdir()
        (tmp_path / "cat/notes.txt").write_text("cats")
        self.refused(tmp_path, "hold none", "'cat'")

    def test_images_lie_in_no_class(self, tmp_path):
        save(picture(4, 4), tmp_path / "one.png")
        self.refused(tmp_path, "one.png", "Make a folder for each class")

    def test_they_are_no_numbers(self, folder):
        with pytest.raises(InvalidInput, match="a number for each") as error:
            load_images(folder, None, "regression")
        sentence(error)

    def test_one_class(self, folder):
        for file in (folder / "dog").iterdir():
            file.unlink()
        self.refused(folder, "at least two classes", "'cat'")

    def test_classes_that_differ_by_case(self, folder):
        save(picture(4, 4), folder / "Cat/one.png")
        self.refused(folder, "'Cat', 'cat'", "case")

    def test_folders_that_hold_the_classes(self, folder, tmp_path):
        (tmp_path / "all").mkdir()
        shutil.copytree(folder, tmp_path / "all" / "testing")
        shutil.copytree(folder, tmp_path / "all" / "training")
        self.refused(tmp_path / "all", "'cat', 'dog'", "all/training.")

    def test_a_broken_image(self, folder):
        whole = save(picture(50, 50), folder / "cat/9.png").read_bytes()
        (folder / "cat/9.png").write_bytes(whole[: len(whole) // 2])
        self.refused(folder, "9.png", "broken image", "Replace or remove")

    def test_a_file_that_is_no_image(self, folder):
        (folder / "cat/9.png").write_text("I am text")
        (folder / "dog/9.jpg").write_bytes(b"")
        self.refused(folder, "9.png", "is no image", "1 others")

    def test_an_unreadable_file(self, folder, monkeypatch):
        if os.geteuid() == 0:  # who may read anything

            def closed(*_args, **_more):
                raise PermissionError(13, "Permission denied")

            monkeypatch.setattr(Image, "open", closed)
        else:
            (folder / "cat/1.png").chmod(0)
        self.refused(folder, "1.png", "chmod")


class TestKinds:
    """Every kind of file becomes 8-bit pixels of the wanted channels."""

    def one(self, tmp_path, image: Image.Image, channels=None, **options):
        place = tmp_path / "x" / "image.png"
        place.parent.mkdir(exist_ok=True)
        image.save(place, **options)
        other = save(picture(4, 4, colour=False), tmp_path / "y" / "image.png")
        images = load_images([str(place), other, other], ["x", "y", "y"])
        if channels is not None:
            assert images.form.channels == channels
        return images.pixels[0]

    def test_alpha_is_put_on_white(self, tmp_path):
        colours = np.zeros((4, 4, 4), np.uint8)
        colours[:2] = (200, 100, 50, 255)
        found = self.one(tmp_path, Image.fromarray(colours), 3)
        assert (found[:2] == (200, 100, 50)).all()
        assert (found[2:] == 255).all()

    def test_grey_alpha_stays_grey(self, tmp_path):
        grey = np.zeros((4, 4, 2), np.uint8)
        grey[:2] = (90, 255)
        found = self.one(tmp_path, Image.fromarray(grey), 1)
        assert (found[:2] == 90).all()
        assert (found[2:] == 255).all()

    def test_palette(self, tmp_path):
        colours = np.zeros((4, 4, 3), np.uint8)
        colours[:2] = (250, 0, 0)
        image = Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE)
        found = self.one(tmp_path, image, 3)
        assert np.array_equal(found, colours)

    @pytest.mark.parametrize("highest", [65535, 4095, 255])
    def test_deep_grey_uses_the_bits_that_are_used(self, tmp_path, highest):
        deep = np.linspace(0, highest, 16).round().astype(np.uint16).reshape(4, 4)
        found = self.one(tmp_path, Image.fromarray(deep), 1)
        assert np.abs(found[..., 0] - np.linspace(0, 255, 16).reshape(4, 4)).max() <= 1

    def test_orientation_is_applied(self, tmp_path):
        wide = picture(4, 4, colour=False)
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90° clockwise
        found = self.one(tmp_path, Image.fromarray(wide), 1, exif=exif)
        assert np.array_equal(found[..., 0], np.rot90(wide, -1))

    def test_fractions_in_a_file(self, tmp_path):
        shares = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
        paths = []
        for number, values in enumerate((shares, shares[::-1])):
            paths.append(tmp_path / f"{number}.tiff")
            Image.fromarray(values).save(paths[-1])
        images = load_images(paths, [0.5, 1])
        assert (images.form.low, images.form.high) == (0, 1)
        assert np.array_equal(images.pixels[0, ..., 0], np.rint(255 * shares))
        Image.fromarray(shares * np.nan).save(paths[1])
        with pytest.raises(DataError, match=r"1\.tiff can't be used.*16 are NaN"):
            load_images(paths, [0.5, 1])

    def test_a_deeper_file_than_in_training_is_refused(self, tmp_path):
        deep = np.linspace(0, 65535, 16).astype(np.uint16).reshape(4, 4)
        path = save(deep, tmp_path / "deep.png")
        for high in (1.0, 255.0):
            with pytest.raises(DataError, match="scaled as in training") as error:
                pixels_of([path], ImageFormat(4, 4, 1, high=high))
            assert "deep.png" in sentence(error)
        assert pixels_of([path], ImageFormat(4, 4, 1, high=65535.0)).max() == 255

    @pytest.mark.parametrize("channels", [2, 4])
    def test_a_model_of_other_channels_gets_no_files(self, tmp_path, channels):
        path = save(picture(4, 4), tmp_path / "one.png")
        with pytest.raises(DataError, match=f"of {channels} channels"):
            pixels_of([path], ImageFormat(4, 4, channels))

    def test_sizes_are_read_without_decoding(self, tmp_path, monkeypatch):
        exif = Image.Exif()
        exif[0x0112] = 6
        paths = [tmp_path / "turned.png", tmp_path / "plain.png"]
        save(picture(4, 6), paths[0], exif=exif)
        save(picture(4, 6), paths[1])
        monkeypatch.setattr(PngImageFile, "load", None)
        assert [head[:2] for head in reading.heads(paths)] == [(6, 4), (4, 6)]

    def test_bits(self, tmp_path):
        found = self.one(tmp_path, Image.fromarray(np.eye(4) > 0), 1)
        assert np.array_equal(found[..., 0], 255 * np.eye(4))


class TestSizes:
    def test_medians_shrunk_to_the_longest(self):
        assert target_size([(28, 28)] * 3) == (28, 28)
        assert target_size([(10, 20), (30, 40), (20, 30)]) == (20, 30)
        assert target_size([(3000, 4000)]) == (48, LONGEST)
        assert target_size([(3000, 4000)], 128) == (96, 128)
        assert target_size([(3000, 4000)], (10, 30)) == (10, 30)
        assert target_size([(1, 1)]) == (1, 1)
        assert target_size([(1, 4000)]) == (1, 64)

    @pytest.mark.parametrize("wanted", [0, -3, 2.5, (4, 0), True, (8, 8, 3), (8,)])
    def test_a_wrong_wish(self, wanted):
        with pytest.raises(InvalidInput, match="image_size"):
            target_size([(8, 8)], wanted)

    def test_from_one_pixel_to_twelve_million(self, tmp_path):
        sizes = [(1, 1), (8, 8), (3000, 4000), (1, 50), (50, 1)]
        paths = [
            save(np.full((h, w), 30 * n, np.uint8), tmp_path / f"{n}.png")
            for n, (h, w) in enumerate(sizes)
        ]
        images = load_images(paths, [0, 1, 0, 1, 0])
        assert images.form.shape == (8, 8, 1)
        # a constant image stays so, whatever it is scaled to
        assert (images.pixels == 30 * np.arange(5).reshape(-1, 1, 1, 1)).all()

    def test_aspect_is_kept_and_borders_are_repeated(self):
        image = np.zeros((10, 20, 1), np.uint8)
        image[:5] = 200
        found = fitted(image, ImageFormat(10, 10, 1))
        assert found.shape == (10, 10, 1)
        assert (found[:4] == 200).all()  # repeated rows, and two of its own
        assert (found[6:] == 0).all()

    def test_shrinking_averages(self):
        board = np.indices((64, 64)).sum(axis=0) % 2 * 200
        found = fitted(board.astype(np.uint8), ImageFormat(8, 8, 1))
        assert np.abs(found.astype(int) - 100).max() <= 25

    def test_a_coarsely_decoded_jpeg_is_the_same_picture(self, tmp_path):
        ramp = np.linspace(0, 255, 1600).astype(np.uint8)
        place = save(np.tile(ramp, (1200, 1)), tmp_path / "ramp.jpg")
        found = pixels_of([place], ImageFormat(12, 16, 1))[0, :, :, 0]
        expected = ramp.reshape(16, 100).mean(axis=1)
        assert np.abs(found - expected).max() <= 3


class TestArrays:
    @pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 3)])
    def test_shapes(self, shape):
        X = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        images = load_images(X, [0, 1, 0, 1])
        assert images.pixels.shape == (4, 5, 6, shape[3] if len(shape) > 3 else 1)
        assert np.array_equal(images.pixels.reshape(shape), X)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (np.arange(17.0), np.arange(17)),  # whole numbers are kept
            (np.linspace(0, 1, 17), np.rint(255 * np.linspace(0, 1, 17))),
            (np.linspace(-2, 2, 17), np.rint(255 * np.linspace(0, 1, 17))),
            (np.arange(17) * 200, np.rint(255 * np.arange(17) * 200 / 4095)),
            (np.arange(17) > 8, 255 * (np.arange(17) > 8)),  # masks are stretched
            (np.arange(17.0) > 8.0, 255 * (np.arange(17) > 8)),
            ((np.arange(17) > 8) * 1, 255 * (np.arange(17) > 8)),
            (np.full(17, 7.5), np.zeros(17)),
        ],
    )
    def test_ranges(self, values, expected):
        images = load_images(values.reshape(17, 1, 1), np.arange(17) % 2)
        assert np.array_equal(images.pixels.ravel(), expected)

    def test_the_range_is_that_of_training(self):
        X = np.linspace(0, 1, 12).reshape(3, 2, 2)
        form = load_images(X, [0, 1, 0]).form
        assert pixels_of(X[:1] / 2, form).max() < 128
        with pytest.raises(DataError, match="scaled as in training"):
            pixels_of(255 * X, form)
        with pytest.raises(DataError, match="channels"):
            pixels_of(np.zeros((2, 2, 2, 3)), form)

    @pytest.mark.parametrize(
        ("trained", "given"),
        [
            (np.arange(8), np.arange(8) / 8),  # 8 bits, then shares
            (np.arange(8) * 9000, np.arange(8) / 8),
            (np.arange(8), np.arange(8) - 300),
            (np.arange(8) / 8, np.arange(8) - 4),
            (np.linspace(-2, 2, 8), np.linspace(-300, 2, 8)),
        ],
    )
    def test_values_scaled_otherwise_are_refused(self, trained, given):
        form = load_images(trained.reshape(2, 2, 2), [0.5, 1]).form
        with pytest.raises(DataError, match="scaled as in training") as error:
            pixels_of(given.reshape(2, 2, 2), form)
        sentence(error)

    @pytest.mark.parametrize("kind", [np.uint16, np.int64, np.float32])
    def test_values_decide_and_not_their_type(self, kind):
        X = np.array([0, 3, 200, 255, 7, 9, 1, 0], np.uint8).reshape(2, 2, 2)
        form = load_images(X, [0.5, 1]).form
        assert np.array_equal(pixels_of(X.astype(kind), form), pixels_of(X, form))
        with pytest.raises(DataError, match=r"got 400, which is beyond 8 bits\.$"):
            pixels_of(X.astype(kind) + 145, form)

    def test_eight_bits_are_refused_by_a_model_of_more(self):
        X = (np.arange(8) * 500).astype(np.uint16).reshape(2, 2, 2)
        form = load_images(X, [0.5, 1]).form
        with pytest.raises(DataError, match="0 to 4095, but got 8-bit images") as error:
            pixels_of((X // 16).astype(np.uint8), form)
        sentence(error)
        assert pixels_of(X // 16, form).max() < 16  # dark, as far as anybody knows
        mixed = [X[0], X[1, :1].astype(np.uint8)]  # sizes differ, so types may too
        assert load_images(mixed, [0.5, 1]).form.high == 2047

    def test_dark_images_are_not_refused(self):
        form = load_images(np.arange(8).reshape(2, 2, 2), [0.5, 1]).form
        assert not pixels_of(np.zeros((1, 2, 2)), form).any()
        assert pixels_of(np.array([[[0.9, 1.1]]]), form).all()

    def test_thin_lines_of_masks_survive_shrinking(self):
        X = np.zeros((2, 40, 40), bool)
        X[0, 20] = True
        pixels = load_images(X, [0.5, 1], image_size=10).pixels
        assert pixels[0].max() > 30
        assert not pixels[1].any()

    def test_too_much_memory_is_refused(self, monkeypatch):
        monkeypatch.setattr(image_set, "MOST_BYTES", 1000)
        with pytest.raises(DataError, match="image_size") as error:
            load_images(np.zeros((11, 10, 10)), np.arange(11) % 2)
        sentence(error)

    @pytest.mark.parametrize("size", [None, (3, 3)])
    def test_many_are_scaled_a_part_at_a_time(self, size):
        X = np.random.default_rng(0).normal(size=(2050, 4, 4))
        images = load_images(X, np.arange(2050) % 2, image_size=size)
        for place in (0, 1023, 1024, 2049):
            expected = pixels_of(X[place : place + 1], images.form)
            assert np.array_equal(images.pixels[place], expected[0])

    def test_a_list_of_sizes(self):
        sizes = [(4, 4), (6, 8), (8, 6)]
        images = load_images([picture(*size) for size in sizes], [0, 1, 0])
        assert images.pixels.shape == (3, 6, 6, 3)

    def test_numbers_as_targets(self):
        images = load_images(np.zeros((4, 2, 2)), [0.5, 1.5, 2.5, 3.5])
        assert images.task == "regression"
        assert images.classes is None

    def test_images_without_a_target_are_left_out(self):
        X = np.arange(4).reshape(4, 1, 1)
        images = load_images(X, ["a", None, "b", "a"])
        assert images.pixels.ravel().tolist() == [0, 2, 3]
        assert images.rows.tolist() == [0, 2, 3]

    @pytest.mark.parametrize(
        ("X", "words"),
        [
            (np.zeros((2, 3, 32, 32)), "np.moveaxis"),
            (np.zeros((2, 64)), "X.reshape(-1, 8, 8)"),
            (np.zeros((2, 3)), "[n, height, width]"),
            (np.zeros((2, 2, 2, 2, 2)), "[n, height, width]"),
            (np.zeros((2, 8, 8, 40)), "last axis"),
            (np.zeros((2, 0, 8)), "need pixels"),
            (np.full((2, 4, 4), np.nan), "32 are NaN"),
            (np.full((2, 4, 4), 1j), "numbers"),
            ([np.zeros((4, 4)), np.zeros(4)], "number 1"),
            ([np.zeros((4, 4)), np.zeros((4, 4, 3))], "same channels"),
            ([], "empty"),
            (np.zeros((3, 4, 4)), "3 images and 2 targets"),
        ],
    )
    def test_what_is_refused(self, X, words):
        with pytest.raises(DataError) as error:
            load_images(X, [0, 1])
        assert words in sentence(error)

    def test_one_class(self):
        with pytest.raises(DataError, match=re.escape("at least two classes")):
            load_images(np.zeros((3, 4, 4)), ["a", "a", "a"], "classification")

    def test_no_images(self):
        with pytest.raises(DataError, match="got none"):
            load_images(np.zeros((0, 4, 4)), [])

    def test_a_missing_file(self):
        with pytest.raises(DataError, match="no such file"):
            load_images([Path("nowhere.png"), Path("there.png")], [0, 1])
