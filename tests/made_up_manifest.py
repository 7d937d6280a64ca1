"""A small made-up database for tests: a manifest with flow arrays and pairs of frames."""

import csv

import cv2
import numpy as np

from data_builders.database.pipeline import BuildOptions

OPTIONS = BuildOptions(
    flow_method="dis", flow_size=8, image_size=16, crop_size=32, detector="none", workers=1
)
EMOTIONS = ("anger", "happiness", "surprise")


def make_raw(folder, n=6):
    """A manifest of n clips, half of them flow arrays, half pairs of frames."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        row = {"database": "lab", "subject": f"s{i % 3}", "clip": f"c{i}"}
        row |= {"emotion": EMOTIONS[i % 3], "ethnicity": ("Asian", "White", "")[i % 3]}
        if i % 2:
            row["flow"] = f"{i}.npy"
            np.save(folder / row["flow"], rng.normal(size=(8, 8, 3)).astype(np.float32))
        else:
            row |= {"onset_path": f"{i}a.png", "apex_path": f"{i}b.png"}
            for name in (row["onset_path"], row["apex_path"]):
                frame = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (48, 48))
                cv2.imwrite(str(folder / name), frame)
        rows.append(row)
    return write_manifest(folder / "manifest.csv", rows)


def write_manifest(path, rows):
    names = ["database", "subject", "clip", "emotion", "ethnicity"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*names, "flow", "onset_path", "apex_path"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_manifest(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    """Every file below a folder, but for locks: relative path -> bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def databases(data_dir):
    return contents(data_dir / "ethnic_me") if data_dir.exists() else {}
