"""The answer in sentences; pages and terminal say the same."""

from math import isfinite

from thalweg.report.facts import Facts, as_number
from thalweg.report.text import count, listed, named, number, seconds, with_error
from thalweg.report.words import in_words


def title(facts: Facts) -> str:
    """What the study was for."""
    data = facts.data
    if data.title:
        return data.title
    return (
        f"Predicting {data.target}" if data.target else "A search for the best network"
    )


def sentences(facts: Facts) -> tuple[str, str]:
    """The answer and its verdict."""
    return answer(facts), verdict(facts)


def answer(facts: Facts) -> str:
    """Who leads and how it is built, in a sentence."""
    if facts.leader_number is None:
        trials = len(facts.data.trials)
        ended = (
            f"of {count(trials, 'trial')} none has a score"
            if trials
            else "no trial ended"
        )
        return f"There is no network yet: {ended}."
    words = in_words(facts.config)
    kind = words["architecture"] or "the configuration below"
    if len(facts.ranked) == 1:
        return f"The only trained network is {kind}."
    return f"The best of {number(len(facts.ranked))} trained networks is {kind}."


def recipe(facts: Facts) -> str:
    """How the leader is trained, in a sentence; empty if nothing is known."""
    words = in_words(facts.config)
    how = []
    if words["optimizer"]:
        how.append(f"trained by {words['optimizer']}")
    if words["schedule"]:
        how.append(words["schedule"])
    if words["regularization"]:
        none = words["regularization"] == "none"
        how.append(
            "nothing regularizes it"
            if none
            else f"regularized by {words['regularization']}"
        )
    return f"{_upper('; '.join(how))}." if how else ""


def verdict(facts: Facts) -> str:
    """The score beside the baseline's, and what is returned."""
    data = facts.data
    score = with_error(facts.score, facts.score_error)
    metric = named(data.metric)
    if not isfinite(facts.score):
        text = ""
    elif not isfinite(facts.baseline):
        text = f"Its validation {metric} is {score}."
    else:
        text = f"Its validation {metric} is {score}; {_beside_baseline(facts)}"
    returned = data.leader.get("returned")
    if returned == "baseline":
        text += (
            " Since no network is better, the baseline is what the model predicts with."
        )
    elif returned == "ensemble":
        members = len(data.leader.get("ensemble", ()))
        text += f" The model predicts with an ensemble of {count(members, 'trial')}"
        own = as_number(data.leader.get("score"))
        if isfinite(own):
            shown = with_error(own, as_number(data.leader.get("score_error")))
            text += f", whose {metric} is {shown}"
        text += "."
    return text.strip()


def how_scored(facts: Facts) -> str:
    """How the score was made and how far it can be trusted."""
    told = facts.data.evaluation
    rows = told.get("rows")
    of = f" of {count(int(rows), 'row')}" if rows else ""
    scheme = str(told.get("scheme", ""))
    if scheme == "cross-validation":
        text = (
            f"Every score is the mean over {number(told.get('folds', '?'))} folds{of}: "
            "each row is scored by a network that has not been trained on it."
        )
    elif scheme == "hold-out":
        held = told.get("validation_rows")
        part = (
            f"{count(int(held), 'row')}{f' out{of}' if of else ''}" if held else "rows"
        )
        text = f"Every score is made on {part} held out from training."
    elif scheme:
        text = f"Scores are made by {scheme}{of}."
    else:
        text = ""
    repeats = int(told.get("repeats", 1) or 1)
    if repeats > 1:
        text += f" All of it is repeated {repeats} times with other seeds."
    if isfinite(facts.score_error):
        text += " An error (±) is one standard error of the score."
    if told.get("note"):
        text += f" {told['note']}"
    return text.strip()


def caution(facts: Facts) -> str:
    """What choosing the best of many by its score does to that score."""
    tried = len(facts.ranked)
    if tried < 2:
        return ""
    text = (
        f"The leader was chosen by this very score out of {number(tried)}, and some "
        "luck is chosen along with it: expect a slightly worse score on new rows. Only "
        "rows that took no part in the search can tell by how much."
    )
    rivals = facts.rivals()
    if rivals:
        are = "lies" if rivals == 1 else "lie"
        text += (
            f" {count(rivals, 'other trial')} {are} within one standard error of the "
            "leader and can't be told from it."
        )
    return text


def what_happened(facts: Facts) -> str:
    """How many trials ended how, in which time."""
    data = facts.data
    ends = facts.statuses()
    text = count(len(data.trials), "trial")
    if set(ends) - {"complete"}:
        text += f" ({listed([f'{number(n)} {status}' for status, n in ends.items()])})"
    if isfinite(data.seconds):
        text += f" in {seconds(data.seconds)}"
    if isfinite(data.time_limit):
        text += f" of the {seconds(data.time_limit)} allowed"
    if data.proposer:
        text += f", proposed by {named(data.proposer)}"
    return f"{text}."


def _beside_baseline(facts: Facts) -> str:
    base = facts.data.baseline
    name = str(base.get("name", "") or "")
    error = base.get("score_error")
    shown = with_error(facts.baseline, float("nan") if error is None else float(error))
    called = f"the baseline{f', {name},' if name else ''} has {shown}"
    gain, spread = facts.gain, facts.gain_error
    if isfinite(spread) and abs(gain) < spread:
        return f"{called}, which is not distinguishable."
    if gain <= 0:
        return f"{called}, which is better."
    if isfinite(spread) and spread > 0:
        return f"{called}, {number(gain / spread, 2)} standard errors behind."
    return f"{called}."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
