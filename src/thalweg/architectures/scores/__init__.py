"""Zero-cost scores: how good a network promises to be, before any training.

    score("synflow", [Conv(16), BatchNorm(), Activate("relu")], x)
    score_all("naswot", tree, configs, x, y)     # many architectures, one program

Most of them rank networks by little more than their size: look at "parameters" and
"flops" beside them.
"""

from thalweg.architectures.scores.base import AbstractScore, AbstractSize
from thalweg.architectures.scores.fisher import Fisher
from thalweg.architectures.scores.gradient_norm import GradientNorm
from thalweg.architectures.scores.grasp import GraSP
from thalweg.architectures.scores.jacobian_covariance import JacobianCovariance
from thalweg.architectures.scores.naswot import NASWOT
from thalweg.architectures.scores.scoring import SCORES, score, score_all
from thalweg.architectures.scores.size import FLOPs, Parameters
from thalweg.architectures.scores.snip import SNIP, Plain
from thalweg.architectures.scores.synflow import Synflow
from thalweg.architectures.scores.zen import Zen

__all__ = [
    "NASWOT",
    "SCORES",
    "SNIP",
    "AbstractScore",
    "AbstractSize",
    "FLOPs",
    "Fisher",
    "GraSP",
    "GradientNorm",
    "JacobianCovariance",
    "Parameters",
    "Plain",
    "Synflow",
    "Zen",
    "score",
    "score_all",
]
