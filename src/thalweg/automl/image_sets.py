"""Images made ready for the main job: split, measured, their baseline scored."""

from thalweg.automl.baseline import fit_baseline
from thalweg.automl.image_features import ImageFeatures
from thalweg.automl.image_plan import image_plan, image_splits
from thalweg.automl.prepared import Prepared, folds_asked, metric_for, problem_of
from thalweg.automl.settings import Settings
from thalweg.data.images import ImageSet
from thalweg.training.assembly import Assembler


def prepare_images(data: ImageSet, settings: Settings) -> Prepared:
    """Everything that comes before the first network for images."""
    splits = folds_asked(data, settings) or image_splits(
        data, settings.preset, settings.seed
    )
    metric = metric_for(data, settings)
    features = ImageFeatures.fit(data.pixels, data.form, splits)
    x = features.for_networks([data.pixels])
    problem = problem_of(data, settings, splits, x, features.inputs(), metric)
    chosen = image_plan(
        data, splits, preset=settings.preset, proposer=settings.proposer
    )
    thumbnails = features.for_baseline(data.pixels)
    baseline = fit_baseline(
        [thumbnails] * len(splits),
        data.target,
        task=data.task,
        splits=splits,
        metric=metric,
        classes=problem.outputs if data.task == "classification" else None,
        seed=settings.seed,
    )
    rows = min(len(train) for train in splits.train)
    assembly = {
        "loss": problem.loss,
        "batch_size": chosen.batch_size,
        "steps_per_epoch": rows / chosen.batch_size,
        "epochs": chosen.epochs,
        "round_steps": chosen.round_steps,
    }
    recipe = Assembler(chosen.space, network=features.networks, **assembly)
    return Prepared(
        data, settings, features, problem, chosen, baseline, recipe, assembly
    )
