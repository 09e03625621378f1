"""A configuration in plain words."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from thalweg.report.facts import as_number, is_missing
from thalweg.report.text import count, listed, named, number, percent

_NETWORKS = {
    "mlp": ("MLP", "hidden layer"),
    "resmlp": ("residual MLP", "block"),
    "tabm": ("TabM ensemble", "layer"),
    "plain": ("convolutional network", "block"),
    "residual": ("residual convolutional network", "block"),
}
_WORDS = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "selu": "SELU",
    "elu": "ELU",
    "mish": "Mish",
    "layer": "layer",
    "batch": "batch",
    "rms": "RMS",
    "sgd": "gradient descent",
    "momentum": "gradient descent with momentum",
    "nesterov": "Nesterov's accelerated gradient",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
    "adamax": "Adamax",
    "amsgrad": "AMSGrad",
    "nadamw": "NAdamW",
    "adadelta": "Adadelta",
    "radam": "RAdam",
    "lion": "Lion",
    "adafactor": "Adafactor",
    "lamb": "LAMB",
    "schedule_free_sgd": "Schedule-Free SGD",
    "schedule_free_adamw": "Schedule-Free AdamW",
    "muon": "Muon",
    "normuon": "NorMuon",
    "shampoo": "Shampoo",
    "soap": "SOAP",
    "ademamix": "AdEMAMix",
    "mars": "MARS-AdamW",
    "prodigy": "Prodigy",
    "kron": "PSGD-Kron",
    "lbfgs": "L-BFGS",
    "he": "He",
    "glorot": "Glorot",
    "lecun": "LeCun",
    "piecewise_linear": "piecewise-linear",
}
_SCHEDULES = {
    "constant": "the learning rate stays as it is",
    "cosine": "the learning rate falls along a cosine",
    "warmup_cosine": "the learning rate warms up, then falls along a cosine",
    "one_cycle": "the learning rate rises and falls once (one-cycle)",
    "exponential": "the learning rate falls exponentially",
    "step": "the learning rate falls in steps",
    "inverse_time": "the learning rate falls with the inverse of time",
    "polynomial": "the learning rate falls as a polynomial",
    "linear": "the learning rate falls linearly",
    "coslog4": "the learning rate follows four cosine cycles that lengthen",
    "flat_cosine": "the learning rate stays as it is, then falls along a cosine",
    "rex": "the learning rate falls ever faster (REX)",
    "warmup": "the learning rate warms up, then stays as it is",
    "warmup_stable_decay": "the learning rate warms up, stays, and falls in the end",
    "restarts": "the learning rate follows cosines that restart",
    "cyclic": "the learning rate rises and falls again and again",
    "plateau": "the learning rate falls whenever the validation loss stalls",
}
_NONE = ("none", "no", "off", "identity", "linear", "", None, False)


def in_words(config: Mapping[str, Any]) -> dict[str, str]:
    """A phrase for architecture, optimizer, schedule, regularization and other.

    Of keys that are not known `other` lists `key=value`; a phrase with nothing to say
    is empty.
    """
    left = {key: value for key, value in config.items() if not is_missing(value)}
    phrases = {
        "architecture": _architecture(left),
        "optimizer": _optimizer(left),
        "schedule": _schedule(left),
        "regularization": _regularization(left, config),
    }
    other = ", ".join(f"{key}={number(value)}" for key, value in left.items())
    return {**phrases, "other": other}


def _embeddings(kind: Any) -> str:
    if kind == "natural":
        return "the embeddings it was published with"
    return f"{word(kind)} embeddings"


def headline(config: Mapping[str, Any]) -> str:
    """The configuration in a few words: `residual MLP 3 × 128, SiLU, AdamW 0.0012`."""
    left = {key: value for key, value in config.items() if not is_missing(value)}
    name = str(left.get("network", ""))
    parts = [f"{_NETWORKS.get(name, (named(name), ''))[0]} {_size(left)}"]
    if left.get("activation") not in _NONE:
        parts.append(word(left["activation"]))
    if "optimizer" in left:
        rate = left.get("learning_rate")
        shown = "" if rate is None else f" {number(rate, 2)}"
        parts.append(f"{word(left['optimizer'])}{shown}")
    return ", ".join(part.strip() for part in parts if part.strip())


def _architecture(left: dict[str, Any]) -> str:
    """Takes what it tells out of `left`, as the functions below do."""
    if "network" not in left:
        return ""
    name = str(left.pop("network"))
    kind, layer = _NETWORKS.get(name, (named(name), "layer"))
    depth, width, hidden = (left.pop(key, None) for key in ("depth", "width", "hidden"))
    text = f"{_article(kind)} {kind}"
    if hidden is not None:
        text += f" with hidden layers of {number(hidden)} units"
    elif depth is not None:
        whole = as_number(depth).is_integer()
        text += f" of {count(int(depth), layer) if whole else f'{layer}s: {depth}'}"
        text += "" if width is None else f", {number(width)} units wide"
    elif width is not None:
        text += f" {number(width)} units wide"
    having = []
    activation = left.pop("activation", None)
    if activation is not None:
        having.append(
            f"{word(activation)} activation"
            if activation not in _NONE
            else "no activation"
        )
    normalization = left.pop("normalization", None)
    if normalization not in _NONE:
        having.append(f"{word(normalization)} normalization")
    init = left.pop("init", None)
    if init is not None:
        having.append(f"{word(init)} initialization")
    text += f", with {listed(having)}" if having else ""
    embedding = left.pop("numeric_embedding", None)
    if embedding is not None:
        text += (
            "; numbers enter as they are"
            if embedding in _NONE
            else f"; numbers enter through {_embeddings(embedding)}"
        )
    return text


def _optimizer(left: dict[str, Any]) -> str:
    if "optimizer" not in left:
        return ""
    text = word(left.pop("optimizer"))
    rate, batch = left.pop("learning_rate", None), left.pop("batch_size", None)
    if rate is not None:
        text += f" at a learning rate of {number(rate, 3)}"
    if batch is not None:
        text += f", in batches of {number(batch)}"
    return text


def _schedule(left: dict[str, Any]) -> str:
    if "schedule" not in left:
        return ""
    name = str(left.pop("schedule"))
    return _SCHEDULES.get(name, f"the learning rate follows the schedule {named(name)}")


def _regularization(left: dict[str, Any], config: Mapping[str, Any]) -> str:
    penalties = {
        "dropout": lambda value: f"{percent(value)} dropout",
        "weight_decay": lambda value: f"weight decay {number(value, 3)}",
        "l1": lambda value: f"L1 penalty {number(value, 3)}",
        "l2": lambda value: f"L2 penalty {number(value, 3)}",
        "label_smoothing": lambda value: f"label smoothing {number(value, 3)}",
        "clip_norm": lambda value: f"gradients clipped to a norm of {number(value, 3)}",
    }
    told = []
    for key, phrase in penalties.items():
        value = as_number(left.get(key))
        if isfinite(value):
            del left[key]
            told += [phrase(value)] if value > 0 else []
    if told:
        return listed(told)
    return "none" if any(key in config for key in penalties) else ""


def _size(left: dict[str, Any]) -> str:
    if "hidden" in left:
        return number(left["hidden"])
    return " × ".join(number(left[key]) for key in ("depth", "width") if key in left)


def word(name: Any) -> str:
    """The name of an algorithm as text has it: `ReLU`, `AdamW`."""
    return _WORDS.get(str(name), named(str(name)))


def _article(noun: str) -> str:
    spelled = noun.split()[0].isupper() and noun[0] in "AEFHILMNORSX"  # "an MLP"
    return "an" if spelled or noun[0].lower() in "aeiou" else "a"
