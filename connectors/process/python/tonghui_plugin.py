"""Base class for Tonghui plugins. One file that needs only Python 3.8 or later.

A plugin answers requests for the records after a cursor. The same cursor must give the same records
again, so a plugin stores no position of its own.

    from tonghui_plugin import Plugin, Throttled

    class Orders(Plugin):
        def read(self, after, max):
            rows = fetch(since=after, limit=max)
            for row in rows:
                self.record(row["id"], row, revision=row["version"])
            return rows[-1]["version"] if rows else after, len(rows) < max

    Orders().run()

The protocol uses standard output. So whatever the plugin prints goes to standard error, which the
gateway copies to its log. Never print a personal value.
"""

import json
import sys

__all__ = ["Fault", "Plugin", "Stopped", "Throttled", "Transient"]


class Fault(Exception):
    """The source cannot be read now. Raise one of the subclasses, with a message for people."""

    kind = "transient"
    wait_ms = 0


class Transient(Fault):
    """The failure may go away by itself: the gateway tries again, after growing pauses."""


class Stopped(Fault):
    """An operator must fix something: a wrong password, a missing table."""

    kind = "stopped"


class Throttled(Fault):
    """The source accepts no request for the next `seconds`."""

    kind = "throttled"

    def __init__(self, message, seconds):
        super().__init__(message)
        self.wait_ms = int(seconds * 1000)


class Plugin:
    """Subclass it, write `read`, and call `run`."""

    # False if records have no revision: the state that is read later is then newer.
    revisions = True

    #: The settings of `[process.config]` and `[process.secrets]`, from `open` on.
    config = {}
    #: Time zone of source times without an offset, and the limits of the source (`[budget]`).
    zone = "Asia/Shanghai"
    budget = {}

    def open(self):
        """Called once, when the settings are known. Raise `Stopped` if they are wrong."""

    def read(self, after, max):
        """Calls `self.record` for at most `max` records that come after `after` (None: from the
        beginning). Returns (upto, caught_up): the cursor after them (any JSON of at most 64 KiB),
        and whether there is nothing more to read; if there is more, the cursor must have moved.
        Must return within about five seconds."""
        raise NotImplementedError

    def settled(self, upto):
        """Called, perhaps twice, when everything up to `upto` is stored, to tell the source."""

    def record(self, key, body, revision=None):
        """Answers with one record: its stable key, its fields as a dict, and the whole number or
        time (RFC 3339) that orders its states. Each key at most once in a read."""
        record = {"key": key, "body": body}
        if revision is not None:
            record["revision"] = revision
        self._write({"record": record})

    def run(self):
        """Answers requests until the gateway closes standard input."""
        self._out, sys.stdout = sys.stdout.buffer, sys.stderr
        for line in sys.stdin.buffer:
            ((request, arguments),) = json.loads(line).items()
            try:
                self._answer(request, arguments)
            except Fault as fault:
                message = {"kind": fault.kind, "message": str(fault)}
                if fault.kind == "throttled":
                    message["wait_ms"] = fault.wait_ms
                self._write({"fault": message})
            self._out.flush()

    def _answer(self, request, arguments):
        if request == "open":
            self.config = arguments["config"]
            self.zone = arguments.get("zone", self.zone)
            self.budget = arguments.get("budget", {})
            self.open()
            self._write({"ready": {} if self.revisions else {"revision": "none"}})
        elif request == "read":
            upto, caught_up = self.read(arguments["after"], arguments["max"])
            self._write({"end": {"upto": upto, "caught_up": bool(caught_up)}})
        elif request == "settled":
            self.settled(arguments["upto"])
            self._write({"ok": {}})
        else:
            raise Stopped("this plugin is too old for the request " + request)

    def _write(self, answer):
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        self._out.write(text.encode("utf-8") + b"\n")
