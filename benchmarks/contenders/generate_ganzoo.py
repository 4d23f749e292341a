"""Generation with ganzoo: a bundle on ONNX Runtime. Arguments: the bundle and the batch size."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from interleaved import serve

from ganzoo.inference.generator import Generator


def main(bundle: str, batch: int) -> None:
    generator = Generator.from_bundle(bundle)
    z = generator.latents(range(batch))
    calls = max(4, 128 // batch)

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            generator.decode(z)
        return (time.perf_counter() - begun) / (calls * batch)

    serve(work)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
