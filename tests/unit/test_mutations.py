"""The list of guards that `make mutations` takes away is that of the code as it is."""

import pytest
from mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.guard)
def test_the_guard_is_there_once_and_its_tests_too(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
    assert all((ROOT / test).is_file() for test in mutation.tests)
