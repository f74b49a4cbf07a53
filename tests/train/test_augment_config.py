import re

import pytest

from vit_jax.errors import InputError
from vit_jax.train.augment.config import AugmentConfig, find_faults
from vit_jax.train.augment.policies import (
    RAND_INCREASING,
    RAND_TRANSFORMS,
    parse_auto_augment,
    parse_rand_augment,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shift": 1.5}, "augment.shift=1.5; a share is from 0 to below 1"),
        ({"rotate": -1.0}, "augment.rotate=-1.0 is negative"),
        ({"mixup": float("nan")}, "augment.mixup=nan is negative"),
        ({"erase": 1.5}, "augment.erase=1.5; a probability"),
        ({"erase": 0.5, "erase_count": 0}, "augment.erase_count=0; at least 1"),
        ({"colour_jitter": (0.4, 0.4, 0.4, 0.6)}, "the hue up to 0.5"),
        ({"cutmix_minmax": (0.8, 0.2)}, "two shares from 0 to 1 that rise"),
        (
            {"cutmix": 1.0, "cutmix_minmax": (0.2, 0.8)},
            "both say how large to cut; set one",
        ),
        (
            {"three_augment": True, "auto_augment": "v0"},
            "auto_augment and three_augment are both set; choose one policy",
        ),
        ({"rand_augment": "m9"}, "does not begin with 'rand-'"),
        ({"rand_augment": "rand-m9-q3"}, "'q3' is not one of the words m (magnitude)"),
        ({"rand_augment": "rand-m9.5"}, "'m9.5' is not one of the words"),
        ({"rand_augment": "rand-m9-m8"}, "'m8' is not one of the words"),
        ({"rand_augment": "rand-n0"}, "n is at least 1"),
        ({"rand_augment": "rand-tfancy"}, "tfancy is none of t3a, t3aw, tweights"),
        ({"rand_augment": "rand-n16-tweights"}, "cannot be drawn without repeats"),
        (
            {"auto_augment": "orginal"},
            "'orginal' is none of original, originalr, v0, v0r, cifar10. Perhaps",
        ),
        ({"auto_augment": "v0-m9"}, "'m9' is not one of the words mstd"),
    ],
)
def test_what_cannot_be_done_is_refused(fields, message):
    with pytest.raises(InputError, match=re.escape(message)):
        AugmentConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "without"),
    [
        ({"pad_mode": "zero"}, "pad_crop"),
        ({"interpolation": "bilinear"}, "rand_augment or auto_augment"),
        ({"three_augment": True, "interpolation": "random"}, "rand_augment or auto"),
        ({"erase_mode": "pixel"}, "erase"),
        ({"erase_count": 2}, "erase"),
        ({"mix_mode": "elem"}, "mixup or cutmix"),
        ({"mix_prob": 0.5}, "mixup or cutmix"),
        ({"mixup": 0.8, "mix_switch_prob": 0.3}, "both mixup and cutmix"),
    ],
)
def test_what_would_do_nothing_is_refused(fields, without):
    with pytest.raises(InputError, match=f"does nothing without {without}"):
        AugmentConfig(**fields)


def test_a_choice_that_is_no_option_is_refused_with_the_nearest():
    config = AugmentConfig(erase=0.5)
    # The checker of types would refuse it here before we do.
    object.__setattr__(config, "erase_mode", "pixels")
    assert list(find_faults(config)) == [
        "erase_mode='pixels' is none of const, rand, pixel. Perhaps you meant pixel."
    ]


def test_faults_are_told_together():
    with pytest.raises(InputError) as error:
        AugmentConfig(shift=2.0, rotate=-1.0, rand_augment="rand-x")
    assert len(str(error.value).splitlines()) == 3


def test_the_recipes_of_the_papers_are_taken():
    """DeiT (arXiv:2012.12877, table 9) and DeiT III (arXiv:2204.07118, table 1)."""
    AugmentConfig(
        flip=True,
        rand_augment="rand-m9-mstd0.5-inc1",
        erase=0.25,
        erase_mode="pixel",
        mixup=0.8,
        cutmix=1.0,
    )
    AugmentConfig(
        flip=True,
        three_augment=True,
        colour_jitter=(0.3, 0.3, 0.3, 0.0),
        mixup=0.8,
        cutmix=1.0,
    )


def test_words_say_which_operations():
    assert parse_rand_augment("rand-m9").names == RAND_TRANSFORMS
    assert parse_rand_augment("rand-m9-inc1").names == RAND_INCREASING
    assert parse_rand_augment("rand-m9-mstd101").magnitude_std == float("inf")
    assert parse_auto_augment("cifar10-mstd0.5").magnitude_std == 0.5
