"""Formats counts, bytes and durations for messages and tables."""

from __future__ import annotations


def count_text(number: float) -> str:
    """Format a large number with three digits: ``512``, ``3.4 k``, ``1.25 M``, ``2.1 G``."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # 999,999 rounds to 1 M, not to 1000 k
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}" if isinstance(number, float) else str(number)


def cores_text(count: int) -> str:
    """``"1 CPU core"`` or ``"2 CPU cores"``."""
    return f"{count} CPU core{'' if count == 1 else 's'}"


def bytes_text(number: float) -> str:
    """Format a size in bytes: ``37 B``, ``812 kB``, ``1.4 GB`` (powers of ten)."""
    return f"{count_text(int(number))}B" if number >= 1000 else f"{int(number)} B"


def age_text(seconds: float) -> str:
    """Format a duration in its largest unit: ``12 s``, ``5 min``, ``3 h``, ``4 d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def clock_text(seconds: float) -> str:
    """Format a duration in hours, minutes and seconds: ``0:00:12``, ``26:05:00``."""
    whole = int(max(0, seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def duration_text(seconds: float) -> str:
    """Format a duration in its two largest units: ``45 s``, ``12 min``, ``2 h 10 min``, ``8 days 3 h``."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    days = f"{hours // 24} day{'s' if hours >= 48 else ''}"
    return days + (f" {hours % 24} h" if hours % 24 else "")


def rate_text(rate: float) -> str:
    """Format a speed: ``0.45``, ``9.1``, ``196``, ``12,345``."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
