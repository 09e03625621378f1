"""The list of mutations stays true: each would change its file, in one place."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SCRIPTS))
    MUTATIONS = [
        mutation
        for name in ("mutations", "search_mutations")
        for mutation in runpy.run_path(str(SCRIPTS / f"{name}.py"))["MUTATIONS"]
    ]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.what)
def test_the_text_to_be_mutated_occurs_once(mutation):
    text = (ROOT / "src" / "thalweg" / mutation.file).read_text("utf-8")
    assert text.count(mutation.old) == 1
    assert mutation.old != mutation.new
    assert (ROOT / mutation.tests).exists()
    compile(text.replace(mutation.old, mutation.new), mutation.file, "exec")


def test_each_mutation_has_a_name_of_its_own():
    names = [mutation.what for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
