"""What cannot be read is an error that says so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import images

import hccr

WHITE = np.full((40, 40), 255, np.uint8)
DOT = [[(0, 0)]]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (WHITE, "no ink"),
        (WHITE.astype(np.float32), "not an array of elements"),
        (WHITE.astype(bool), "not an array of elements"),
        (np.zeros((4, 4, 5), np.uint8), r"not of shape \[4, 4, 5\]"),
        (np.zeros(4, np.uint8), r"not of shape \[4\]"),
        (np.zeros((0, 4), np.uint8), "0 bytes"),
        (b"no picture", "no PNG"),
        (b"", "no PNG"),
        (None, "not <class 'NoneType'>"),
        ([[1, 2], [3, 4]], "not <class 'list'>"),
    ],
)
def test_images(image: Any, message: str) -> None:
    with pytest.raises(hccr.Error, match=message):
        hccr.Recognizer().read(image)


def test_files(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(hccr.Error, match=r"text\.png"):
        hccr.Recognizer().read(text)
    with pytest.raises(hccr.Error, match="no regular file"):
        hccr.Recognizer().read(tmp_path)
    with pytest.raises(hccr.Error, match="no regular file"):
        hccr.Recognizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        hccr.Recognizer().read(tmp_path / "none.png")
    with pytest.raises(FileNotFoundError, match=r"none\.hccr"):
        hccr.Recognizer(tmp_path / "none.hccr")
    with pytest.raises(hccr.Error, match="no model file"):
        hccr.Recognizer(text)
    with pytest.raises(hccr.Error, match="needs"):
        hccr.Recognizer(Path(__file__).parents[3] / "models" / "online-3755.hccr")


@pytest.mark.parametrize("kind", [hccr.InkRecognizer, hccr.FusedRecognizer])
@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ([], "no points"),
        ([[]], "no points"),
        ([[(0, 0, 0)]], "two numbers"),
        ([(0, 0)], "a list of strokes"),
        ([[(0, float("nan"))]], "NaN"),
        ([[(0, 1e300)]], "NaN or infinite"),
    ],
)
def test_inks(kind: Any, strokes: Any, message: str) -> None:
    with pytest.raises(hccr.Error, match=message):
        kind().read(strokes)


@pytest.mark.parametrize("kind", [hccr.InkRecognizer, hccr.FusedRecognizer])
def test_a_session_takes_no_wrong_points(kind: Any) -> None:
    session = hccr.InkSession(kind())
    session.add_stroke([(0, 0)])
    with pytest.raises(hccr.Error, match="NaN"):
        session.add_points([(float("nan"), 0)])
    with pytest.raises(hccr.Error, match="no character"):
        session.add_points([(0, 0)] * 20_000)
    with pytest.raises(hccr.Error, match="no character"):
        session.add_stroke([(0, 0)] * 20_000)
    assert session.candidates() == kind().read(DOT)


def test_arguments() -> None:
    with pytest.raises(hccr.Error, match="writing box"):
        hccr.InkRecognizer().read(DOT, writing_box=(0, 0, 0, 1))
    with pytest.raises(hccr.Error, match="does not know the character 'x'"):
        hccr.Recognizer(restrict="x")
    with pytest.raises(hccr.Error, match="no characters"):
        hccr.Recognizer(restrict="")
    with pytest.raises(TypeError):
        hccr.InkSession(hccr.Recognizer())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hccr.InkRecognizer().read([["ab"]])
    with pytest.raises(OverflowError):
        hccr.InkRecognizer().read(DOT, -1)
    with pytest.raises(ValueError, match="zero"):
        hccr.Recognizer().read_many([], threads=0)
    assert issubclass(hccr.Error, ValueError)


def test_one_of_many_is_named() -> None:
    with pytest.raises(hccr.Error, match="image 1: the image has no ink") as raised:
        hccr.Recognizer().read_many([images()[0], WHITE, WHITE])
    assert isinstance(raised.value.__cause__, hccr.Error)
    with pytest.raises(hccr.Error, match="ink 1: "):
        hccr.InkRecognizer().read_many([DOT, [[]]])
    with pytest.raises(FileNotFoundError, match="image 1: .*missing.png"):
        hccr.Recognizer().read_many([images()[0], "missing.png"])
    assert hccr.Recognizer().read_many([]) == []
