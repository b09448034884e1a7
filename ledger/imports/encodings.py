"""What the bytes of a file are: a text and in which encoding, a workbook, or something that is neither."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final

from ledger.refusals import RefusalCode, Refused

UTF_8: Final = "utf-8"
GB18030: Final = "gb18030"
UTF_16_LE: Final = "utf-16-le"
UTF_16_BE: Final = "utf-16-be"

ZIP: Final = b"PK\x03\x04"
BLOCK_BYTES: Final = 1024 * 1024
_SAMPLE_BYTES: Final = 256 * 1024
# the longer mark first: that of UTF-32 begins with that of UTF-16
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, UTF_16_LE),
    (codecs.BOM_UTF16_BE, UTF_16_BE),
)
_NO_TEXT: Final = (
    (b"\xd0\xcf\x11\xe0", "an old XLS workbook, or one locked with a password: save it as plain XLSX or CSV"),
    (b"%PDF", "a PDF: hand in the XLSX or CSV that it was printed from"),
    (b"\x1f\x8b", "a compressed file: unpack it first"),
    (b"Rar!", "a compressed file: unpack it first"),
    (b"7z\xbc\xaf", "a compressed file: unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"{\\rtf", "a text document: save the table as XLSX or CSV"),
)
# What nearly every name begins with: a few lines of names and figures may make sense in both encodings.
_SURNAMES: Final = frozenset(
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_SURNAMES_IN_BIG5: Final = frozenset(
    "李王張劉陳楊趙黃周吳徐孫胡朱高林何郭馬羅梁宋鄭謝韓唐馮于董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉閻余潘杜戴夏鍾汪田任姜"
    "范方石姚譚廖鄒熊金陸郝孔白崔康毛邱秦江史顧侯邵孟龍萬段雷錢湯尹黎易常武喬賀賴龔文洪莊游簡詹施翁顏柯"
)
_MARKUP: Final = (b"<html", b"<!doctype html", b"<table", b"<?xml", b"<meta")


def file_invalid(problem: str) -> Refused:
    return Refused(RefusalCode.FILE_INVALID, problem=problem)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading tells: the encoding, the digest of the content, its size in bytes."""

    encoding: str
    digest: str
    size: int
    # how many bytes of mark it begins with
    mark: int = 0
    # whether its lines end in CR alone, as old programs write them
    cr_lines: bool = False


def is_zip(file: BinaryIO) -> bool:
    """Whether a file is packed as workbooks are."""
    file.seek(0)
    start = file.read(len(ZIP))
    file.seek(0)
    return start == ZIP


def require_text(start: bytes) -> None:
    """Refuse (file_invalid) what begins as no text does, saying what it is."""
    for magic, what in _NO_TEXT:
        if start.startswith(magic):
            raise file_invalid(f"the file is {what}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise file_invalid("the file is a web page or XML, whatever its name says: save it as XLSX or CSV")


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """A file from its beginning, a block at a time."""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block


def survey(file: BinaryIO) -> Survey:
    """Read a file of text once. Refused (file_invalid) when it is empty, or its encoding is not read."""
    digest = sha256()
    size = mark = cr = lf = crlf = 0
    encoding: str | None = UTF_8
    strict = codecs.getincrementaldecoder(UTF_8)("strict")
    last = b""
    for block in blocks(file):
        if size == 0:
            require_text(block)
            encoding, mark = _marked(block)
        size += len(block)
        digest.update(block)
        cr += block.count(b"\r")
        lf += block.count(b"\n")
        crlf += block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
        last = block[-1:]
        if encoding == UTF_8:
            try:
                # never told that it is the end: a character cut there is a cut line, not another encoding
                strict.decode(block)
            except UnicodeDecodeError:
                encoding = None
    if size == 0:
        raise file_invalid("the file is empty")
    if encoding is None:
        if mark:
            raise file_invalid("the file begins with the mark of UTF-8 and is none; save it as UTF-8")
        _require_gb18030(file)
        encoding = GB18030
    # bytes of UTF-16 are halves of characters, and counted as such they mean nothing
    cr_lines = cr - crlf > lf if encoding in {UTF_8, GB18030} else _ends_in_cr(file, encoding)
    return Survey(encoding, digest.hexdigest(), size, mark, cr_lines)


def _marked(start: bytes) -> tuple[str, int]:
    """The encoding that the first bytes name, UTF-8 where they name none, and how many they are."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            if encoding is None:
                raise file_invalid("the file is UTF-32; save it as UTF-8")
            return encoding, len(mark)
    if b"\0" in start[:64]:
        raise file_invalid(
            "the file holds control characters: it is no text, or UTF-16 without its mark; save it as UTF-8"
        )
    return UTF_8, 0


def _ends_in_cr(file: BinaryIO, encoding: str) -> bool:
    """Whether the first line of a UTF-16 file ends in CR alone."""
    file.seek(0)
    start = file.read(BLOCK_BYTES).decode(encoding, "replace")
    place = start.find("\r")
    return place >= 0 and "\n" not in start[: place + 2]


def _require_gb18030(file: BinaryIO) -> None:
    """Refuse what is not GB18030, also what merely decodes as such: much Big5 and Shift-JIS text does.

    What speaks for GB18030 are the characters of GB 2312, in which nearly all of any text is written; what
    speaks against it are bytes that are common characters to Big5 and hardly any to GB18030.
    """
    decoder = codecs.getincrementaldecoder(GB18030)("strict")
    seen: Counter[str] = Counter()
    sample = b""
    wrong = file_invalid("the file is neither UTF-8 nor GB18030 (GBK); save it as UTF-8")
    for block in blocks(file):
        if not sample:
            cut = block[:_SAMPLE_BYTES]
            sample = cut[: cut.rfind(b"\n") + 1] or cut
        try:
            seen.update(character for character in decoder.decode(block) if character > "\x7f")
        except UnicodeDecodeError:
            raise wrong from None
    characters = common = only_in_big5 = unassigned = 0
    for character, times in seen.items():
        raw = character.encode(GB18030)
        if len(raw) == 4 or raw[0] in {0xA1, 0xA3}:
            continue  # no other encoding writes four bytes; middle dots and full-width forms are everywhere
        first, second = raw
        is_common = 0xB0 <= first <= 0xF7 and second >= 0xA1
        characters += times
        common += times * is_common
        in_big5 = 0xA4 <= first <= 0xC6 and (second <= 0x7E or second >= 0xA1)
        only_in_big5 += times * (in_big5 and not is_common)
        unassigned += times * ("\ue000" <= character <= "\uf8ff")
    if unassigned or (
        2 * common < characters and (_decodes(sample, "shift_jis") or _decodes(sample, "big5"))
    ):
        raise wrong
    if only_in_big5 and _decodes(sample, "big5"):
        as_gb = _count(sample.decode(GB18030, "replace"), _SURNAMES)
        as_big5 = _count(sample.decode("big5"), _SURNAMES_IN_BIG5)
        if common < only_in_big5 or as_gb < as_big5:
            raise wrong
    if common == 0 and characters and _decodes(sample, "cp1252"):
        raise wrong


def _count(text: str, characters: frozenset[str]) -> int:
    return sum(character in characters for character in text)


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
