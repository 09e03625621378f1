"""Wrong conventions, each a small change of one file, and the tests that must notice.

A change is a convention that some program or paper really has, or a slip that some
program really made. `scripts/mutate.py` makes them one at a time; a test holds that
every `old` text still occurs exactly once in its file, so that the list stays true.
"""

from typing import NamedTuple

ORACLES = "tests/optimizers/test_oracles.py"
WRAPPERS = "tests/optimizers/test_wrappers.py"
MODIFIERS = "tests/optimizers/test_modifiers.py"
SCHEDULES = "tests/schedules/test_schedules.py"


class Mutation(NamedTuple):
    """One wrong convention."""

    what: str
    file: str  # below src/thalweg
    old: str
    new: str
    tests: str = ORACLES  # the file that must notice
    select: str = ""  # pytest's -k


def rule(what: str, name: str, old: str, new: str, select: str) -> Mutation:
    """A change of one optimizer, noticed by the cases of a class."""
    return Mutation(what, f"optimizers/{name}.py", old, new, ORACLES, select)


def schedule(what: str, name: str, old: str, new: str, select: str) -> Mutation:
    """A change of one schedule."""
    return Mutation(what, f"schedules/{name}.py", old, new, SCHEDULES, select)


def wrapper(what: str, name: str, old: str, new: str, select: str) -> Mutation:
    """A change of clipping, the plateau and their kin."""
    return Mutation(what, f"optimizers/{name}.py", old, new, WRAPPERS, select)


def modifier(what: str, name: str, old: str, new: str, select: str) -> Mutation:
    """A change of an average, a look-ahead, a decay and their kin."""
    return Mutation(what, f"optimizers/{name}.py", old, new, MODIFIERS, select)


SHARED = [
    rule(
        "L2 penalty without its 1/2, as Keras's regularizer",
        "leafwise",
        "g + l2 * p",
        "g + 2 * l2 * p",
        "SGD-torch",
    ),
    rule(
        "bias correction one step ahead",
        "leafwise",
        "lambda w: decay * w + (1 - decay), self.weight",
        "lambda w: decay * (decay * w + (1 - decay)) + (1 - decay), self.weight",
        "Adam-paper",
    ),
]
GRADIENT = [
    rule(
        "momentum: dampening from the first step on",
        "momentum",
        "jnp.where(state.count == 0, 1, 1 - now.dampening)",
        "(1 - now.dampening)",
        "Momentum-torch",
    ),
    rule(
        "momentum: the rate inside the velocity, as Keras",
        "momentum",
        "(learning_rate, one) if inside else (one, learning_rate)",
        "(learning_rate, one)",
        "Momentum-torch",
    ),
    rule(
        "momentum: the rate outside the velocity, as PyTorch",
        "momentum",
        "(learning_rate, one) if inside else (one, learning_rate)",
        "(one, learning_rate)",
        "Momentum-keras",
    ),
    rule(
        "momentum: decoupled decay not times the rate",
        "momentum",
        "decay = now.learning_rate * now.weight_decay",
        "decay = now.weight_decay",
        "Momentum-timm",
    ),
    rule(
        "Nesterov: no look-ahead",
        "nesterov",
        "ahead = rate_in * g + now.momentum * u",
        "ahead = u",
        "Nesterov-paper",
    ),
    rule(
        "Nesterov: decoupled decay not times the rate",
        "nesterov",
        "decay = now.learning_rate * now.weight_decay",
        "decay = now.weight_decay",
        "Nesterov-keras",
    ),
    rule(
        "Lion: the two betas exchanged",
        "lion",
        "jnp.sign(blend(m, g, now.b1))",
        "jnp.sign(blend(m, g, now.b2))",
        "Lion-paper",
    ),
    rule(
        "Lion: decay not times the rate",
        "lion",
        "-rate * (d + decay * p)",
        "-(rate * d + decay * p)",
        "Lion-paper",
    ),
]
MOMENTS = [
    rule(
        "AdaGrad: eps always outside the root",
        "adagrad",
        "root(s + now.eps) if self.eps_inside else root(s) + now.eps",
        "root(s) + now.eps",
        "AdaGrad-optax",
    ),
    rule(
        "AdaGrad: eps always inside the root",
        "adagrad",
        "root(s + now.eps) if self.eps_inside else root(s) + now.eps",
        "root(s + now.eps)",
        "AdaGrad-paper",
    ),
    rule(
        "AdaGrad: the sum starts at 0",
        "adagrad",
        "total=filled(params, start)",
        "total=filled(params, 0 * start)",
        "AdaGrad-torch",
    ),
    rule(
        "RMSprop: eps always outside the root",
        "rmsprop",
        "root(v + now.eps) if self.eps_inside else root(v) + now.eps",
        "root(v) + now.eps",
        "RMSprop-optax",
    ),
    rule(
        "RMSprop: the rate always outside the velocity",
        "rmsprop",
        "inside=self.rate_inside",
        "inside=False",
        "RMSprop-optax",
    ),
    rule(
        "RMSprop: centred without the mean's square",
        "rmsprop",
        "jnp.maximum(v - m * m, 0)",
        "v",
        "RMSprop-torch",
    ),
    rule(
        "Adadelta: eps outside the roots",
        "adadelta",
        "root(u + now.eps) / root(v + now.eps) * g",
        "(root(u) + now.eps) / (root(v) + now.eps) * g",
        "Adadelta-paper",
    ),
    rule(
        "Adadelta: the newest step in its own numerator",
        "adadelta",
        "square = average(state.square, squares(grads))",
        "square = average(average(state.square, squares(grads)), squares(grads))",
        "Adadelta-paper",
    ),
    rule(
        "Adam: eps inside the root",
        "adam",
        "(root(v) * scale + eps)",
        "root(v * scale**2 + eps)",
        "Adam-paper",
    ),
    rule(
        "Adam: no correction of the mean",
        "adam",
        "m / (mean.weight * (root",
        "m / (1.0 * (root",
        "Adam-paper",
    ),
    rule(
        "Adam: Keras's eps without the correction",
        "adam",
        "now.eps / root(square.weight) if self.epsilon_hat else now.eps",
        "now.eps",
        "Adam-keras",
    ),
    rule(
        "Adam: eps-hat everywhere",
        "adam",
        "now.eps / root(square.weight) if self.epsilon_hat else now.eps",
        "now.eps / root(square.weight)",
        "Adam-paper",
    ),
    rule(
        "Adam: l2 left out of the second moment",
        "adam",
        "square = state.square.add(squares(grads), now.b2)",
        "square = state.square.add(squares(with_l2(grads, params, -now.l2)), now.b2)",
        "Adam-torch",
    ),
    rule(
        "AdamW: decay never times the rate",
        "adamw",
        "now.weight_decay if self.independent else rate * now.weight_decay",
        "now.weight_decay",
        "AdamW-torch",
    ),
    rule(
        "AdamW: decay always times the rate",
        "adamw",
        "now.weight_decay if self.independent else rate * now.weight_decay",
        "rate * now.weight_decay",
        "AdamW-paper",
    ),
    rule(
        "AdamW: decay after the step, of the new weights",
        "adamw",
        "-(rate * d + decay * p)",
        "-(rate * d + decay * (p - rate * d))",
        "AdamW-torch",
    ),
    rule(
        "Adamax: eps outside the maximum",
        "adamax",
        "(0.0, now.eps) if self.eps_outside else (now.eps, 0.0)",
        "(0.0, now.eps)",
        "Adamax-torch",
    ),
    rule(
        "Adamax: eps inside the maximum",
        "adamax",
        "(0.0, now.eps) if self.eps_outside else (now.eps, 0.0)",
        "(now.eps, 0.0)",
        "Adamax-keras",
    ),
    rule(
        "Adamax: no bias correction",
        "adamax",
        "rate = now.learning_rate / mean.weight",
        "rate = now.learning_rate",
        "Adamax-paper",
    ),
    rule(
        "AMSGrad: the maximum of what is not yet corrected, as PyTorch",
        "amsgrad",
        'square.weight if self.correction == "before" else one',
        "one",
        "AMSGrad-optax",
    ),
    rule(
        "AMSGrad: no correction after the maximum",
        "amsgrad",
        'square.weight if self.correction == "after" else one',
        "one",
        "AMSGrad-torch",
    ),
    rule(
        "AMSGrad: the paper's mean corrected",
        "amsgrad",
        'one if self.correction == "none" else mean.weight',
        "mean.weight",
        "AMSGrad-paper",
    ),
    rule(
        "AMSGrad: Keras's eps after the correction",
        "amsgrad",
        "now.eps * scale if self.epsilon_hat else now.eps",
        "now.eps",
        "AMSGrad-keras",
    ),
    rule(
        "AMSGrad: a maximum that is forgotten",
        "amsgrad",
        "jnp.maximum(u, v / before)",
        "jnp.maximum(now.b2 * u, v / before)",
        "AMSGrad-torch",
    ),
    rule(
        "NAdam: momenta counted from 0",
        "nadamw",
        "mu, mu_next = now._momentum(t), now._momentum(t + 1)",
        "mu, mu_next = now._momentum(t - 1), now._momentum(t)",
        "NAdamW-torch",
    ),
    rule(
        "NAdam: the product without the next momentum",
        "nadamw",
        "(1 - product * mu_next)",
        "(1 - product)",
        "NAdamW-torch",
    ),
    rule(
        "NAdam: the next momentum for the gradient's share",
        "nadamw",
        "rate * (1 - mu) / (1 - product)",
        "rate * (1 - mu_next) / (1 - product)",
        "NAdamW-torch",
    ),
    rule(
        "NAdamW: independent decay times the rate",
        "nadamw",
        "now.weight_decay if self.independent else rate * now.weight_decay",
        "rate * now.weight_decay",
        "NAdamW-paper",
    ),
    rule(
        "RAdam: rectified from 4 on, as the paper's pseudocode",
        "radam",
        "rectified = length > threshold",
        "rectified = length > threshold - 1",
        "RAdam-optax",
    ),
    rule(
        "RAdam: eps always after the correction",
        "radam",
        "now.eps / root(square.weight) if self.epsilon_hat else now.eps",
        "now.eps",
        "RAdam-torch",
    ),
    rule(
        "RAdam: Adam's step before it is rectified",
        "radam",
        "jnp.where(rectified, factor * adaptive, plain)",
        "jnp.where(rectified, factor * adaptive, adaptive)",
        "RAdam-paper",
    ),
    rule(
        "AdEMAMix: the slow mean corrected",
        "ademamix",
        "now.alpha * s)",
        "now.alpha * s / (1 - now.b3 ** (state.count + 1)))",
        "AdEMAMix-paper",
    ),
    rule(
        "MARS: the first gradient compared with zero",
        "mars",
        'if self.first == "plain"',
        'if self.first == "never"',
        "MARS-paper",
    ),
    rule(
        "MARS: corrected gradients not clipped",
        "mars",
        "shrinkage(global_norm(c), 1.0)",
        "1.0",
        "MARS-paper",
    ),
    rule(
        "MARS: gamma not times b1 / (1 - b1)",
        "mars",
        "now.gamma * now.b1 / (1 - now.b1)",
        "now.gamma",
        "MARS-timm",
    ),
    rule(
        "LAMB: the trust ratio clipped at 1, as LAMBC",
        "lamb",
        "return jnp.where(known, of_weights / jnp.where(known, of_step, 1.0), 1.0)",
        "return jnp.where("
        "known, jnp.minimum(of_weights / jnp.where(known, of_step, 1.0), 1.0), 1.0)",
        "LAMB-paper",
    ),
    rule(
        "LAMB: decay outside the trust ratio",
        "lamb",
        "-now.learning_rate * trust(p, d) * d",
        "-now.learning_rate * (trust(p, d) * (d - now.weight_decay * p)"
        " + now.weight_decay * p)",
        "LAMB-paper",
    ),
    rule(
        "Adafactor: the decay counts from 2",
        "adafactor",
        "(state.count + 1.0) ** -now.decay",
        "(state.count + 2.0) ** -now.decay",
        "Adafactor-paper",
    ),
    rule(
        "Adafactor: updates not clipped",
        "adafactor",
        "jnp.maximum(1.0, _rms(step) / self.clip)",
        "1.0",
        "Adafactor-paper",
    ),
    rule(
        "Adafactor: eps left out",
        "adafactor",
        "new = g * g + self.eps",
        "new = g * g",
        "Adafactor-paper",
    ),
    rule(
        "Adafactor: independent decay times the rate",
        "adafactor",
        "self.weight_decay if self.independent else rate * self.weight_decay",
        "rate * self.weight_decay",
        "Adafactor-optax",
    ),
    rule(
        "Adafactor: steps never relative to the weights",
        "adafactor",
        "if self.relative:",
        "if False:",
        "Adafactor-paper",
    ),
]
MATRICES = [
    rule(
        "Muon: no look-ahead",
        "muon",
        "ahead = b * m + (1 - b) * g if self.nesterov else m",
        "ahead = m",
        "Muon-paper",
    ),
    rule(
        "Muon: always looks ahead",
        "muon",
        "ahead = b * m + (1 - b) * g if self.nesterov else m",
        "ahead = b * m + (1 - b) * g",
        "Muon-optax",
    ),
    rule(
        "Muon: the length by the shorter side",
        "muon",
        "0.2 * max(inputs, outputs) ** 0.5",
        "0.2 * min(inputs, outputs) ** 0.5",
        "Muon-paper",
    ),
    rule(
        "Muon: kernels taken for `[outputs, inputs]`",
        "muon",
        "max(1.0, outputs / inputs)",
        "max(1.0, inputs / outputs)",
        "Muon-optax",
    ),
    rule(
        "NorMuon: a second moment per input",
        "normuon",
        "jnp.mean(o * o, axis=0)",
        "jnp.mean(o * o)",
        "NorMuon-paper",
    ),
    rule(
        "NorMuon: the length by the longer side",
        "normuon",
        "0.2 * o.size**0.5",
        "0.2 * max(o.shape) ** 0.5",
        "NorMuon-paper",
    ),
]
AVERAGES = [
    rule(
        "Prodigy: always corrects the bias, as optax",
        "prodigy",
        "if self.bias_correction:",
        "if True:",
        "Prodigy-prodigyopt",
    ),
    rule(
        "Prodigy: the warm-up's safeguard left out",
        "prodigy",
        "old if self.safeguard_warmup else rate",
        "rate",
        "Prodigy-prodigyopt",
    ),
    rule(
        "Prodigy: the estimate decays by b2, not by its root",
        "prodigy",
        "decay = root(now.b2)",
        "decay = now.b2",
        "Prodigy-prodigyopt",
    ),
    rule(
        "Prodigy: eps not times the estimate",
        "prodigy",
        "distance * now.eps",
        "now.eps",
        "Prodigy-prodigyopt",
    ),
    rule(
        "Schedule-Free: steps of the weights counted from 0",
        "schedule_free_adamw",
        "(state.count + 1) ** now.r",
        "state.count ** now.r",
        "ScheduleFreeAdamW-schedulefree",
    ),
    rule(
        "Schedule-Free: weights 1/t, as Keras",
        "schedule_free_adamw",
        "own = emphasis * jnp.square(largest)",
        "own = emphasis",
        "ScheduleFreeAdamW-schedulefree",
    ),
    rule(
        "Schedule-Free: weights by the rate, not by the largest so far",
        "schedule_free_adamw",
        "jnp.maximum(old, rate)",
        "rate + 0 * old",
        "ScheduleFreeAdamW-schedulefree",
    ),
    rule(
        "Schedule-Free: y recommended in the place of x",
        "schedule_free_adamw",
        "y + (1 - 1 / b1) * (z - y)",
        "y + 0 * z",
        "recommends",
    ),
]
AROUND = [
    wrapper(
        "clipping: divides by norm + 1e-6, as PyTorch",
        "clipping",
        "limit / jnp.where(above, norm, 1.0)",
        "limit / (jnp.where(above, norm, 1.0) + 1e-6)",
        "clip_by",
    ),
    wrapper(
        "clipping: at zero over zero, NaN",
        "clipping",
        "jnp.where(above, limit / jnp.where(above, norm, 1.0), 1.0)",
        "jnp.where(norm < limit, 1.0, limit / norm)",
        "zero_grad",
    ),
    wrapper(
        "clipping: by each tensor's norm where the global one is meant",
        "clipping",
        "shrink = shrinkage(global_norm(grads), self.limit)\n"
        "        return each(lambda g: g * shrink, grads)",
        "return each(lambda g: g * shrinkage(global_norm(g), self.limit), grads)",
        "global_norm_is_optax",
    ),
    wrapper(
        "plateau: reduces at the p-th bad round, as optax and Keras",
        "plateau",
        "reduce = bad > self.patience",
        "reduce = bad >= self.patience",
        "plateau",
    ),
    wrapper(
        "plateau: an equal loss is an improvement",
        "plateau",
        "better = loss < target",
        "better = loss <= target",
        "equal_loss",
    ),
    wrapper(
        "plateau: bad rounds count during the cooldown",
        "plateau",
        "jnp.where(better | rests, 0, state.bad + 1)",
        "jnp.where(better, 0, state.bad + 1)",
        "plateau",
    ),
    wrapper(
        "plateau: the threshold raises the bar of negative losses",
        "plateau",
        "self.threshold * jnp.sign(best)",
        "self.threshold",
        "plateau",
    ),
    wrapper(
        "skipping: infinities let through",
        "skip_nonfinite",
        "jnp.isfinite(leaf).all()",
        "(~jnp.isnan(leaf)).all()",
        "not_finite",
    ),
    schedule(
        "multi-step: the old value at the boundary, as Keras",
        "staircase",
        "step >= jnp.round(self.boundaries * self.steps)",
        "step > jnp.round(self.boundaries * self.steps)",
        "recorded",
    ),
    schedule(
        "step: drops one step early",
        "staircase",
        "jnp.floor(step / period)",
        "jnp.floor((step + 1) / period)",
        "recorded",
    ),
    schedule(
        "warm-up: the first value is 0",
        "cosine",
        "self.peak * (step + 1) / jnp.maximum(rise, 1)",
        "self.peak * step / jnp.maximum(rise, 1)",
        "warmup",
    ),
    schedule(
        "warm-up: the peak one step late",
        "cosine",
        "jnp.where(step < rise, warm,",
        "jnp.where(step <= rise, warm,",
        "warmup",
    ),
    schedule(
        "warm-up: not part of the horizon, as Keras",
        "cosine",
        "progress(step - rise, jnp.maximum(self.steps - rise, 1))",
        "progress(step - rise, jnp.maximum(self.steps, 1))",
        "warmup",
    ),
    schedule(
        "plain warm-up: the first value is 0",
        "warmup",
        "(step + 1) / jnp.maximum(jnp.round(warmup), 1)",
        "step / jnp.maximum(jnp.round(warmup), 1)",
        "warmup",
    ),
    schedule(
        "one cycle: the last value after the last step",
        "one_cycle",
        "self.steps - 1, self.steps - 1",
        "self.steps - 1, self.steps",
        "recorded",
    ),
    schedule(
        "exponential: never in whole powers",
        "decay",
        "jnp.floor(powers) if self.staircase else powers",
        "powers",
        "optax",
    ),
    schedule(
        "polynomial: down to 0 in the place of `end`",
        "decay",
        "self.end + (self.peak - self.end) * left**self.power",
        "self.peak * left**self.power",
        "optax",
    ),
]
PRECONDITIONED = [
    rule(
        "Shampoo: the whole exponent for each side",
        "shampoo",
        "self.exponent / max(1, len(jax.tree.leaves(sides)))",
        "self.exponent",
        "Shampoo-paper",
    ),
    rule(
        "Shampoo: roots before the first step that is preconditioned",
        "shampoo",
        "(t == self.start) | ((t > self.start) & refreshed)",
        "refreshed",
        "Shampoo",
    ),
    rule(
        "Shampoo: without the grafted length",
        "shampoo",
        "ours = scaled_to(ours, theirs)",
        "ours = ours * 1.0",
        "Shampoo",
    ),
    rule(
        "SOAP: the first moment stays when its bases turn",
        "soap",
        "return new, jax.tree.map(into, flat, new)",
        "return new, mean",
        "SOAP-paper",
    ),
    rule(
        "SOAP: a step before there are bases",
        "soap",
        "return jnp.where(first, 0.0, moved)",
        "return moved",
        "SOAP-paper",
    ),
    rule(
        "Kron: momentum with its bias",
        "kron",
        "lambda m: m / mean.weight",
        "lambda m: m * 1.0",
        "Kron",
    ),
]
COMPOSED = [
    modifier(
        "SAM: the best point nearby", "sam", "p + rho * e", "p - rho * e", "worst"
    ),
    modifier(
        "ASAM: weights enter the norm alone",
        "sam",
        "jnp.abs(p) * g * scale",
        "g * scale",
        "worst",
    ),
    modifier(
        "Lookahead: towards the weights before the update",
        "lookahead",
        "slow + rate * (p + u - slow)",
        "slow + rate * (p - slow)",
        "optax",
    ),
    modifier(
        "average: of the weights before each update",
        "averaging",
        "share * (p + u)",
        "share * p",
        "weighted_mean",
    ),
    modifier(
        "average: the first weights not whole, unlike PyTorch's",
        "averaging",
        "jnp.where(state.count == 0, 1.0, share)",
        "share",
        "pytorch",
    ),
    modifier(
        "cautious: what is left is not made up for",
        "cautious",
        "u * agrees / share",
        "u * agrees",
        "agree",
    ),
    modifier(
        "accumulation: the sum in the place of the mean",
        "accumulation",
        "m + (g - m) / (seen + 1)",
        "m + g",
        "mean_gradients",
    ),
    modifier(
        "decay: not times the rate",
        "decay",
        "share * self._rate(state.inner)",
        "share * 1.0",
        "adamw",
    ),
    modifier(
        "cautious decay: of what grows",
        "decay",
        "u * p <= 0",
        "u * p >= 0",
        "cautious",
    ),
    modifier(
        "adaptive clipping: eps added to the norm",
        "clipping",
        "jnp.maximum(unit_norms(p), self.eps)",
        "(unit_norms(p) + self.eps)",
        "adaptive",
    ),
    modifier(
        "centralisation: over outputs too",
        "centralisation",
        "axis=tuple(range(g.ndim - 1)), keepdims=True",
        "keepdims=True",
        "centralised",
    ),
]
MUTATIONS = [
    *SHARED,
    *GRADIENT,
    *MOMENTS,
    *MATRICES,
    *PRECONDITIONED,
    *AVERAGES,
    *AROUND,
    *COMPOSED,
]
