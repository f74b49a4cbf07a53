"""Hugging Face's models: found out, computed and given back exactly."""

from operator import attrgetter

import pytest

from tests.parity.huggingface import (
    VARIANTS,
    check_guesses,
    check_names,
    check_numbers,
    check_way_back,
)

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=attrgetter("name"))


@each_variant
def test_layout_and_config_are_found_out(variant):
    check_names(variant)


@each_variant
def test_what_cannot_be_known_without_a_config_is_told(variant):
    check_guesses(variant)


@each_variant
def test_logits_and_every_stage_equal_transformers(variant):
    assert check_numbers(variant) <= 1e-5


@each_variant
def test_what_goes_through_our_parameters_comes_back_bit_for_bit(variant):
    check_way_back(variant)
