"""Studies, samplers and spaces between here and Optuna (`pip install thalweg[optuna]`).

export_study(study, "sqlite:///optuna.db")      for Optuna and its dashboard
import_study(optuna_study, space)               its trials, told to a study of ours
tw.Study(space, proposer=from_optuna("TPESampler", multivariate=True))
optuna.create_study(sampler=as_optuna("gp", space))
"""

from thalweg.study.optuna.distributions import distributions
from thalweg.study.optuna.proposer import OptunaSampler, from_optuna
from thalweg.study.optuna.sampler import as_optuna
from thalweg.study.optuna.studies import export_study, import_study

__all__ = [
    "OptunaSampler",
    "as_optuna",
    "distributions",
    "export_study",
    "from_optuna",
    "import_study",
]
