"""A worker on a shared study, as a process of its own: URL, total, seconds of a trial.

Prints a line for each evaluation that it begins; whoever watches may kill it.
"""

import sys
import time

import thalweg as tw
from thalweg.testing.problems import RECIPE


def main(url: str, total: str, seconds: str, proposer: str) -> None:
    study = tw.Study(RECIPE.space, proposer=proposer, seed=5, storage=url)

    def f(config):
        sys.stdout.write(f"{config.trial}\n")
        sys.stdout.flush()
        time.sleep(float(seconds))
        return RECIPE.loss(config)

    study.optimize(f, total_trials=int(total))


if __name__ == "__main__":
    main(*sys.argv[1:])
