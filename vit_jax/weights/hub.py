"""Models of the Hugging Face hub, by their id."""

from fnmatch import fnmatch
from pathlib import Path

from vit_jax.errors import InputError

PREFIX = "hf:"
# The first kind that a model has is fetched, and what says how to use it.
WEIGHTS = ("*.safetensors", "*.npz", "*.bin", "*.pth", "*.pt", "*.msgpack")
BESIDE = ("*.json",)


def is_id(path: Path) -> bool:
    """Returns whether a path stands for a model of the hub, as hf:google/vit-base."""
    return str(path).startswith(PREFIX)


def fetch(path: Path) -> Path:
    """Returns the folder of a hub's model, fetched into the hub's cache once.

    Raises:
      InputError: huggingface_hub is not installed, there is no such model, it has no
        weights, or the hub cannot be reached.
    """
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError as error:
        raise InputError(
            f"{path} is fetched by huggingface_hub, which is not installed:"
            " pip install 'vit_jax[hub]'."
        ) from error
    name = str(path).removeprefix(PREFIX)
    try:
        files = huggingface_hub.list_repo_files(name)
        weights = [kind for kind in WEIGHTS if any(fnmatch(f, kind) for f in files)]
        if not weights:
            raise InputError(
                f"{path} has no weights: expected a file {' or '.join(WEIGHTS)}."
            )
        kinds = [*BESIDE, weights[0]]
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=kinds))
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise InputError(
            f"{path} cannot be fetched ({type(error).__name__}: {error}). Check the id"
            " and the network, or fetch its folder elsewhere and give its path."
        ) from error
