"""Trains a model: `python train.py CONFIG [overrides]`, or `--help`."""

import sys

from vit_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]], prog="train.py"))
