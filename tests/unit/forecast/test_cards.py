"""Cards by their data sheets: names as people and drivers write them."""

import pytest

from sixgig.errors import ConfigError
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.rates import LAPTOP
from sixgig.forecast.sheets import SHEETS, CardSheet, find_card


@pytest.mark.parametrize("name", SHEETS)
def test_every_card_is_found_by_its_own_name(name):
    assert find_card(name).name == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("NVIDIA GeForce RTX 3050 6GB Laptop GPU", "RTX 3050 6GB Laptop"),
        ("rtx 3050 laptop 6gb", "RTX 3050 6GB Laptop"),
        ("rtx3060", "RTX 3060"),
        ("Tesla T4", "T4"),
        ("a100", "A100"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GeForce RTX 4060 Laptop GPU", "RTX 4060 Laptop"),
    ],
)
def test_case_order_and_the_makers_name_do_not_count(written, name):
    assert find_card(written).name == name


def test_a_name_of_several_cards_names_them():
    with pytest.raises(ConfigError, match="stands for several cards") as error:
        find_card("RTX 3050")
    assert "RTX 3050 6GB Laptop" in error.value.next_step


def test_an_unknown_name_gives_the_nearest_ones():
    with pytest.raises(ConfigError, match="no card whose data sheet") as error:
        find_card("RTX 3055")
    assert "RTX 3050" in error.value.next_step


def test_a_laptop_with_a_card_has_its_memory_and_a_share_of_its_peak():
    machine = machine_with_card("RTX 3050 6GB Laptop")
    assert machine.card is not None
    assert (machine.cores, machine.memory_mb, machine.card.memory_mb) == (LAPTOP.cores, LAPTOP.memory_mb, 6144)
    assert machine.card.flops("bfloat16") == pytest.approx(12.4e12 * 0.4)
    assert machine.card.flops("float32") == pytest.approx(6.2e12 * 0.55)
    assert machine.basis == "assumed"


def test_what_was_measured_on_a_card_is_not_shared_again():
    card = CardSheet("measured", 6144, 2.0, 5.0, 100.0, measured=True)
    assert (card.flops("float16"), card.bytes_per_second) == (5e12, 1e11)
