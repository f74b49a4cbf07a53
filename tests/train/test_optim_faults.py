import dataclasses
import re

import pytest

from vit_jax.train.optim_config import OWN_SETTINGS, SETTINGS, OptimConfig
from vit_jax.train.optim_faults import find_optim_faults


def faults(**changes):
    return list(find_optim_faults(OptimConfig(**changes), steps=100, batch_size=32))


@pytest.mark.parametrize("name", SETTINGS)
def test_an_optimizer_has_its_settings_and_refuses_those_of_others(name):
    values = {"nesterov": True, "parameter_scale": False, "ns_steps": 3}
    for setting in OWN_SETTINGS:
        found = faults(name=name, **{setting: values.get(setting, 0.5)})
        if setting in SETTINGS[name]:
            assert not found
        else:
            assert len(found) == 1
            assert f"does nothing with optim.name={name!r}; it is a" in found[0]


def test_settings_without_a_value_are_fields_that_say_none():
    defaults = {f.name: f.default for f in dataclasses.fields(OptimConfig)}
    assert {defaults[name] for name in OWN_SETTINGS} == {None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cooldown_steps": 5}, "cooldown_steps=5 does nothing with schedule='cosine'"),
        ({"rsqrt_timescale": 9}, "rsqrt_timescale=9 does nothing"),
        (
            {"schedule": "constant", "final_learning_rate": 0.1},
            "final_learning_rate=0.1 does nothing .* without a cool-down",
        ),
        (
            {"schedule": "rsqrt", "warmup_steps": 60, "cooldown_steps": 41},
            "cooldown_steps=41 does not lie within the 40 steps",
        ),
        ({"schedule": "rsqrt", "rsqrt_timescale": 0}, "rsqrt_timescale=0; at least 1"),
        (
            {"name": "sgd", "momentum": 0.0, "nesterov": True},
            "nesterov=True does nothing without momentum",
        ),
        ({"beta1": 1.0}, "beta1=1.0; from 0 to below 1"),
        ({"name": "adafactor", "beta2": 1.1}, "beta2=1.1"),
        ({"eps": 0.0}, "eps=0.0; positive"),
        ({"name": "muon", "ns_steps": 0}, "ns_steps=0; at least 1"),
        ({"name": "muon", "consistent_rms": -1.0}, "consistent_rms=-1.0 is negative"),
        ({"clip_value": 0.0}, "clip_value=0.0; positive, or None"),
        ({"sam_rho": 0.0}, "sam_rho=0.0; positive, or None"),
        ({"sum_classes": True}, "sum_classes=True does nothing with loss='softmax'"),
        ({"target_threshold": 0.0}, "target_threshold=0.0 does nothing"),
        ({"loss": "sigmoid", "target_threshold": 1.0}, "target_threshold=1.0; from 0"),
        (
            {"loss": "sigmoid", "target_threshold": 0.2, "label_smoothing": 0.1},
            "label_smoothing=0.1 is undone by target_threshold=0.2",
        ),
        ({"layer_decay": 0.0}, "layer_decay=0.0; above 0 and up to 1"),
        ({"rate_rows": ((".*", -1.0),)}, r"rate_rows: the factor -1.0 of '\.\*'"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(changes, message):
    (found,) = faults(**changes)
    assert re.search(message, found)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "adam", "name='adam' is none of adamw, sgd, .* meant adamw"),
        ("name", "sam", "set optim.sam_rho, such as 0.05, beside one of them"),
        ("schedule", "cos", "schedule='cos' is none of .* meant cosine"),
        ("loss", "bce", "loss='bce' is none of softmax, sigmoid"),
    ],
)
def test_a_choice_that_is_no_option_is_refused_with_the_nearest(field, value, message):
    config = OptimConfig()
    # The checker of types would refuse it here before we do.
    object.__setattr__(config, field, value)
    (found,) = find_optim_faults(config, steps=100, batch_size=32)
    assert re.search(message, found)
