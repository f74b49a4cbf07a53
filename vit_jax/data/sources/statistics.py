"""Pixel statistics where nobody gave any."""

from vit_jax.pixels import IMAGENET, Pixels, half

# Of the images to train on, as their readers publish them.
KNOWN = {
    "mnist": Pixels((0.1307,), (0.3081,)),
    "fashion_mnist": Pixels((0.2860,), (0.3530,)),
    "cifar10": Pixels((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": Pixels((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def find_statistics(name: str, channels: int) -> Pixels:
    """Returns what is known of a data set, else ImageNet's of three channels, or half.

    Args:
      name: TFDS's name of a data set, or a file's name without its suffix.
    """
    known = KNOWN.get(name.lower().replace("-", "_"))
    if known is not None and len(known.mean) == channels:
        return known
    return IMAGENET if channels == 3 else half(channels)
