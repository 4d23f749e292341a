"""Image formats: supported formats, their suffixes and their first bytes."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


def _suffixes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"})
SUFFIXES = {
    "JPEG": _JPEG,
    "MPO": _JPEG | {".mpo"},
    "PNG": frozenset({".png", ".apng"}),
    "WEBP": frozenset({".webp"}),
    "GIF": frozenset({".gif"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "AVIF": frozenset({".avif"}),
    "PPM": frozenset({".ppm", ".pgm", ".pbm", ".pnm"}),
    "HEIF": frozenset({".heic", ".heif", ".hif"}),
}
"""Pillow's name of each format -> its suffixes."""

IMAGE_SUFFIXES = frozenset().union(*SUFFIXES.values())

_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""Formats that a complete Pillow decodes itself; an MPO opens as a JPEG."""

HEIF_ADVICE = "HEIC needs pillow-heif: pip install 'ganzoo-keras[heic]'"

UNREAD_SUFFIXES = _suffixes(
    # raw photographs, which begin like a TIFF
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .kdc .mef .mrw .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srw .x3f "
    # other images
    ".dcm .dds .eps .exr .hdr .ico .icns .j2k .jp2 .jpx .jxl .psb .psd .svg .svgz .tga .wmf .xcf "
    # videos
    ".3gp .avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .mts .webm .wmv"
)
"""Suffixes of images and videos that are not supported. They are counted separately from files that are not images."""

NO_IMAGE_SUFFIXES = _suffixes(
    ".7z .bin .bz2 .c .cfg .ckpt .conf .csv .db .doc .docx .dtd .gz .h5 .hdf5 .html .ini .ipynb .js .json .jsonl "
    ".license .lnk .log .lua .m .mat .md .mp3 .npy .npz .ods .odt .onnx .parquet .pdf .pickle .pkl .ppt .pptx .pt "
    ".pth .pts .py .pyc .rar .rst .safetensors .sh .sqlite .tar .tfrecord .tgz .toml .tsv .txt .wav .xls .xlsx .xml "
    ".xz .yaml .yml .zip .zst"
)
"""Suffixes of well-known formats that are not images. These files are not opened."""

HEAD_BYTES = 32
"""Number of bytes that ``format_of`` needs."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"
)


def suffix_of(name: str) -> str:
    """The suffix of a file name in lower case, with its dot; empty if there is none."""
    base = name[name.rfind("/") + 1 :]
    dot = base.rfind(".")
    return base[dot:].lower() if dot > 0 else ""


def format_of(head: bytes) -> str | None:
    """The format of a file by its first ``HEAD_BYTES`` bytes: a key of ``SUFFIXES``, or None."""
    for magic, image_format in _MAGIC:
        if head.startswith(magic):
            return image_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and len(head) > 18 and head[6:10] == bytes(4) and head[14] in (12, 40, 52, 56, 64, 108, 124):
        return "BMP"
    if head[4:8] == b"ftyp":
        # The major brand of some AVIF files is mif1; then the compatible brands determine the format.
        brands = [head[8:12], *(head[start : start + 4] for start in range(16, len(head) - 3, 4))]
        found = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        return "AVIF" if "AVIF" in found else next(iter(found), None)
    return None


@cache
def reads_heif() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


@cache
def pillow_formats() -> tuple[str, ...]:
    """The formats that this version of Pillow decodes. Requesting another format is an error in Pillow."""
    from PIL import Image

    Image.init()
    return tuple(name for name in _PILLOW_FORMATS if name in Image.OPEN)


def readers() -> str:
    """The formats that can be read in this environment, as one string. They determine which files are broken."""
    return " ".join((*pillow_formats(), *(("HEIF",) if reads_heif() else ())))
