"""Counts the clean texts that ftfy changes. Reads a JSON array of texts, and writes the number."""

import json
import sys

import ftfy

print(sum(ftfy.fix_text(text) != text for text in json.load(sys.stdin)))
