"""Torch's side: a module in training mode and torch's own optimizers.

A tensor that holds several of our parameters (q, k and v in one) is optimised as that
many views of its memory: weight decay goes by our names, and LAMB's trust ratio is one
for each. Any other is optimised as it is.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vit_jax.errors import InputError
from vit_jax.pixels import Pixels, normalise
from vit_jax.train.optim_config import OptimConfig, find_settings
from vit_jax.train.param_rows import match_rows
from vit_jax.train.proof.training import Arrays, DigitBatches, Training
from vit_jax.weights.layout import HOLE
from vit_jax.weights.mapping import Plan
from vit_jax.weights.proof.reference import import_timm
from vit_jax.weights.proof.run import find_vector, run_reference

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

Groups = list[dict[str, Any]]
Parts = dict[str, Any]
"""Tensors by our names."""


@dataclasses.dataclass(frozen=True)
class TorchTraining:
    """A module, and how it is trained."""

    module: "nn.Module"
    plan: Plan
    """Where the module keeps our parameters."""
    pixels: Pixels
    optim: OptimConfig

    def find_frozen(self) -> list[str]:
        """Returns our names of what the module does not train: buffers and the like."""
        trained = dict(self.module.named_parameters())
        return [
            name
            for move in self.plan.moves
            for name in move.ours
            if name != HOLE
            and not (move.theirs in trained and trained[move.theirs].requires_grad)
        ]

    def in_float64(self) -> "TorchTraining":
        """Returns the same training with every number twice as wide."""
        module = copy.deepcopy(self.module).double()
        return dataclasses.replace(self, module=module)

    def check(self, batches: DigitBatches) -> None:
        """Checks that torch can train alike.

        Raises:
          InputError: it draws random numbers, as dropout does, or its parameters cannot
            be taken apart, or a package is missing.
        """
        import torch

        self._make_optimizer(self._split(lambda tensor: tensor.detach()))
        self.module.train()
        with torch.no_grad():
            one, two = (self._find_logits(batches[0]["image"]) for _ in range(2))
        if not torch.allclose(one, two, rtol=1e-4, atol=1e-4 * float(one.abs().max())):
            drops = [n for n, m in self.module.named_modules() if "Drop" in repr(m)[:8]]
            raise InputError(
                "the reference draws random numbers in training mode, so that no two of"
                " its trainings are equal: set its dropout rates to 0. Modules that may"
                f" do it: {', '.join(drops[:3]) or 'not found'}."
            )

    def train(self, batches: DigitBatches, rates: Sequence[float]) -> Training:
        """Returns what training gives; the module is left as it ends.

        Args:
          rates: the learning rate of each step.
        """
        import torch

        self.module.train()
        parts = self._split(lambda tensor: tensor.detach())
        optimizer = self._make_optimizer(parts)
        losses: list[float] = []
        gradients, update = {}, {}
        for step, rate in enumerate(rates):
            losses.append(self._find_gradients(batches[step]))
            for name, grad in self._split(_find_grad).items():
                parts[name].grad = grad
            if step == 0:
                gradients = self._to_ours({n: part.grad for n, part in parts.items()})
            if self.optim.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(parts.values(), self.optim.clip_norm)
            if step == 0:
                update = self._find_update(parts)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        return Training(losses, gradients, update, self._to_ours(parts))

    def _find_logits(self, images: Any) -> Any:
        dtype = next(self.module.parameters()).detach().numpy().dtype
        pixels = normalise(images, self.pixels).astype(dtype)
        return find_vector(run_reference(self.module, pixels, self.plan.config))

    def _find_gradients(self, batch: Arrays) -> float:
        """Returns the loss of a batch; leaves its gradients in the module."""
        import torch

        self.module.zero_grad()
        logits = self._find_logits(batch["image"])
        labels = torch.from_numpy(batch["label"].astype(np.int64))
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        return float(loss.detach())

    def _find_update(self, parts: Parts) -> Arrays:
        """Returns what a first step subtracts for the gradients, per learning rate.

        The gradients are the module's, the step is in float64: the difference of two
        parameters of 1 that are 1e-3 apart has but four digits in float32.
        """
        wide: Parts = {}
        for name, part in parts.items():
            wide[name] = part.double().clone()
            wide[name].grad = part.grad.double()
        self._make_optimizer(wide).step()
        rate = self.optim.learning_rate
        return self._to_ours({n: (parts[n].double() - wide[n]) / rate for n in wide})

    def _split(self, find: Callable[["Tensor"], "Tensor"]) -> Parts:
        """Returns what `find` gives for each parameter that is trained, in our parts.

        Several parts of one tensor have our shapes, and share its memory.
        """
        import torch

        trained = dict(self.module.named_parameters())
        frozen, parts = set(self.find_frozen()), {}
        for move in self.plan.moves:
            names = [name for name in move.ours if name not in (HOLE, *frozen)]
            if len(move.ours) == 1 and names:
                parts[names[0]] = find(trained[move.theirs])
            elif names:
                whole = find(trained[move.theirs]).numpy()
                pieces = dict(zip(move.ours, move.to_ours(whole), strict=True))
                if not all(np.shares_memory(pieces[name], whole) for name in names):
                    raise InputError(
                        f"the reference holds {', '.join(names)} mixed in"
                        f" {move.theirs}, where torch cannot train each by itself: give"
                        " a reference of another layout, such as timm:NAME."
                    )
                parts |= {name: torch.from_numpy(pieces[name]) for name in names}
        return parts

    def _to_ours(self, parts: Parts) -> Arrays:
        """Returns copies of parts in our shapes."""
        alone = {move.ours[0]: move for move in self.plan.moves if len(move.ours) == 1}
        arrays = {name: part.detach().numpy() for name, part in parts.items()}
        for name in arrays.keys() & alone.keys():
            (arrays[name],) = alone[name].to_ours(arrays[name])
        return {name: np.array(array) for name, array in arrays.items()}

    def _make_optimizer(self, parts: Parts) -> "optim.Optimizer":
        factors = match_rows(
            self.optim.decay_rows, self.plan.shapes, field="optim.decay_rows"
        )
        groups: Groups = [
            {
                "params": [part for name, part in parts.items() if factors[name] == x],
                "weight_decay": self.optim.weight_decay * x,
            }
            for x in sorted(set(factors.values()))
        ]
        make = OPTIMIZERS[self.optim.name]
        return make(groups, self.optim.learning_rate, find_settings(self.optim))


def _find_grad(tensor: "Tensor") -> "Tensor":
    """Returns a gradient; zero where nothing depends on the parameter."""
    import torch

    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _betas(own: dict[str, Any]) -> tuple[float, float]:
    return own["beta1"], own["beta2"]


def _adamw(groups: Groups, rate: float, own: dict[str, Any]) -> "optim.Optimizer":
    import torch

    return torch.optim.AdamW(groups, lr=rate, betas=_betas(own), eps=own["eps"])


def _sgd(groups: Groups, rate: float, own: dict[str, Any]) -> "optim.Optimizer":
    import torch

    return torch.optim.SGD(groups, lr=rate, **own)


def _lamb(groups: Groups, rate: float, own: dict[str, Any]) -> "optim.Optimizer":
    """Returns timm's without its own clipping; what decays has a trust ratio."""
    import_timm()
    from timm.optim.lamb import Lamb

    return Lamb(
        groups,
        lr=rate,
        betas=_betas(own),
        eps=own["eps"],
        max_grad_norm=None,
    )


def _lion(groups: Groups, rate: float, own: dict[str, Any]) -> "optim.Optimizer":
    import_timm()
    from timm.optim.lion import Lion

    return Lion(groups, lr=rate, betas=_betas(own))


OPTIMIZERS: dict[str, Callable[..., "optim.Optimizer"]] = {
    "adamw": _adamw,
    "sgd": _sgd,
    "lamb": _lamb,
    "lion": _lion,
}
"""By our name: torch.optim's first two, timm.optim's last two."""
