"""A plugin that reads orders from a file of JSON lines, each with `id`, `version` and other fields.

The file only grows: a changed order is written again with a greater `version`. The cursor is the
number of bytes that have been read.
"""

import json
import os

from tonghui_plugin import Plugin, Stopped


class Orders(Plugin):
    def open(self):
        self.path = self.config.get("file", "orders.jsonl")
        if not os.path.exists(self.path):
            raise Stopped("there is no file " + self.path)

    def read(self, after, max):
        upto, seen = after or 0, {}
        with open(self.path, "rb") as orders:
            orders.seek(upto)
            for line in orders:
                if not line.endswith(b"\n"):
                    break  # it is still being written
                order = json.loads(line)
                if order["id"] not in seen and len(seen) == max:
                    break
                seen[order["id"]] = order  # a later state replaces an earlier one
                upto += len(line)
        for order in seen.values():
            self.record(order["id"], order, revision=order["version"])
        return upto, len(seen) < max


if __name__ == "__main__":
    Orders().run()
