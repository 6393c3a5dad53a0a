#!/usr/bin/env python3
"""Reads the inks of a POT archive with zinnia, and prints how many it reads and how long it takes.

    apt-get install zinnia-utils tegaki-zinnia-simplified-chinese
    python3 benches/peers/zinnia.py INKS.zip

Each ink is scaled to a box of 260 and centred in one of 300, as a person writes. Zinnia chooses among its own characters.
"""

import ctypes
import struct
import sys
import time
import zipfile

MODEL = b"/usr/share/tegaki/models/zinnia/handwriting-zh_CN.model"
BOX, SIDE = 300, 260
COUNT = 10


def library():
    zinnia = ctypes.CDLL("libzinnia.so.0")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, *arguments in [
        ("recognizer_new", pointer),
        ("recognizer_open", ctypes.c_int, pointer, ctypes.c_char_p),
        ("recognizer_classify", pointer, pointer, pointer, size),
        ("character_new", pointer),
        ("character_clear", None, pointer),
        ("character_set_width", None, pointer, size),
        ("character_set_height", None, pointer, size),
        ("character_add", ctypes.c_int, pointer, size, ctypes.c_int, ctypes.c_int),
        ("result_size", size, pointer),
        ("result_value", ctypes.c_char_p, pointer, size),
        ("result_destroy", None, pointer),
    ]:
        function = getattr(zinnia, "zinnia_" + name)
        function.restype, function.argtypes = result, arguments
    return zinnia


def inks(path):
    """The character and the strokes of each record of a POT archive."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            data, at = archive.read(name), 0
            while at < len(data):
                (length,) = struct.unpack_from("<H", data, at)
                character = bytes([data[at + 3], data[at + 2]]).decode("gbk")
                numbers = struct.unpack_from(f"<{(length - 8) // 2}h", data, at + 8)
                at += length
                strokes, stroke = [], []
                for point in zip(numbers[::2], numbers[1::2]):
                    if point == (-1, -1):
                        break
                    if point == (-1, 0):
                        strokes.append(stroke)
                        stroke = []
                    else:
                        stroke.append(point)
                yield character, strokes


def main():
    zinnia = library()
    recognizer, character = zinnia.zinnia_recognizer_new(), zinnia.zinnia_character_new()
    if not zinnia.zinnia_recognizer_open(recognizer, MODEL):
        sys.exit(f"cannot open {MODEL.decode()}: install tegaki-zinnia-simplified-chinese")
    count = first = listed = 0
    times = []
    for truth, strokes in inks(sys.argv[1]):
        low = [min(point[axis] for stroke in strokes for point in stroke) for axis in (0, 1)]
        high = [max(point[axis] for stroke in strokes for point in stroke) for axis in (0, 1)]
        scale = SIDE / max(high[0] - low[0], high[1] - low[1], 1)
        margin = [(BOX - scale * (high[axis] - low[axis])) / 2 for axis in (0, 1)]
        zinnia.zinnia_character_clear(character)
        zinnia.zinnia_character_set_width(character, BOX)
        zinnia.zinnia_character_set_height(character, BOX)
        for number, stroke in enumerate(strokes):
            for point in stroke:
                x, y = (int(margin[axis] + scale * (point[axis] - low[axis])) for axis in (0, 1))
                zinnia.zinnia_character_add(character, number, x, y)
        start = time.perf_counter()
        result = zinnia.zinnia_recognizer_classify(recognizer, character, COUNT)
        times.append(time.perf_counter() - start)
        answers = []
        if result:
            answers = [zinnia.zinnia_result_value(result, i).decode() for i in range(zinnia.zinnia_result_size(result))]
            zinnia.zinnia_result_destroy(result)
        count += 1
        first += answers[:1] == [truth]
        listed += truth in answers
    times.sort()
    print(f"{count} inks: top-1 {100 * first / count:.2f} %, top-{COUNT} {100 * listed / count:.2f} %")
    print(f"min {1e3 * times[0]:.2f} ms, median {1e3 * times[count // 2]:.2f} ms")


if __name__ == "__main__":
    main()
