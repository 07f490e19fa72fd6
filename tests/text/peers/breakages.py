"""Breaks texts as other systems do, with Python's codecs, and lets ftfy repair them.

Reads a JSON array of texts from standard input. Writes a JSON array for each text that was broken without
loss: [kind, text, broken text, text repaired by ftfy]. ftfy repairs only the first texts of each kind; for
the others, the value is null. The last line has the version of ftfy, the number of bytes that it got, and
the seconds of CPU time that it took.
"""

import json
import sys
import time

import ftfy
import opencc

ASKED = 200

# The kind, and for each breakage: the codec that wrote the text, and the codec that read it.
KINDS = [
    ("UTF-8 read as gbk", [("utf-8", "gbk")]),
    ("UTF-8 read as cp936", [("utf-8", "cp936")]),
    ("UTF-8 read as gb18030", [("utf-8", "gb18030")]),
    ("UTF-8 read as cp1252", [("utf-8", "cp1252")]),
    ("UTF-8 read as latin-1", [("utf-8", "latin-1")]),
    ("GBK read as cp1252", [("gbk", "cp1252")]),
    ("GBK read as latin-1", [("gbk", "latin-1")]),
    ("GB18030 read as latin-1", [("gb18030", "latin-1")]),
    ("Big5 read as gbk", [("big5", "gbk")]),
    ("Big5 read as gb18030", [("big5", "gb18030")]),
    ("GBK read as big5", [("gbk", "big5")]),
    ("UTF-8 read as latin-1, twice", [("utf-8", "latin-1")] * 2),
    ("UTF-8 read as cp1252, twice", [("utf-8", "cp1252")] * 2),
    ("UTF-8 read as latin-1, four times", [("utf-8", "latin-1")] * 4),
    ("UTF-8 read as gb18030, twice", [("utf-8", "gb18030")] * 2),
    ("GBK read as latin-1, then UTF-8 as gb18030", [("gbk", "latin-1"), ("utf-8", "gb18030")]),
    ("GBK read as latin-1, then UTF-8 as latin-1", [("gbk", "latin-1"), ("utf-8", "latin-1")]),
    ("UTF-8 read as gb18030, then as latin-1", [("utf-8", "gb18030"), ("utf-8", "latin-1")]),
]

# The same with clean text before and after it, which must not change.
PARTS = [
    ("UTF-8 read as gb18030, part of the text", [("utf-8", "gb18030")]),
    ("UTF-8 read as latin-1, part of the text", [("utf-8", "latin-1")]),
    ("GBK read as latin-1, part of the text", [("gbk", "latin-1")]),
]
BEFORE, AFTER = "小区", "，请处理。"


def broken(text, codecs):
    """The broken text, or None if something would be lost. Applies each pair of codecs in turn."""
    try:
        for written, read in codecs:
            text = text.encode(written).decode(read)
    except UnicodeError:
        return None
    return text


def main():
    texts = json.load(sys.stdin)
    to_traditional = opencc.OpenCC("s2t").convert
    seconds, size = 0.0, 0
    for kind, codecs in KINDS + PARTS:
        asked = 0
        before, after = (BEFORE, AFTER) if (kind, codecs) in PARTS else ("", "")
        for text in texts:
            meant = to_traditional(text) if codecs[0][0] == "big5" else text
            wrong = broken(meant, codecs)
            if wrong is None or wrong == meant:
                continue
            meant, wrong = before + meant + after, before + wrong + after
            repaired = None
            if asked < ASKED:
                asked += 1
                begun = time.process_time()
                repaired = ftfy.fix_text(wrong)
                seconds += time.process_time() - begun
                size += len(wrong.encode())
            print(json.dumps([kind, meant, wrong, repaired]))
    print(json.dumps([ftfy.__version__, size, seconds]))


main()
