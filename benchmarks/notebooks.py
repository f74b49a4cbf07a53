"""The five notebooks, as written and as meant, beside our model of the preset's name.

    python -m benchmarks.notebooks

Every parameter random, three images: the logits (of 002 as written the hidden states,
its logits read no image), the worst stage, and the way back. Needs the `test` extra.
"""

import warnings

import numpy as np

import tests.parity.conftest  # noqa: F401  (lets timm import where torch is for CPU)
from tests.models import random_images
from tests.parity.notebooks.forms import FORMS, build
from tests.parity.references import tensors_of
from vit_jax.errors import InputWarning
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity

TOLERANCE = 2e-6


def main() -> None:
    """Prints a line for each form, then how many agree."""
    forms = {form.preset: form for form in reversed(FORMS)}
    agree = 0
    print(f"{'preset':<24} {'layout':<20} {'logits':>8} {'worst':>8}  bit-exact back")
    for name in sorted(forms):
        form = forms[name]
        config, reference, model = build(form)
        images = random_images(config, batch=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)  # of attend_over='batch'
            report = parity(
                model, reference, images, tolerance=TOLERANCE, layout=form.layout.name
            )
        tensors, plan = tensors_of(reference), make_plan(form.layout, config)
        back = plan.to_theirs(plan.to_ours(tensors))
        exact = all(np.array_equal(back[key], tensors[key]) for key in tensors)
        errors = [max(s.relative_l2, s.relative_max) for s in report.stages]
        told = f"{form.layout.name:<20} {errors[-1]:>8.1e} {max(errors):>8.1e}  {exact}"
        print(f"{name:<24} {told}" + ("" if report.ok else f"\n{report}"), flush=True)
        agree += report.ok and exact
    print(f"{agree} of {len(forms)} within {TOLERANCE:g}")


if __name__ == "__main__":
    main()
