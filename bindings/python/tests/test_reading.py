"""Answers: those of the command line, bit for bit, from every kind of input."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from samples import Strokes, images, inks, png

import hccr

IMAGES = images()
INKS = inks()
TEN: Strokes = [[(40, 150), (260, 149)], [(151, 20), (149, 290)]]


def answers(candidates: list[hccr.Candidate]) -> list[tuple[str, np.float32]]:
    return [(c.character, np.float32(c.probability)) for c in candidates]


def command_line(*arguments: str | Path) -> list[Any]:
    """The files of `hccr read`, each as the candidates of its characters."""
    program = os.environ["HCCR"]
    output = subprocess.run([program, "read", "--json", "--top", "10", *arguments], check=True, capture_output=True)
    files = [json.loads(line) for line in output.stdout.splitlines()]
    return [
        [
            [(c["character"], np.float32(c["probability"])) for c in character["candidates"]]
            for character in file["characters"]
        ]
        for file in files
    ]


@pytest.mark.skipif("HCCR" not in os.environ, reason="HCCR does not name the program hccr")
def test_images_are_read_as_by_the_command_line(tmp_path: Path) -> None:
    for number, image in enumerate(IMAGES):
        (tmp_path / f"{number:04}.png").write_bytes(png(image))
    expected = [characters[0] for characters in command_line("--single", tmp_path)]
    recognizer = hccr.Recognizer()
    assert [answers(recognizer.read(image)) for image in IMAGES] == expected
    assert [answers(found) for found in recognizer.read_many(IMAGES, threads=3)] == expected
    paths = sorted(tmp_path.iterdir())
    assert [answers(found) for found in recognizer.read_many(paths)] == expected


@pytest.mark.skipif("HCCR" not in os.environ, reason="HCCR does not name the program hccr")
def test_inks_are_read_as_by_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "inks.json"
    path.write_text("\n".join(json.dumps({"strokes": strokes}) for strokes in INKS))
    [expected] = command_line("--ink", path)
    recognizer = hccr.FusedRecognizer()
    assert [answers(recognizer.read(strokes)) for strokes in INKS] == expected
    assert [answers(found) for found in recognizer.read_many(INKS, threads=3)] == expected


def test_every_kind_of_image_gives_the_same_answer(tmp_path: Path) -> None:
    recognizer = hccr.Recognizer()
    gray = IMAGES[0]
    expected = recognizer.read(gray)
    assert len(expected) == 10 and expected[0] == recognizer.read(gray, 1)[0]
    path = tmp_path / "image.png"
    path.write_bytes(png(gray))
    opaque = np.full_like(gray, 255)
    padded = np.zeros((gray.shape[0], gray.shape[1] + 5), np.uint8)
    padded[:, 2:-3] = gray
    pillow = PIL.Image.fromarray(gray)
    same = [
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        pillow,
        pillow.convert("RGB"),
        pillow.convert("RGBA"),
        pillow.convert("LA"),
        pillow.convert("P"),
        pillow.convert("CMYK"),
        memoryview(gray),  # type: ignore[arg-type]
        gray[:, :, None],
        np.dstack([gray, opaque]),
        np.dstack([gray] * 3),
        np.dstack([gray] * 3 + [opaque]),
        padded[:, 2:-3],
        np.asfortranarray(gray),
        gray[::-1, ::-1].copy()[::-1, ::-1],
    ]
    for number, image in enumerate(same):
        assert recognizer.read(image) == expected, number  # type: ignore[arg-type]


def test_every_kind_of_ink_gives_the_same_answer() -> None:
    recognizers: list[hccr.InkRecognizer | hccr.FusedRecognizer] = [hccr.InkRecognizer(), hccr.FusedRecognizer()]
    for recognizer in recognizers:
        expected = recognizer.read(TEN)
        assert expected[0].character == "十"
        assert recognizer.read([np.array(stroke) for stroke in TEN]) == expected
        assert recognizer.read(np.array(TEN, np.float32)) == expected
        assert recognizer.read(tuple([list(point) for point in stroke] for stroke in TEN)) == expected
        # A square box about the bounding box changes the ink's size in it, so the answer's last digits.
        assert recognizer.read(TEN, writing_box=(0, 0, 300, 300))[0].character == "十"


def test_the_order_of_strokes_does_not_matter_to_the_fused_recognizer() -> None:
    assert hccr.FusedRecognizer().read(TEN[::-1])[0].character == "十"


@pytest.mark.parametrize("kind", [hccr.InkRecognizer, hccr.FusedRecognizer])
@pytest.mark.parametrize("box", [None, (-10.0, -10.0, 200.0, 250.0)])
def test_a_session_answers_as_all_strokes_at_once(
    kind: type[hccr.InkRecognizer] | type[hccr.FusedRecognizer], box: tuple[float, float, float, float] | None
) -> None:
    recognizer = kind()
    session = hccr.InkSession(recognizer, writing_box=box)
    for strokes in INKS[:20]:
        for number, stroke in enumerate(strokes, 1):
            session.add_stroke(stroke[:2])
            session.add_points(np.array(stroke[2:]).reshape(-1, 2))
            assert session.candidates(5) == recognizer.read(strokes[:number], 5, writing_box=box)
        session.add_stroke([(0, 0)])
        session.undo_stroke()
        assert session.candidates() == recognizer.read(strokes, writing_box=box)
        session.clear()
        with pytest.raises(hccr.Error, match="no points"):
            session.candidates()
    session.undo_stroke()
    session.add_points([(1, 2)])
    assert len(session.candidates(3)) == 3


@pytest.mark.parametrize("kind", [hccr.InkRecognizer, hccr.FusedRecognizer])
def test_a_line_is_cut_into_characters(kind: type[hccr.InkRecognizer] | type[hccr.FusedRecognizer]) -> None:
    session = hccr.LineSession(kind())
    with pytest.raises(hccr.Error, match="no points"):
        session.segments()
    for shift in [0, 400, 800]:
        for stroke in TEN:
            session.add_stroke([(x + shift, y) for x, y in stroke[:1]])
            session.add_points(np.array(stroke[1:]) + (shift, 0))
    session.add_stroke([(0, 0)])
    session.undo_stroke()
    assert session.text() == "十十十"
    segments = session.segments()
    assert [segment.strokes for segment in segments] == [(0, 2), (2, 4), (4, 6)]
    assert segments[1].bounds == (440, 20, 220, 270)
    assert segments[1].candidates[0].character == "十"
    assert repr(segments[0]).startswith("Segment(十, strokes=(0, 2)")
    session.clear()
    with pytest.raises(hccr.Error, match="no points"):
        session.text()


def test_an_answer_can_be_restricted_and_a_model_chosen() -> None:
    models = Path(__file__).parents[3] / "models"
    offline, online = models / "offline-3755.hccr", models / "online-3755.hccr"
    digits = hccr.Recognizer(restrict="三一二")
    assert sorted(digits.labels) == ["一", "三", "二"]
    assert abs(sum(c.probability for c in digits.read(IMAGES[0])) - 1) < 1e-6
    expected = hccr.Recognizer().read(IMAGES[0])
    assert hccr.Recognizer(offline).read(IMAGES[0]) == hccr.Recognizer(offline.read_bytes()).read(IMAGES[0]) == expected
    assert hccr.InkRecognizer(str(online)).read(TEN) == hccr.InkRecognizer().read(TEN)
    fused = hccr.FusedRecognizer(online, offline, restrict="十七")
    assert [c.character for c in fused.read(TEN)] == ["十", "七"]
    assert len(hccr.FusedRecognizer().labels) == 3755


def test_a_candidate_shows_itself() -> None:
    [ten] = hccr.FusedRecognizer().read(TEN, 1)
    assert repr(ten) == f"Candidate(十, {ten.probability:.3f})"


def test_pictures_are_turned_as_their_camera_says() -> None:
    image = PIL.Image.fromarray(np.rot90(IMAGES[0]))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the upper edge of the file is the right one of the scene
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    assert hccr.Recognizer().read(file.getvalue()) == hccr.Recognizer().read(IMAGES[0])


