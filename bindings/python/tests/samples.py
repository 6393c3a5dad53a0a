"""The samples that are committed beside the models: images and inks of simulated characters."""

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

MODELS = Path(__file__).parents[3] / "models"

Image = npt.NDArray[np.uint8]
Strokes = list[list[tuple[int, int]]]


def files(kind: str) -> Iterator[bytes]:
    with zipfile.ZipFile(MODELS / f"samples-3755.{kind}.zip") as archive:
        for name in archive.namelist():
            yield archive.read(name)


def images() -> list[Image]:
    """Of GNT files: size of the record, label, width, height, pixels."""
    found = []
    for data in files("gnt"):
        at = 0
        while at < len(data):
            size, _, width, height = struct.unpack_from("<I2sHH", data, at)
            pixels = np.frombuffer(data, np.uint8, width * height, at + 10)
            found.append(pixels.reshape(height, width))
            at += size
    return found


def inks() -> list[Strokes]:
    """Of POT files: size of the record, label, number of strokes; points, (-1, 0) after a stroke, (-1, -1) at the end."""
    found = []
    for data in files("pot"):
        at = 0
        while at < len(data):
            size, _, _ = struct.unpack_from("<H4sH", data, at)
            numbers = np.frombuffer(data, "<i2", (size - 8) // 2, at + 8).reshape(-1, 2).tolist()
            strokes: Strokes = [[]]
            for x, y in numbers[:-1]:
                if (x, y) == (-1, 0):
                    strokes.append([])
                else:
                    strokes[-1].append((x, y))
            found.append(strokes[:-1])
            at += size
    return found


def png(image: Image) -> bytes:
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
