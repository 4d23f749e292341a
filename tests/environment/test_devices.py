"""Tests what the processor offers, read from copies of the system's files."""

import pytest

from ganzoo.environment.devices import has_bfloat16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 avx512_bf16 amx_bf16\n", True),
        ("processor\t: 0\nflags\t\t: fpu sse2 avx2\nbugs\t\t: bf16\n", False),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_bfloat16_instructions(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert has_bfloat16(tmp_path) is expected


def test_a_system_without_cpuinfo(tmp_path):
    assert has_bfloat16(tmp_path) is False
