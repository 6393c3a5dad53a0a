"""Reads handwritten Chinese characters, from images of one, and from pen strokes of one or of several."""

from collections.abc import Iterable
from os import PathLike
from typing import Any, Protocol, TypeAlias, final

__all__ = ["Candidate", "Error", "FusedRecognizer", "InkRecognizer", "InkSession", "LineSession", "Recognizer", "Segment"]

class _Pixels(Protocol):
    """A Pillow image, or an array of uint8 such as numpy's."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...

class _Point(Protocol):
    """Two numbers, x and y: a tuple, a list, a row of an array."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...

_Model: TypeAlias = str | PathLike[str] | bytes
_Image: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | _Pixels
_Stroke: TypeAlias = Iterable[_Point]
_Strokes: TypeAlias = Iterable[_Stroke]
_Box: TypeAlias = tuple[float, float, float, float]

class Error(ValueError):
    """What cannot be read: an image without ink, an ink without points, a file that is no picture or no model."""

@final
class Candidate:
    """A character, and how likely it is the one that was written, from 0 to 1."""

    @property
    def character(self) -> str: ...
    @property
    def probability(self) -> float: ...

@final
class Recognizer:
    """Reads images of one character.

    model: the path or the bytes of a model file; without it, the model in the box.
    restrict: the characters that it may answer with; without it, all that it knows.
    """

    def __new__(cls, model: _Model | None = None, *, restrict: str | None = None) -> Recognizer: ...
    @property
    def labels(self) -> str: ...
    def read(self, image: _Image, top: int = 10) -> list[Candidate]: ...
    def read_many(
        self, images: Iterable[_Image], top: int = 10, *, threads: int | None = None
    ) -> list[list[Candidate]]: ...

@final
class InkRecognizer:
    """Reads pen strokes of one character.

    model: the path or the bytes of a model file; without it, the model in the box.
    restrict: the characters that it may answer with; without it, all that it knows.
    """

    def __new__(cls, model: _Model | None = None, *, restrict: str | None = None) -> InkRecognizer: ...
    @property
    def labels(self) -> str: ...
    def read(self, strokes: _Strokes, top: int = 10, *, writing_box: _Box | None = None) -> list[Candidate]: ...
    def read_many(
        self, inks: Iterable[_Strokes], top: int = 10, *, threads: int | None = None
    ) -> list[list[Candidate]]: ...

@final
class FusedRecognizer:
    """Reads pen strokes of one character, and also looks at their image, so that their order hardly matters.

    online, offline: the paths or the bytes of model files of the same characters; without them, the models in the box.
    restrict: the characters that it may answer with; without it, all that it knows.
    """

    def __new__(
        cls, online: _Model | None = None, offline: _Model | None = None, *, restrict: str | None = None
    ) -> FusedRecognizer: ...
    @property
    def labels(self) -> str: ...
    def read(self, strokes: _Strokes, top: int = 10, *, writing_box: _Box | None = None) -> list[Candidate]: ...
    def read_many(
        self, inks: Iterable[_Strokes], top: int = 10, *, threads: int | None = None
    ) -> list[list[Candidate]]: ...

@final
class InkSession:
    """The strokes of one character while they are written.

    writing_box: the box that is written in, (left, top, width, height); without it, the bounding box of the strokes so far.
    """

    def __new__(
        cls, recognizer: InkRecognizer | FusedRecognizer, *, writing_box: _Box | None = None
    ) -> InkSession: ...
    def add_stroke(self, points: _Stroke) -> None: ...
    def add_points(self, points: _Stroke) -> None: ...
    def undo_stroke(self) -> None: ...
    def clear(self) -> None: ...
    def candidates(self, top: int = 10) -> list[Candidate]: ...

@final
class Segment:
    """A character of a line.

    strokes: the number of its first stroke, counted from 0, and of the first that is not its own.
    bounds: the bounding box of its points: left, top, width, height.
    candidates: at most 10, the likeliest first; none where a stroke is too long for a character.
    is_stable: no stroke that is still to come can change the segment.
    """

    @property
    def strokes(self) -> tuple[int, int]: ...
    @property
    def bounds(self) -> _Box: ...
    @property
    def candidates(self) -> list[Candidate]: ...
    @property
    def is_stable(self) -> bool: ...

@final
class LineSession:
    """The strokes of several characters while they are written, side by side from left to right or over each other."""

    def __new__(cls, recognizer: InkRecognizer | FusedRecognizer) -> LineSession: ...
    def add_stroke(self, points: _Stroke) -> None: ...
    def add_points(self, points: _Stroke) -> None: ...
    def undo_stroke(self) -> None: ...
    def clear(self) -> None: ...
    def segments(self) -> list[Segment]: ...
    def text(self) -> str: ...
