"""Every target, by the inputs that are kept for it and by chance; always the same, so that a failure stays one.

What coverage finds (`python -m tests.fuzz NAME`) is kept in corpus/NAME, and is given again here for good.
"""

import importlib.util
import random
import sys

import pytest

from tests import tools
from tests.fuzz import targets
from tests.fuzz.target import CORPUS, LONGEST, TARGETS, Target

CHANCES = 150  # inputs by chance, each

targets.load()


@pytest.mark.parametrize("one", TARGETS.values(), ids=lambda one: one.name)
def test_what_is_kept(one: Target) -> None:
    kept = one.kept()
    assert kept, f"python -m tests.fuzz {one.name} --seconds 60, then --keep"
    for path in kept:
        one.check(path.read_bytes())


@pytest.mark.parametrize("one", TARGETS.values(), ids=lambda one: one.name)
def test_by_chance(one: Target) -> None:
    for data in one.by_chance(random.Random(one.name), CHANCES):
        one.check(data)


def test_the_corpus_is_small_and_every_folder_has_its_target() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 1 << 20
    assert max(sizes) <= LONGEST
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_a_word_is_no_dictionary_of_its_own() -> None:
    """libFuzzer takes words of at most 64 bytes."""
    assert {one.name for one in TARGETS.values() for word in one.words if not 0 < len(word) <= 64} == set()


def test_fuzzing_by_coverage_is_possible_here() -> None:
    """Loud where it is not: `make fuzz` and the fault suite then fuzz by chance alone."""
    here = sys.platform == "linux" and sys.version_info < (3, 14)
    if importlib.util.find_spec("atheris") is None:
        why = "atheris is not installed: nothing is fuzzed by coverage"
        pytest.fail(why, pytrace=False) if here and tools.required() else pytest.skip(why)
