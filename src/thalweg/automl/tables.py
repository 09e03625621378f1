"""A table made ready for the main job: split, preprocessed, its baseline scored."""

import math

from thalweg.automl.baseline import fit_baseline
from thalweg.automl.features import TableFeatures
from thalweg.automl.plan import PATIENCE, RATIO, Facts, plan
from thalweg.automl.prepared import Prepared, folds_asked, metric_for, problem_of
from thalweg.automl.settings import Settings
from thalweg.data import Table
from thalweg.evaluation import choose_splits
from thalweg.training.assembly import Assembler


def prepare_table(table: Table, settings: Settings) -> Prepared:
    """Everything that comes before the first network for a table."""
    y = table.target
    codes = y if table.task == "classification" else None
    splits = folds_asked(table, settings) or choose_splits(
        len(table), table.task, codes, settings.preset, seed=settings.seed
    )
    metric = metric_for(table, settings)
    features = TableFeatures.fit(table.frame, table.schema, splits)
    tables = features.transform(table.frame)
    problem = problem_of(
        table,
        settings,
        splits,
        features.for_networks(tables),
        features.inputs(),
        metric,
    )
    facts = Facts(
        rows=min(len(train) for train in splits.train),
        numeric=len(features.names),
        categorical=len(features.cardinalities),
        outputs=problem.outputs,
        task=table.task,
        splits=len(splits),
        seconds=math.inf if settings.time_limit is None else settings.time_limit,
    )
    chosen = plan(facts, preset=settings.preset, proposer=settings.proposer)
    baseline = fit_baseline(
        tables,
        y,
        task=table.task,
        splits=splits,
        metric=metric,
        classes=problem.outputs if codes is not None else None,
        seed=settings.seed,
    )
    assembly = {
        "loss": problem.loss,
        "batch_size": chosen.batch_size,
        "steps_per_epoch": facts.rows / chosen.batch_size,
        "epochs": chosen.epochs,
        "round_steps": chosen.round_steps,
        "patience": PATIENCE,
        "ratio": RATIO,
    }
    recipe = Assembler(chosen.space, **assembly)
    return Prepared(
        table, settings, features, problem, chosen, baseline, recipe, assembly
    )
