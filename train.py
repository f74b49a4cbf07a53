"""Trains a model: `python train.py CONFIG [overrides]`, or `--help`."""

import sys

from vit_jax.process import run

if __name__ == "__main__":
    sys.exit(run(["train", *sys.argv[1:]], prog="train.py"))
