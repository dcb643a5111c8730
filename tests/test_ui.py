"""`bench ui` prints an address once something answers there."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from bench.commands import ui


class Answer(BaseHTTPRequestHandler):
    """A page that is not found is an answer, too."""

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_an_address_is_printed_when_the_server_answers_and_not_before(monkeypatch, capsys):
    monkeypatch.setattr(ui, "POLL_S", 0.02)
    port, printed = ui._free(5400), {}

    def run(command, environment):
        time.sleep(0.2)
        printed["before"] = capsys.readouterr().out
        with HTTPServer(("127.0.0.1", port), Answer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            until = time.monotonic() + 20
            while not (out := capsys.readouterr().out) and time.monotonic() < until:
                time.sleep(0.02)
            printed["after"] = out
            server.shutdown()
        return 0

    monkeypatch.setattr("bench.common.guarded.run", run)
    try:
        ui._serve(["server"], {}, f"http://127.0.0.1:{port}", ["here it is", "and this"])
    except SystemExit as end:
        assert end.code == 0
    assert printed == {"before": "starting the server\n", "after": "here it is\nand this\n"}
