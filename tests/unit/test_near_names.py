"""A name is of exactly the connections that bear it; what is near is only ever offered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Connection
from bot.preview.names import NEAREST, called, nearest


def connection(name: str, id_: str = "vco-a", **more: Any) -> Connection:  # noqa: ANN401 - its fields
    return Connection(
        vpn_connection_id=id_, region="cn-hangzhou", state="attached", name=name, **more
    )


OFFICE = connection("office-shanghai", "vco-p0w5112fgnl2ihlmf7k3qd")
OTHERS = [connection("dc-beijing", "vco-b"), connection("Office-Shanghai", "vco-c")]
ALL = [*OTHERS, OFFICE]

names = st.text(min_size=1, max_size=30).filter(lambda name: bool(name.split()))
worlds = st.lists(st.builds(connection, names, st.sampled_from(["vco-a", "vco-b1", "vco-c2"])))


@pytest.mark.parametrize(
    "typed", ["office-shanghai", "office\u2011shanghai", " office\u2013shanghai\u3000"]
)
def test_a_name_is_the_same_whatever_a_keyboard_makes_of_its_dashes_and_blanks(typed: str) -> None:
    assert called(typed, ALL) == (OFFICE,)


@pytest.mark.parametrize(
    "typed", ["office", "office-shangha", "OFFICE-SHANGHAI", "office shanghai"]
)
def test_what_is_not_the_very_name_is_nobodys_and_is_offered(typed: str) -> None:
    assert called(typed, ALL) == ()
    assert OFFICE in nearest(typed, ALL)


def test_two_of_one_name_are_both_meant() -> None:
    twin = connection("office-shanghai", "vco-z")
    assert called("office-shanghai", [*ALL, twin]) == (OFFICE, twin)


def test_a_mistyped_id_is_near_to_the_id() -> None:
    assert nearest("vco-p0w5112fgnl2ihlmf7k3dq", ALL) == (OFFICE,)


def test_nothing_is_near_to_what_is_nothing_like_it() -> None:
    assert nearest("zzz", ALL) == ()
    assert called("", [connection("")]) == ()


@given(worlds, names)
def test_who_is_called_something_has_that_name_and_is_the_nearest_to_it(
    world: list[Connection], name: str
) -> None:
    found = called(name, world)
    assert set(found) <= set(world)
    assert all(one in found for one in world if one.name == name)
    if found and len(set(found)) <= NEAREST:
        assert nearest(name, list(dict.fromkeys(world)))[0].name.split() == found[0].name.split()


@given(worlds, st.text(max_size=200))
def test_no_more_are_offered_than_can_be_read(world: list[Connection], word: str) -> None:
    near = nearest(word, world)
    assert len(near) <= NEAREST
    assert set(near) <= set(world)
