"""Programs are let go of before they are more than the system grants places for."""

import gc
import sys

import jax
import jax.numpy as jnp
import pytest

from triality.loaded_programs import GRANTED, PLACES, make_room_for_programs

LINUX = pytest.mark.skipif(not (PLACES.is_file() and GRANTED.is_file()), reason="the system does not tell places in memory")


def program(number):
    """One that nobody else has."""
    return jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: jnp.sin(y) + number * jnp.linalg.norm(y), number * x))


@pytest.fixture
def clearings(monkeypatch):
    counted = []
    monkeypatch.setattr(jax, "clear_caches", lambda: counted.append(None))
    return counted


@pytest.mark.parametrize(("used", "expected"), [(0, False), (50, False), (51, True), (200, True)])
def test_it_lets_go_beyond_half_of_what_is_granted_and_no_sooner(clearings, used, expected):
    assert make_room_for_programs(used=lambda: used, granted=lambda: 100) is expected
    assert len(clearings) == expected


def test_where_the_system_does_not_tell_nothing_is_done(clearings):
    def missing():
        raise FileNotFoundError

    def nonsense():
        raise ValueError

    assert not make_room_for_programs(used=missing, granted=lambda: 100)
    assert not make_room_for_programs(used=lambda: 1000, granted=nonsense)
    assert not clearings


def test_where_jax_was_never_imported_nothing_is_done(clearings, monkeypatch):
    monkeypatch.delitem(sys.modules, "jax")
    assert not make_room_for_programs(used=lambda: 1000, granted=lambda: 100)
    assert not clearings


@LINUX
def test_the_places_are_those_of_this_process_and_come_back():
    def places():
        return PLACES.read_bytes().count(b"\n")

    make_room_for_programs(granted=lambda: 0)
    gc.collect()
    before, x = places(), jnp.arange(8.0)
    programs = [program(number) for number in range(40)]
    found = [float(each(x)[0]) for each in programs]
    loaded = places()
    assert loaded > before + 200  # what programs take is why the file exists
    assert make_room_for_programs(granted=lambda: loaded)
    gc.collect()
    assert places() < before + (loaded - before) / 4
    assert [float(each(x)[0]) for each in programs] == found
    assert int(GRANTED.read_text()) > 0
