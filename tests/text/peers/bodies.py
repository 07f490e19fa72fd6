"""Makes bodies in every charset, and lets chardet and charset-normalizer detect their charset.

Reads a JSON array of texts in simplified Chinese. Writes a JSON array for each body: [charset, size, body
in hexadecimal, whether chardet is right, whether charset-normalizer is right]. The two get only the first
bodies of each charset and size; for the others, their values are null. An answer is right if it decodes
the body to the same text. The last line has the versions of the two.
"""

import json
import sys

import chardet
import charset_normalizer
import opencc

CODECS = {
    "UTF-8": "utf-8",
    "GB18030": "gb18030",
    "Big5": "big5",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
}
SIZES = [20, 60, 200, 1000]
BODIES = 1000
ASKED = 50


def bodies(texts, codec, size):
    """Bodies of about `size` bytes: joins texts until they are long enough, and cuts them."""
    found, text = 0, ""
    for more in texts:
        text += more + "\n"
        try:
            body = text.encode(codec)
        except UnicodeError:
            text = ""
            continue
        if len(body) < size:
            continue
        text = text[: size + 4]
        while len(text.encode(codec)) > size + 3:
            text = text[:-1]
        yield text, text.encode(codec)
        found, text = found + 1, ""
        if found == BODIES:
            return


def is_right(answer, text, body):
    try:
        return answer is not None and body.decode(answer) == text
    except (LookupError, UnicodeError):
        return False


def main():
    texts = json.load(sys.stdin)
    to_traditional = opencc.OpenCC("s2t").convert
    traditional = [to_traditional(text) for text in texts]
    for charset, codec in CODECS.items():
        for size in SIZES:
            written = traditional if charset == "Big5" else texts
            for number, (text, body) in enumerate(bodies(written, codec, size)):
                one = other = None
                if number < ASKED:
                    one = is_right(chardet.detect(body)["encoding"], text, body)
                    best = charset_normalizer.from_bytes(body).best()
                    other = is_right(best and best.encoding, text, body)
                print(json.dumps([charset, size, body.hex(), one, other]))
    print(json.dumps([chardet.__version__, charset_normalizer.__version__]))


main()
