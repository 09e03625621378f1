"""`thalweg.Study`: the search algorithms for any function, no network in sight.

Here the function is the cross-validated error of a support vector machine; the degree
exists for one of its kernels only. A Gaussian process proposes; random search with the
same number of trials stands beside it. `ask` and `tell` do the same by hand, for
functions that run elsewhere.
"""

import os

from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
TRIALS = 8 if QUICK else 40
SEEDS = (0,) if QUICK else (0, 1, 2)
SPACE = tw.Space(
    {
        "kernel": tw.Choice(["rbf", "poly", "sigmoid"]),
        "C": tw.Float(1e-3, 1e2, log=True),
        "gamma": tw.Float(1e-4, 1.0, log=True),
        "degree": tw.Int(2, 4).when("kernel", ["poly"]),
    }
)
X, Y = load_diabetes(return_X_y=True)
Y = (Y - Y.mean()) / Y.std()
FOLDS = KFold(3, shuffle=True, random_state=0)


def error(config) -> float:
    """The share of the variance that a machine of these settings leaves unexplained."""
    machine = make_pipeline(StandardScaler(), SVR(**config))
    return 1 - cross_val_score(machine, X, Y, cv=FOLDS, scoring="r2").mean()


def main() -> None:
    for proposer in ("random", "gp"):
        for seed in SEEDS:
            study = tw.Study(SPACE, proposer=proposer, seed=seed)
            study.optimize(error, n_trials=TRIALS)
            print(f"{proposer:7} {study.best_loss:.4f}  {study.best_config}")

    study = tw.Study(SPACE, proposer="gp", seed=1)
    for _ in range(2):  # rounds of a batch; run its members wherever you like
        configs = study.ask(4)
        study.tell(configs, [error(config) for config in configs])
    columns = ["number", "loss", "config_kernel", "config_C", "config_degree"]
    print(f"\nasked and told:\n{study.to_dataframe()[columns].to_string(index=False)}")


if __name__ == "__main__":
    main()
