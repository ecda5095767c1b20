"""Names the content of a file that stands in the place of an image, if Pillow cannot identify it."""

from pathlib import Path

BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS; get the image itself with `git lfs pull`",
    b"/annex/objects/": "a pointer of git-annex; get the image itself with `git annex get`",
    b"<!doctype html": "a web page; download the image again",
    b"<html": "a web page; download the image again",
    b"<svg": "a drawing in SVG; convert it to PNG",
    b"<?xml": "XML; if it is a drawing in SVG, convert it to PNG",
    b"%pdf": "a PDF document; convert its pages to PNG",
    b"%!ps": "a PostScript document; convert it to PNG",
    b"pk\x03\x04": "a ZIP archive; unpack it",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"\x93numpy": "an array of NumPy; put all arrays into one file, and use npz:PATH",
}
"""Kinds of content by their first bytes, in lower case."""
HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
"""Brands of photographs of Apple's devices, after `ftyp` (ISO/IEC 23008-12)."""


def content_of(file: Path) -> str:
    """Text for people that completes "it is ..."."""
    with file.open("rb") as content:
        first = content.read(64)
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not first.strip(b"\0"):
        return "empty" if not first else "filled with zeros; was it copied completely?"
    if first[4:8] == b"ftyp" and first[8:12] in HEIF:
        return "a HEIC photograph, which Pillow does not decode by itself; convert it to JPEG or PNG"
    known = (name for beginning, name in BEGINNINGS.items() if start.startswith(beginning))
    return next(known, "in no format that Pillow decodes, or damaged at its beginning")
