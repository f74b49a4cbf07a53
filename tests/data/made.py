"""Small collections of images, made on the fly."""

import io
import json
import tarfile

import numpy as np
from PIL import Image


def pixels(seed, *, rows=6, columns=8):
    """Returns random pixels, another image for each seed."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, columns, 3), np.uint8)


def image_file(seed, kind="PNG", **size):
    """Returns an image file, another one for each seed."""
    out = io.BytesIO()
    Image.fromarray(pixels(seed, **size)).save(out, kind)
    return out.getvalue()


def write_folder(root, counts, *, suffix=".png", first_seed=0):
    """Writes class folders with so many images each."""
    seed = first_seed
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (root / name / f"{i:03d}{suffix}").write_bytes(image_file(seed))
            seed += 1
    return root


def write_tar(path, members):
    """Writes a tar file of (name, content)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_parquet(path, labels, *, names=("cat", "dog"), rows_a_group=2, first_seed=0):
    """Writes a parquet file as Hugging Face does."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(
        hugging_table(pyarrow, labels, names, first_seed),
        path,
        row_group_size=rows_a_group,
    )
    return path


def write_arrow(path, labels, *, names=("cat", "dog"), stream=True):
    """Writes an arrow file as Hugging Face's save_to_disk does."""
    import pyarrow

    path.parent.mkdir(parents=True, exist_ok=True)
    table = hugging_table(pyarrow, labels, names, 0)
    new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def hugging_table(pyarrow, labels, names, first_seed):
    """Returns images and labels as a table with Hugging Face's metadata."""
    images = [
        {"bytes": image_file(first_seed + i), "path": f"{i}.png"}
        for i in range(len(labels))
    ]
    table = pyarrow.table({"image": images, "label": list(labels)})
    features = {"image": {"_type": "Image"}}
    if names:
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
    written = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": written})


def contents(source):
    """Returns every image and label of a source, in its order."""
    examples = [source[i] for i in range(len(source))]
    return [(x["image"], x["label"]) for x in examples]
