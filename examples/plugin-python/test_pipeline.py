"""Runs a pipeline with the Python source, end to end: signed requests come in, the
plugin is killed in between, and every event is in the database once.

    PATCHBAY=bin/patchbay python examples/plugin-python/test_pipeline.py

The Python that runs it must have the packages of requirements.txt: the plugin is
started with the same one.
"""

import hashlib
import hmac
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PATCHBAY = str(pathlib.Path(os.environ["PATCHBAY"]).resolve())
SECRET = "an-example-of-a-secret"
WAIT = 60  # seconds for anything that must happen


class Pipeline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        config = (HERE / "example" / "patchbay.hcl").read_text().replace(":8080", ":0")
        (self.dir / "patchbay.hcl").write_text(config + 'admin { listen = "127.0.0.1:0" }\n')
        (self.dir / "plugins").mkdir()
        (self.dir / "plugins" / "patchbay-plugin-acme_python").symlink_to(HERE / "patchbay-plugin-acme_python")
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        self.env = {**os.environ, "PATH": path, "ACME_SIGNING_SECRET": SECRET}
        self.log = open(self.dir / "log", "w+b")
        self.addCleanup(self.log.close)
        self.core = subprocess.Popen([PATCHBAY, "run", str(self.dir), "--plugin-dir", str(self.dir / "plugins")],
                                     env=self.env, stderr=self.log)
        self.addCleanup(self.end)

    def end(self):
        if self.core.poll() is None:
            self.core.kill()
            self.core.wait(WAIT)

    def said(self):
        return (self.dir / "log").read_text(errors="replace")

    def until(self, what, condition):
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            self.assertIsNone(self.core.poll(), "patchbay ended:\n" + self.said())
            result = condition()
            if result:
                return result
            time.sleep(0.05)
        self.fail(f"{what}: not within {WAIT} s:\n" + self.said())

    def status(self):
        out = subprocess.run([PATCHBAY, "status", "--json", "--dir", str(self.dir)], env=self.env, capture_output=True)
        return json.loads(out.stdout).get("data") if out.returncode == 0 else None

    def running(self, other_than=""):
        """The process of the plugin, once it runs and its source can be called."""
        status = self.status() or {}
        for source in status.get("sources") or []:
            plugin = source["plugin"]
            if status.get("ready") and plugin["state"] == "running" and plugin["pid"] != other_than:
                return status["receiver"], plugin["pid"]
        return None

    def post(self, address, n, secret=SECRET):
        body = json.dumps({"ID": f"e-{n}", "Message": "m-1", "To": "+15550101", "Status": "delivered",
                           "At": "2026-01-02T03:04:05Z"}).encode()
        at = str(int(time.time()))
        signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(f"http://{address}/hooks/acme_python/main", data=body, headers={
            "Content-Type": "application/json", "X-Acme-Time": at, "X-Acme-Signature": signature})
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as answer:
                return answer.status
        except urllib.error.HTTPError as err:
            return err.code

    def rows(self):
        try:
            db = sqlite3.connect(f"file:{self.dir / 'events.db'}?mode=ro", uri=True)
        except sqlite3.OperationalError:
            return []
        try:
            return db.execute("SELECT provider_status, event_type, recipient FROM pb_events").fetchall()
        except sqlite3.OperationalError:
            return []  # the table is not there yet
        finally:
            db.close()

    def test_every_event_arrives_once(self):
        address, pid = self.until("the plugin runs", self.running)
        self.assertEqual(self.post(address, 0, secret="somebody else's"), 401)
        for n in range(20):
            self.assertEqual(self.post(address, n % 10), 200)
        self.until("the events are stored", lambda: len(self.rows()) == 10)
        os.kill(int(pid), signal.SIGKILL)
        for n in range(20):
            self.assertEqual(self.post(address, n), 200)  # receiving does not need the plugin
        _, pid = self.until("the plugin runs again", lambda: self.running(other_than=pid))
        self.until("the events are stored", lambda: len(self.rows()) == 20)
        self.assertEqual(set(self.rows()), {("delivered", "delivered", "+15550101")})
        self.core.send_signal(signal.SIGTERM)
        self.assertEqual(self.core.wait(WAIT), 0, self.said())
        self.assertNotIn(SECRET, self.said())
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "the plugin lives on without patchbay")


if __name__ == "__main__":
    unittest.main()
