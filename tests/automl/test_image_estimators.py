"""The main job on images: the same promises as on tables."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import thalweg as tw
from thalweg.automl import pace as pacing
from thalweg.automl.image_features import ImageFeatures
from thalweg.automl.image_plan import image_splits
from thalweg.automl.run import begin, resume
from thalweg.automl.settings import Settings
from thalweg.automl.source import Source
from thalweg.cli.app import app
from thalweg.core.errors import DataError, InvalidInput, StoreError
from thalweg.data.images import ImageFormat, load_images
from thalweg.evaluation import hold_out
from thalweg.report import collect, write_report

NAMES = np.array(["zero", "one", "two"])


@pytest.fixture(scope="module")
def digits():
    """Images of three digits as [n, 8, 8], their names, and 100 for later."""
    images, codes = load_digits(n_class=3, return_X_y=True)
    images, names = images.reshape(-1, 8, 8), NAMES[codes]
    return images[:240], names[:240], images[240:340], names[240:340]


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """The same as files, in class folders."""
    place = tmp_path_factory.mktemp("digits")
    for number, (image, name) in enumerate(zip(*digits[:2], strict=True)):
        file = place / name / f"{number:03d}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray((15 * image).astype(np.uint8)).save(file)
    return place


def fitted(estimator, *data):
    settings = {"time_limit": None, "max_trials": 1, "preset": "fast"}
    return estimator(**settings, random_state=0).fit(*data)


@pytest.fixture(scope="module")
def classifier(digits):
    return fitted(tw.ImageClassifier, *digits[:2])


class TestClassifier:
    def test_it_learns_and_has_scikit_learns_attributes(self, classifier, digits):
        _, _, X, y = digits
        assert classifier.score(X, y) > 0.95
        assert classifier.classes_.tolist() == sorted(NAMES)
        assert classifier.image_shape_ == (8, 8, 1)
        chances = classifier.predict_proba(X)
        assert chances.shape == (100, 3)
        assert np.allclose(chances.sum(axis=1), 1)
        assert (classifier.classes_[chances.argmax(1)] == classifier.predict(X)).all()
        assert len(classifier.leaderboard()) == 1
        fit = classifier.fit_
        assert fit.score.loss <= fit.prepared.baseline_score.loss

    def test_a_saved_model_answers_the_same(self, classifier, digits, tmp_path):
        classifier.save(tmp_path / "model")
        loaded = tw.load(tmp_path / "model")
        assert isinstance(loaded, tw.ImageClassifier)
        X = digits[2]
        assert np.array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
        assert loaded.image_shape_ == (8, 8, 1)

    def test_no_images_are_no_rows(self, classifier, digits):
        assert classifier.predict(digits[2][:0]).shape == (0,)

    def test_other_sizes_are_brought_to_the_form(self, classifier, digits):
        X, y = digits[2:]
        large = [np.kron(image, np.ones((3, 3))) for image in X]
        assert (classifier.predict(large) == y).mean() > 0.9

    def test_labels_must_match(self, digits):
        with pytest.raises(DataError, match="one target"):
            tw.ImageClassifier(time_limit=1).fit(digits[0], digits[1][:-1])

    def test_settings_are_checked(self, digits):
        with pytest.raises(InvalidInput, match="preset"):
            tw.ImageClassifier(time_limit=1, preset="bets").fit("nowhere")
        with pytest.raises(InvalidInput, match="preset"):
            tw.ImageClassifier(time_limit=1, cv=3, preset="bets").fit(*digits[:2])
        with pytest.raises(InvalidInput, match="rmse"):
            tw.ImageClassifier(time_limit=1, metric="rmse").fit(*digits[:2])

    def test_no_time_at_all_returns_the_baseline(self, digits):
        model = tw.ImageClassifier(time_limit=0, random_state=0).fit(*digits[:2])
        assert model.fit_.returned == "baseline"
        assert model.score(*digits[2:]) > 0.8


@pytest.mark.slow
def test_a_regressor_learns_a_number(digits):
    X, _, other, _ = digits
    model = fitted(tw.ImageRegressor, X, X.mean(axis=(1, 2)))
    assert model.score(other, other.mean(axis=(1, 2))) > 0.9


class TestFolder:
    def run(self, *arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        return result.exit_code, result.output

    def test_fit_and_predict_from_the_command_line(self, folder, digits, tmp_path):
        out, table = tmp_path / "run", tmp_path / "predictions.csv"
        options = ("--trials", 1, "--preset", "fast", "--quiet")
        status, said = self.run("fit", folder, "--out", out, *options)
        assert status == 0, said
        status, said = self.run("predict", out, folder / "one", "--out", table)
        assert status == 0, said
        found = pd.read_csv(table)
        assert list(found.columns) == ["file", "class"]
        assert (found["class"] == "one").mean() > 0.95
        assert len(found) == (digits[1] == "one").sum()
        status, said = self.run("show", out)
        assert status == 0
        assert "convolutional" in said
        page = write_report(out, tmp_path / "report.html").read_text()
        counts = collect(out).leader["confusion"]["counts"]
        assert np.sum(counts) == 48  # a fifth is held out
        assert np.trace(counts) > 40
        assert "taken for what" in page
        wrong = int(np.sum(counts) - np.trace(counts))
        assert page.count(", called ") == wrong
        assert isinstance(tw.load(out), tw.ImageClassifier)

    def test_a_killed_run_goes_on_to_the_same_answer(self, folder, tmp_path):
        short, long = (
            Settings(time_limit=None, trials=n, preset="fast") for n in (1, 2)
        )
        begin(folder, None, tmp_path / "a", short)
        resumed = resume(tmp_path / "a", trials=2)
        whole = begin(folder, None, tmp_path / "b", long)
        assert len(whole.search.trials) == 2
        for number, trial in whole.search.trials.items():
            assert trial.score == resumed.search.trials[number].score
        assert whole.score == resumed.score

    def test_a_changed_folder_is_refused(self, folder, tmp_path):
        settings = Settings(time_limit=0.0, preset="fast")
        begin(folder, None, tmp_path / "run", settings)
        extra = folder / "one" / "more.png"
        Image.new("L", (8, 8)).save(extra)
        try:
            with pytest.raises(StoreError, match="changed"):
                resume(tmp_path / "run", trials=1)
        finally:
            extra.unlink()

    def test_the_digest_is_that_of_the_files_that_are_read(self, folder, tmp_path):
        place = tmp_path / "images"
        place.mkdir()
        for name in ("one", "two"):
            (place / name).symlink_to(folder / name)
        digest = Source.of(place, None, None).digest
        (place / "predictions.csv").write_text("file,class")
        (place / ".DS_Store").write_text("")
        assert digest == Source.of(place, None, None).digest != ""
        (place / "two").unlink()
        (place / "two").symlink_to(folder / "zero")
        assert Source.of(place, None, None).digest not in (digest, "")

    def test_a_wrong_name_is_said_to_be_one(self, tmp_path):
        status, said = self.run("fit", tmp_path / "imgaes", "--out", tmp_path / "run")
        assert status == 2
        assert "No such file" in said

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--target", "price"), "class folder"),
            (("--task", "regression"), "class folder"),
        ],
    )
    def test_what_makes_no_sense(self, folder, tmp_path, arguments, words):
        status, said = self.run("fit", folder, "--out", tmp_path / "run", *arguments)
        assert status == 2
        assert words in said

    def test_a_table_needs_a_target(self, tmp_path):
        (tmp_path / "table.csv").write_text("a,b\n1,2\n")
        status, said = self.run("fit", tmp_path / "table.csv", "--out", tmp_path / "r")
        assert status == 2
        assert "--target" in said


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 30, 3), (1, 1, 1), (64, 15, 1)])
def test_thumbnails_are_means_of_blocks(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (9, *shape), np.uint8)
    form = ImageFormat(*shape)
    features = ImageFeatures.fit(pixels, form, hold_out(9))
    columns = features.for_baseline(pixels)["numeric"]
    assert columns.shape[1] <= 14 * 14 * shape[2]
    if shape == (28, 30, 3):
        means = pixels[:, :27, :30].reshape(9, 9, 3, 10, 3, 3).mean(axis=(2, 4))
        scaled = (means - features.mean[0]) / features.std[0]
        assert np.allclose(columns, scaled.reshape(9, -1), atol=1e-4)


class TestSplits:
    def splits(self, y, preset="balanced"):
        values = (np.arange(len(y)) % 256).astype(np.uint8)
        return image_splits(load_images(values[:, None, None], y), preset, 0)

    @pytest.mark.parametrize(
        ("preset", "n", "said"),
        [
            ("balanced", 1_999, "5-fold cross-validation"),
            ("balanced", 2_000, "hold-out of 400 rows"),
            ("balanced", 4_999, "hold-out of 1,000 rows"),
            ("balanced", 5_000, "hold-out of 500 rows"),
            ("balanced", 40_000, "hold-out of 3,000 rows"),
            ("fast", 50, "hold-out of 10 rows"),
            ("best", 4_999, "5-fold cross-validation"),
            ("best", 5_000, "hold-out of 500 rows"),
        ],
    )
    def test_the_thresholds_of_the_docs(self, preset, n, said):
        assert self.splits(np.arange(n) % 2, preset).describe() == said

    @pytest.mark.parametrize(("y", "folds"), [("aabbcd", 4), ("aaabbbbc", 5)])
    def test_a_class_of_fewer_images_than_folds_is_in_every_training_part(
        self, y, folds
    ):
        y = np.array(list(y))
        found = self.splits(y)
        assert found.folds == folds
        assert all(set(y[train]) == set(y) for train in found.train)
        assert "c" not in y[found.rows]
        notes = load_images(np.eye(len(y), dtype=np.uint8)[..., None] * 9, y).notes
        assert any("can be learnt but not checked" in note for note in notes)


class TestPace:
    """Lengths that follow from timings of 0.1 s a step and 0.5 s a judgement."""

    def measured(
        self,
        monkeypatch,
        seconds,
        *,
        splits=1,
        devices=2,
        width=1,
        failed=False,
        first=0.0,
    ):
        extra = iter([first])  # seconds of the first run alone

        def timed(prepared, search, steps, deadline):
            return 0.0 if failed else 0.1 * steps + 0.5 + next(extra, 0.0)

        monkeypatch.setattr(pacing, "_timed", timed)
        monkeypatch.setattr(pacing.time, "monotonic", lambda: 0.0)
        plan = SimpleNamespace(rounds=20, round_steps=50)
        prepared = SimpleNamespace(
            plan=plan,
            assembly={"steps_per_epoch": 100},
            problem=SimpleNamespace(splits=range(splits)),
        )
        mesh = SimpleNamespace(size=devices)
        engine = SimpleNamespace(mesh=mesh, width=width)
        return pacing.measured(prepared, SimpleNamespace(engine=engine), seconds)

    @pytest.mark.parametrize("seconds", [30, 60, 100, 130, 250, 1000])
    @pytest.mark.parametrize("splits", [1, 5])
    def test_waves_fill_the_time_and_no_more(self, monkeypatch, seconds, splits):
        found = self.measured(monkeypatch, seconds, splits=splits)
        assert found is not None
        trainings = -(-splits // 2)
        wave = 20 * (found.round_steps * 0.1 + 0.5) * trainings
        assert found.wave_seconds == pytest.approx(wave)
        assert found.epochs == pytest.approx(20 * found.round_steps / 100)
        if found.round_steps > 1:
            waves = int(0.92 * seconds / wave + 1e-9)
            assert waves >= 1
            long = found.round_steps == 75  # as long as trainings get
            assert long or waves * wave > 0.92 * seconds - waves * 2 * trainings - 1

    @pytest.mark.parametrize(
        ("devices", "width", "splits", "first"),
        [(2, 1, 1, 2), (8, 1, 1, 8), (8, 1, 5, 1), (1, 64, 1, 64), (2, 64, 5, 25)],
    )
    def test_the_first_wave_fills_what_trains_at_once(
        self, monkeypatch, devices, width, splits, first
    ):
        monkeypatch.setattr(pacing, "Assembler", lambda *args, **options: None)
        monkeypatch.setattr(pacing, "replace", lambda record, **changes: record)
        prepared = SimpleNamespace(
            plan=SimpleNamespace(space=None),
            assembly={},
            problem=SimpleNamespace(splits=range(splits)),
            features=SimpleNamespace(networks=None),
        )
        mesh = SimpleNamespace(size=devices)
        search = SimpleNamespace(engine=SimpleNamespace(mesh=mesh, width=width))
        pacing.at_pace(prepared, search, pacing.Pace(1.0, 10, 8.0))
        assert (search.first, search.least) == (first, 4.0)
        found = self.measured(
            monkeypatch, 1000, splits=splits, devices=devices, width=width
        )
        turns = -(-splits // (devices * width))
        assert found.wave_seconds == pytest.approx(
            turns * 20 * (found.round_steps * 0.1 + 0.5)
        )

    def test_half_the_time_halves_a_single_wave(self, monkeypatch):
        longer = self.measured(monkeypatch, 100)
        shorter = self.measured(monkeypatch, 55)
        assert shorter.epochs < 0.55 * longer.epochs

    def test_the_first_run_is_not_timed(self, monkeypatch):
        usual = self.measured(monkeypatch, 100)
        assert self.measured(monkeypatch, 100, first=0.7) == usual

    def test_without_a_timing_the_plan_stays(self, monkeypatch):
        assert self.measured(monkeypatch, 100, failed=True) is None
        assert self.measured(monkeypatch, np.inf) is None


@pytest.mark.slow
def test_a_time_limit_is_kept_and_used(digits):
    import time

    started = time.monotonic()
    model = tw.ImageClassifier(time_limit=40, random_state=0).fit(*digits[:2])
    assert time.monotonic() - started < 46
    assert model.fit_.returned != "baseline"
    assert model.score(*digits[2:]) > 0.95
