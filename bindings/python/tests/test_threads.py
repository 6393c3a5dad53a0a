"""Many threads with one recognizer: the same answers, and no memory that grows."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from samples import images, inks

import hccr

THREADS = 4
FEW, MANY = 1_000, 10_000
# What the allocator may keep, in bytes; a leak of 200 bytes per call would be more.
SLACK = 2 << 20


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_ten_thousand_calls_from_four_threads() -> None:
    image, strokes = images()[:20], inks()[:20]
    recognizer, fused = hccr.Recognizer(), hccr.FusedRecognizer()
    expected_of_image = [recognizer.read(one) for one in image]
    expected_of_ink = [fused.read(one) for one in strokes]

    def calls(count: int) -> bool:
        for number in range(count):
            i = number // 2 % 20
            right = (
                fused.read(strokes[i]) == expected_of_ink[i]
                if number % 2
                else recognizer.read(image[i]) == expected_of_image[i]
            )
            if not right:
                return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(calls, [FEW // THREADS] * THREADS))
        before = resident()
        assert all(threads.map(calls, [(MANY - FEW) // THREADS] * THREADS))
        grown = resident() - before
    print(f"\nafter {FEW} calls {before / 1e6:.1f} MB, after {MANY} {grown / 1e6:+.1f} MB")
    assert grown < SLACK
