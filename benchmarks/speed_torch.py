"""The contestants of benchmarks.speed that are torch's."""

from collections.abc import Callable
from typing import Any

from benchmarks.speed_jax import (
    Parts,
    find_ceiling,
    huggingface_sizes,
    make_batch,
)


def timm_eager(case: dict[str, Any]) -> Parts:
    """The model as it comes."""
    return _serve(_timm(case), case)


def timm_compile(case: dict[str, Any]) -> Parts:
    """The same under torch.compile."""
    import torch

    return _serve(torch.compile(_timm(case)), case)


def huggingface(case: dict[str, Any]) -> Parts:
    """Hugging Face: ViTForImageClassification with torch's fused attention."""
    from vit_jax.weights.proof.reference import mend_torchvision

    mend_torchvision()
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(**huggingface_sizes(case), attn_implementation="sdpa")
    model = ViTForImageClassification(config)
    return _serve(model, case, logits=lambda out: out.logits)


TORCH_CONTESTANTS = {
    "timm": timm_eager,
    "timm_compile": timm_compile,
    "huggingface": huggingface,
}


def _timm(case: dict[str, Any]) -> Any:
    from vit_jax.weights.proof.reference import import_timm

    return import_timm().create_model(case["preset"])


def _serve(
    model: Any, case: dict[str, Any], *, logits: Callable[[Any], Any] = lambda out: out
) -> Parts:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("highest")
    model = model.to(device).train(case["kind"] == "train")
    raw, numbers = make_batch(case)
    images = torch.tensor(raw, device=device).permute(0, 3, 1, 2).float().contiguous()
    labels = torch.tensor(numbers, device=device).long()
    low = torch.autocast(device, torch.bfloat16, enabled=case["dtype"] == "bfloat16")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, weight_decay=0.05, fused=True
    )

    def train() -> None:
        with low:
            out = logits(model(images))
        loss = torch.nn.functional.cross_entropy(out.float(), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def forward() -> None:
        with torch.inference_mode(), low:
            logits(model(images))

    step = {"train": train, "forward": forward}[case["kind"]]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def run(count: int) -> None:
        for _ in range(count):
            step()
        wait()

    def memory() -> int:
        return torch.cuda.max_memory_allocated() if device == "cuda" else 0

    def ceiling() -> float:
        n = 8192 if device == "cuda" else 2048
        kind = getattr(torch, case["dtype"])
        a, b = (torch.randn(n, n, device=device, dtype=kind) for _ in range(2))

        def product() -> None:
            torch.matmul(a, b)
            wait()

        return find_ceiling(product, n)

    return run, ceiling, memory
