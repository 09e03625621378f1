"""Wrong conventions of proposers and of searches of architectures: see `mutations`."""

from mutations import Mutation


def proposer(
    what: str, name: str, old: str, new: str, tests: str, select: str = ""
) -> Mutation:
    """A change of one proposer, noticed by a file of its tests."""
    tests = f"tests/proposers/test_{tests}.py"
    return Mutation(what, f"proposers/{name}.py", old, new, tests, select)


def architecture(
    what: str, name: str, old: str, new: str, tests: str, select: str = ""
) -> Mutation:
    """A change below `architectures`, noticed by a file of its tests."""
    tests = f"tests/architectures/{tests}.py"
    return Mutation(what, f"architectures/{name}.py", old, new, tests, select)


HALVING = [
    proposer(
        "ASHA: promotes the share rounded up",
        "asha",
        "int(len(rung.rows) / self.factor + 1e-9)",
        "-int(-len(rung.rows) // self.factor)",
        "asha",
    ),
    proposer(
        "ASHA: the lowest rung first",
        "asha",
        "found = found[:n]",
        "found = found[::-1][:n]",
        "asha",
    ),
    proposer(
        "ASHA: forgets who is on the way up",
        "asha",
        "np.append(archive.trial[self.rows], coming)",
        "archive.trial[self.rows]",
        "asha",
    ),
    proposer(
        "joint model: the shortest budget is taken for a full training",
        "gp",
        "level = 1 - np.log(budget)",
        "level = np.log(budget)",
        "mobster",
    ),
    proposer(
        "joint model: trials that went on count twice among the first ones",
        "gp",
        "_begun(state) + len(state.pending)",
        "len(state) + len(state.pending)",
        "mobster",
    ),
    proposer(
        "joint model: losses stay at the levels of their rungs",
        "gp",
        "Observed(aligned(state), finite, level)",
        "Observed(state, finite, level)",
        "mobster",
    ),
    proposer(
        "joint model: costs stay those of short trainings",
        "modelled",
        "cost = archive.cost * (budgets[-1] / archive.budget)",
        "cost = archive.cost",
        "mobster",
    ),
    proposer(
        "halving: resumes trials that failed",
        "cohort",
        "return best[np.isfinite(losses[best]).all(1)]",
        "return best",
        "halving",
    ),
    proposer(
        "halving: promotes before a rung is complete",
        "cohort",
        "(self.status == TOLD).all()",
        "(self.status == TOLD).any()",
        "halving",
    ),
    proposer(
        "halving: enters outcomes of other budgets",
        "cohort",
        "place.any() and outcome.budget[i] == budget",
        "place.any()",
        "halving",
    ),
    proposer(
        "halving: sizes of rungs rounded",
        "halving",
        "max(1, int(size * factor**-i + 1e-9))",
        "max(1, round(size * factor**-i))",
        "halving",
    ),
    proposer(
        "Hyperband: first rungs rounded down",
        "halving",
        "math.ceil((s_max + 1) / (s + 1) * factor**s - 1e-9)",
        "int((s_max + 1) / (s + 1) * factor**s + 1e-9)",
        "halving",
    ),
    proposer(
        "freeze-thaw: thaws what is already training",
        "freeze_thaw",
        "& alive & ~busy",
        "& alive",
        "freeze_thaw",
    ),
    proposer(
        "archive: all rows that are alike are no longer pending",
        "archive",
        "left[np.argmax(same)] = False",
        "left &= ~same",
        "archive",
    ),
]
EVOLUTION = [
    proposer(
        "regularized evolution: the worst die, not the oldest",
        "regularized_evolution",
        "young = np.arange(len(state))[-self.population :]",
        "young = order(state.losses, state.constraints)[: self.population]",
        "evolution",
    ),
    proposer(
        "regularized evolution: the worst of the tournament",
        "regularized_evolution",
        "drawn.min(1)",
        "drawn.max(1)",
        "evolution",
    ),
    proposer(
        "regularized evolution: no tournament",
        "regularized_evolution",
        "size=(m, self.tournament)",
        "size=(m, 1)",
        "evolution",
    ),
    proposer(
        "mutation: a choice may stay what it is",
        "variation",
        "rng.integers(1, levels, len(rows))",
        "rng.integers(0, levels, len(rows))",
        "evolution",
    ),
    proposer(
        "polynomial mutation: the index without its 1",
        "variation",
        "ETA_MUTATION + 1",
        "ETA_MUTATION",
        "evolution",
    ),
    proposer(
        "SBX: the index without its 1",
        "generations",
        "(1 / (ETA_CROSSOVER + 1))",
        "(1 / ETA_CROSSOVER)",
        "evolution",
    ),
    proposer(
        "genetic algorithm: parents don't compete with their children",
        "generations",
        "parents[: self.elites]",
        "parents[:0]",
        "evolution",
    ),
    proposer(
        "differential evolution: cut off at the walls",
        "variation",
        "1 - np.abs(1 - np.abs(rows) % 2)",
        "np.clip(rows, 0.0, 1.0)",
        "differential_evolution",
    ),
    proposer(
        "differential evolution: no dimension is sure to cross",
        "differential_evolution",
        "cross |= np.arange(space.dim) == rng.integers(max(space.dim, 1))",
        "cross |= False",
        "differential_evolution",
    ),
    proposer(
        "differential evolution: the rate is the rival's share",
        "differential_evolution",
        "vector < self.crossover_rate",
        "vector >= self.crossover_rate",
        "differential_evolution",
    ),
    proposer(
        "differential evolution: away from the best of JADE",
        "differential_evolution",
        "[target, b, c, best, target]",
        "[target, b, c, target, best]",
        "differential_evolution",
    ),
]
MODELS = [
    proposer(
        "CMA-ES: negative weights at full length",
        "normal",
        "c.weights * dim / square",
        "c.weights",
        "cma_es",
    ),
    proposer(
        "CMA-ES: the step's path is not whitened",
        "normal",
        "gain * (step @ inverse)",
        "gain * step",
        "cma_es",
    ),
    proposer(
        "CMA-ES: the covariance's path never stalls",
        "normal",
        "h * gain * step",
        "gain * step",
        "cma_es",
    ),
    proposer(
        "CMA-ES: generations double once only",
        "cma_es",
        "size = first * 2**doubled",
        "size = first * 2",
        "cma_es",
    ),
    proposer(
        "CMA-ES: points of a run that has ended count",
        "cma_es",
        "if state.draft_run[draft] != state.run:",
        "if False:",
        "cma_es",
    ),
    proposer(
        "TPE: a quarter of the trials is good",
        "tpe",
        "math.ceil(math.sqrt(len(level)))",
        "math.ceil(0.25 * len(level))",
        "tpe",
    ),
    proposer(
        "TPE: what bad trials have is not held against it",
        "tpe",
        "np.argmax(gain - against)",
        "np.argmax(gain)",
        "tpe",
    ),
    proposer(
        "TPE: the rest of a batch doesn't count as bad",
        "tpe",
        "np.logaddexp(against + np.log(rows), kernel) - np.log(rows + 1)",
        "against",
        "tpe",
    ),
    proposer(
        "TPE: good trials weigh alike",
        "tpe",
        "return np.log(k + 0.5) - np.log(np.arange(1, k + 1))",
        "return np.ones(k)",
        "tpe",
    ),
    proposer(
        "TuRBO: wins need not be in a row",
        "turbo",
        "np.where(better, state.wins + 1, 0)",
        "state.wins + better",
        "turbo",
    ),
    proposer(
        "TuRBO: the margin has the loss's sign",
        "turbo",
        "MARGIN * abs(best[1])",
        "MARGIN * best[1]",
        "turbo",
    ),
    proposer(
        "TuRBO: the box's volume follows the length scales",
        "turbo",
        "length * side / np.exp(np.mean(np.log(side)))",
        "length * side",
        "turbo",
    ),
    proposer(
        "controller: PPO stops at either end of the ratio",
        "controller",
        "np.where(gain > 0, ratio > 1 + CLIP, ratio < 1 - CLIP)",
        "np.abs(ratio - 1) > CLIP",
        "controller",
    ),
    proposer(
        "controller: Adam without bias correction",
        "controller",
        "np.sqrt(1 - B2**count) / (1 - B1**count)",
        "1.0",
        "controller",
    ),
    proposer(
        "controller: the gain of the moved baseline",
        "controller",
        "gain = reward - baseline\n"
        "            baseline += (1 - BASELINE) * (reward.mean() - baseline)",
        "baseline += (1 - BASELINE) * (reward.mean() - baseline)\n"
        "            gain = reward - baseline",
        "controller",
    ),
]
WEIGHT_SHARING = [
    architecture(
        "DARTS: the implicit part has the wrong sign",
        "gradient/bilevel",
        "factor = -sign * _xi(rules, search)",
        "factor = sign * _xi(rules, search)",
        "gradient/test_bilevel",
    ),
    architecture(
        "DARTS: the difference is not halved",
        "gradient/bilevel",
        "/ (2 * search.scale)",
        "/ search.scale",
        "gradient/test_bilevel",
    ),
    architecture(
        "DARTS: the step ahead is on the validation half",
        "gradient/bilevel",
        '"ahead": Phase(_training, _one_ahead)',
        '"ahead": Phase(_validation, _one_ahead)',
        "gradient/test_bilevel",
    ),
    architecture(
        "curvature: the difference is not halved",
        "gradient/bilevel",
        "(a - b) / (2 * rules.probe)",
        "(a - b) / rules.probe",
        "gradient/test_bilevel",
    ),
    architecture(
        "weight sharing: both halves are the one of the weights",
        "gradient/supernet",
        "return self.data.train_rows[half, index]",
        "return self.data.train_rows[0, index]",
        "gradient/test_supernet",
    ),
    architecture(
        "weight sharing: paths are judged by statistics of nobody",
        "gradient/supernet",
        "outputs = network(as_numbers(x), key=None, inference=False)",
        "outputs = network(as_numbers(x), key=None, inference=True)",
        "gradient/test_supernet",
    ),
    architecture(
        "GDAS: the temperature rises",
        "gradient/gdas",
        "self.temperature + fall * progress",
        "self.end_temperature - fall * progress",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "GDAS: soft outputs, not straight through",
        "gradient/gdas",
        "return index, 1 + (soft - jax.lax.stop_gradient(soft))",
        "return index, soft",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "GDAS: Gumbel noise of the other tail",
        "gradient/gdas",
        "return -jnp.log(-jnp.log(0.5 + 0.5 * uniform(seed, shape)))",
        "return jnp.log(-jnp.log(0.5 + 0.5 * uniform(seed, shape)))",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "PC-DARTS: channels are not shuffled",
        "gradient/pc_darts",
        "unwrap(self.scale) * shuffled(y, self.parts)",
        "unwrap(self.scale) * y",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "PC-DARTS: edges have no shares while it runs",
        "gradient/pc_darts",
        "scaled(assign(network, weights), edge_weights(alphas))",
        "assign(network, weights)",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "skip dropout: what is kept is not scaled up",
        "gradient/darts",
        "< keep) / keep if is_skip",
        "< keep) / 1.0 if is_skip",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "early stopping: stops where the curvature falls",
        "gradient/early_stopping",
        "before < ratio * today",
        "today < ratio * before",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "early stopping: takes the alphas of today",
        "gradient/early_stopping",
        "return now - window if",
        "return now if",
        "gradient/test_gradient_methods",
    ),
    architecture(
        "limited skips: keeps the least likely",
        "gradient/collapse",
        "skips.sort(key=lambda label: -probabilities",
        "skips.sort(key=lambda label: probabilities",
        "gradient/test_gradient_methods",
    ),
]
SCORES = [
    architecture(
        "synflow: weights with their signs",
        "scores/synflow",
        "params = jax.tree.map(jnp.abs, params)\n",
        "params = jax.tree.map(jnp.asarray, params)\n",
        "test_scores",
    ),
    architecture(
        "NASWOT: units that are off for both don't count",
        "scores/naswot",
        '(sign.shape[1] + jnp.matmul(sign, sign.T, precision="highest")) / 2',
        'jnp.matmul(on, on.T, precision="highest")',
        "test_scores",
        "naswot",
    ),
    architecture(
        "jacobian covariance: slopes are not centred",
        "scores/jacobian_covariance",
        "slopes - jnp.mean(slopes, axis=1, keepdims=True)",
        "slopes",
        "test_scores",
        "jacobian",
    ),
    architecture(
        "scores: normalisations see running statistics",
        "scores/base",
        "return network(x, key=None, inference=False)",
        "return network(x, key=None, inference=True)",
        "test_scores",
    ),
    architecture(
        "GraSP: the sign of the pruning paper",
        "scores/grasp",
        "return -sum((jnp.sum(w * h)",
        "return sum((jnp.sum(w * h)",
        "test_scores",
    ),
    architecture(
        "Fisher: channels count alike",
        "scores/fisher",
        "times=weights_of_a_channel,",
        "",
        "test_scores",
    ),
]
NETWORKS = [
    architecture(
        "FLOPs: a multiply-add is one",
        "cost",
        "return 2 * self.multiply_adds + self.elementwise",
        "return self.multiply_adds + self.elementwise",
        "test_cost",
    ),
    architecture(
        "cost: the cheapest of unknown branches",
        "arithmetic",
        "max(each, key=lambda work: work.operations)",
        "min(each, key=lambda work: work.operations)",
        "test_cost",
    ),
    architecture(
        "Net2Net: copies don't share what their original did",
        "morphisms/channels",
        "1 / np.bincount(source)[source]",
        "np.ones(new)",
        "test_morphisms",
    ),
    architecture(
        "Net2Net: a normalisation put in scales a little",
        "morphisms/identity",
        "np.sqrt(1 + EPS)",
        "1.0",
        "test_morphisms",
    ),
    architecture(
        "Net2Net: the identity's tap in the corner of the kernel",
        "morphisms/identity",
        "kernel[centre[0], centre[1]] = tap",
        "kernel[0, 0] = tap",
        "test_morphisms",
    ),
    architecture(
        "DARTS' network: both halves of a reduction see the same pixels",
        "spaces/darts",
        "zip(self.halves, (x, moved), strict=True)",
        "zip(self.halves, (x, x), strict=True)",
        "test_darts_cells",
    ),
    architecture(
        "DARTS' network: separable convolutions once",
        "spaces/darts",
        "return first + self._separable(channels, size, 1)",
        "return first",
        "test_darts_cells",
    ),
    architecture(
        "NAS-Bench-101: vertices take the last of surplus channels",
        "spaces/nasbench101",
        "found[i][..., :width]",
        "found[i][..., -width:]",
        "test_nasbench101_networks",
    ),
    architecture(
        "mobile: widths may shrink by a half",
        "spaces/mobile",
        "if found < 0.9 * wanted else",
        "if found < 0.5 * wanted else",
        "test_spaces",
    ),
    architecture(
        "Repeat: a copy's choices exist for one fewer",
        "vocabulary/lowering",
        "if n > i)",
        "if n >= i)",
        "test_vocabulary",
    ),
    architecture(
        "evaluation: validation is thinned out like training",
        "evaluation",
        "return replace(splits, train=tuple(some(rows) for rows in splits.train))",
        "return replace(splits, train=tuple(some(r) for r in splits.train), "
        "validation=tuple(some(r) for r in splits.validation))",
        "test_evaluation",
    ),
]
MUTATIONS = [*HALVING, *EVOLUTION, *MODELS, *WEIGHT_SHARING, *SCORES, *NETWORKS]
