"""Losses and their gradients equal timm's, and those of DeiT's formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from timm.loss import (
    BinaryCrossEntropy,
    LabelSmoothingCrossEntropy,
    SoftTargetCrossEntropy,
)
from torch.nn import functional

from tests.train.recipe import get_config
from vit_jax.train.config import DistillConfig, OptimConfig, TrainConfig
from vit_jax.train.loss import find_loss
from vit_jax.train.objective import distill

RNG = np.random.default_rng(0)
LOGITS, DISTILLED, TAUGHT = np.float32(3 * RNG.normal(size=(3, 6, 10)))
LABELS = RNG.integers(0, 10, 6)
ONE_HOT = np.eye(10, dtype=np.float32)[LABELS]
MIXED = 0.3 * ONE_HOT + 0.7 * ONE_HOT[::-1]


def ours(targets, **optim):
    """Returns loss and gradients as numbers."""
    config = OptimConfig(**optim)
    find = jax.value_and_grad(
        lambda logits: find_loss(config, logits, jnp.asarray(targets))
    )
    return jax.device_get(find(jnp.asarray(LOGITS)))


def theirs(module, targets):
    logits = torch.tensor(LOGITS, requires_grad=True)
    loss = module(logits, torch.tensor(targets))
    loss.backward()
    return loss.detach().numpy(), logits.grad.numpy()


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * np.abs(b).max())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_cross_entropy_equals_timms(smoothing):
    expected = theirs(LabelSmoothingCrossEntropy(smoothing), LABELS)
    assert_equal(ours(ONE_HOT, label_smoothing=smoothing), expected)
    assert_equal(ours(MIXED), theirs(SoftTargetCrossEntropy(), MIXED))


@pytest.mark.parametrize("sum_classes", [False, True])
def test_sigmoid_cross_entropy_equals_timms(sum_classes):
    own = {"loss": "sigmoid", "sum_classes": sum_classes}
    for smoothing in (0.0, 0.1):
        module = BinaryCrossEntropy(smoothing, sum_classes=sum_classes)
        found = ours(ONE_HOT, label_smoothing=smoothing, **own)
        assert_equal(found, theirs(module, LABELS))
    assert_equal(ours(MIXED, **own), theirs(module, MIXED))
    for threshold in (0.0, 0.5):
        module = BinaryCrossEntropy(
            0.0, target_threshold=threshold, sum_classes=sum_classes
        )
        found = ours(MIXED, target_threshold=threshold, **own)
        assert_equal(found, theirs(module, MIXED))


def test_sigmoid_takes_the_mean_over_classes_as_timm_where_nothing_is_said():
    module = BinaryCrossEntropy(smoothing=0.0)
    assert_equal(ours(ONE_HOT, loss="sigmoid"), theirs(module, LABELS))


def deit_loss(outputs, outputs_kd, teacher_outputs, labels, *, kind, alpha, tau):
    """Returns DistillationLoss.forward of facebookresearch/deit, losses.py."""
    base_loss = functional.cross_entropy(outputs, labels)
    if kind == "soft":
        divergence = functional.kl_div(
            functional.log_softmax(outputs_kd / tau, dim=1),
            functional.log_softmax(teacher_outputs / tau, dim=1),
            reduction="sum",
            log_target=True,
        )
        distillation_loss = divergence * (tau * tau) / outputs_kd.numel()
    else:
        classes = teacher_outputs.argmax(dim=1)
        distillation_loss = functional.cross_entropy(outputs_kd, classes)
    loss = base_loss * (1 - alpha) + distillation_loss * alpha
    return loss, distillation_loss


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "hard", "alpha": 0.4},
        {"kind": "soft", "alpha": 0.1},
        {"kind": "soft", "temperature": 1.5},
    ],
)
@pytest.mark.parametrize("two_heads", [True, False])
def test_distillation_equals_deits(changes, two_heads):
    own = DistillConfig(teacher="somewhere", **changes)
    config = TrainConfig(model=get_config().model, distill=own)

    def find(logits, distilled):
        heads = (logits, distilled if two_heads else None)
        losses = distill(config, heads, jnp.asarray(ONE_HOT), jnp.asarray(TAUGHT))
        return losses["loss"], losses["distill_loss"]

    find = jax.value_and_grad(find, argnums=(0, 1), has_aux=True)
    found, grads = jax.device_get(find(jnp.asarray(LOGITS), jnp.asarray(DISTILLED)))

    tau = changes.get("temperature", 3.0)  # the paper's
    outputs, outputs_kd = (
        torch.tensor(x, requires_grad=True) for x in (LOGITS, DISTILLED)
    )
    taught, labels = torch.tensor(TAUGHT), torch.tensor(LABELS)
    pupil = outputs_kd if two_heads else outputs
    expected = deit_loss(
        outputs, pupil, taught, labels, kind=own.kind, alpha=own.alpha, tau=tau
    )
    expected[0].backward()
    assert_equal(found, [loss.detach().numpy() for loss in expected])
    assert_equal(grads[:1], [outputs.grad.numpy()])
    if two_heads:
        assert_equal(grads[1:], [outputs_kd.grad.numpy()])
    else:
        assert not grads[1].any()
