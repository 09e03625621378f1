"""Functions drawn from the posterior, that can be evaluated anywhere.

Wilson et al. 2020, "Efficiently Sampling Functions from Gaussian Process Posteriors",
equation 13 (a draw from the prior by random features, corrected at what was observed),
https://arxiv.org/abs/2002.09309
The spectral density of the Matérn-5/2 kernel is Student's t with 5 degrees of freedom.
"""

import numpy as np
from jaxtyping import Float64
from scipy.linalg import cho_solve

from thalweg.surrogates.gp import Posterior

WAVES = 512  # random features of the prior


class Paths:
    """`count` independent draws of the noiseless loss."""

    def __init__(self, posterior: Posterior, count: int, rng: np.random.Generator):
        self.posterior = posterior
        z = posterior.z
        spread = np.sqrt(5.0 / rng.chisquare(5.0, WAVES))
        self.frequency = rng.standard_normal((z.shape[1], WAVES)) * spread
        self.phase = rng.uniform(0.0, 2 * np.pi, WAVES)
        self.weight = rng.standard_normal((WAVES, count))
        error = np.sqrt(posterior.noise) * rng.standard_normal((len(z), count))
        excess = cho_solve((posterior.lower, True), self._prior(z) + error)
        self.update = posterior.alpha[:, None] - excess

    def __call__(
        self, features: Float64[np.ndarray, "m f"]
    ) -> Float64[np.ndarray, "m count"]:
        """Every draw at every row."""
        post = self.posterior
        prior = self._prior(features * post.weight)
        return post.mean + prior + post.covariance(features) @ self.update

    def _prior(self, z: Float64[np.ndarray, "m f"]) -> Float64[np.ndarray, "m count"]:
        waves = np.cos(z @ self.frequency + self.phase)
        return np.sqrt(2 * self.posterior.signal / WAVES) * (waves @ self.weight)
