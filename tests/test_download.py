"""Downloads: whole or not there, from where they ended, and only what was asked for."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.common.download import download
from bench.common.errors import BenchError

CONTENT = bytes(range(256)) * 40


class Server(BaseHTTPRequestHandler):
    """Sends CONTENT, or the part of it that is asked for; hangs up early once where `cut` says so."""

    ranges: list = []
    cut, resumes = None, True

    def do_GET(self):
        byte_range = self.headers.get("Range")
        self.ranges.append(byte_range)
        first = int(byte_range.removeprefix("bytes=").removesuffix("-")) if byte_range and self.resumes else 0
        if first >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        self.wfile.write(CONTENT[first : type(self).cut])
        type(self).cut = None

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"ranges": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{running.server_port}/file.bin"
        yield handler
        running.shutdown()


def test_a_file_appears_whole_and_progress_is_told_in_bytes(server, tmp_path):
    progress = []
    download(server.url, tmp_path / "new" / "file.bin", lambda done, total: progress.append((done, total)))
    assert (tmp_path / "new" / "file.bin").read_bytes() == CONTENT and progress[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.bin"]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_transfer_that_broke_off_goes_on_where_it_ended_or_begins_again_where_the_server_cannot(server, tmp_path, resumes):
    server.cut, server.resumes = 1000, resumes
    with pytest.raises(BenchError, match=r"cannot be downloaded \(it ended after 1,000 of 10,240 bytes"):
        download(server.url, tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()
    download(server.url, tmp_path / "file.bin")
    assert server.ranges == [None, "bytes=1000-"] and (tmp_path / "file.bin").read_bytes() == CONTENT


def test_what_is_left_of_a_file_that_has_changed_since_is_thrown_away(server, tmp_path):
    (tmp_path / ".file.bin.part").write_bytes(bytes(20_000))
    download(server.url, tmp_path / "file.bin")
    assert server.ranges == ["bytes=20000-", None] and (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_file_that_is_not_the_wanted_one_is_refused_and_nothing_is_left_of_it(server, tmp_path):
    def refuse(file):
        raise BenchError("not the file")

    with pytest.raises(BenchError, match="not the file"):
        download(server.url, tmp_path / "file.bin", check=refuse)
    assert not list(tmp_path.iterdir())


def test_two_processes_do_not_write_into_one_another(server, tmp_path):
    import fcntl

    with open(tmp_path / ".file.bin.part", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BenchError, match="another process is downloading"):
            download(server.url, tmp_path / "file.bin")


def test_an_address_that_nobody_answers_is_said(tmp_path):
    with pytest.raises(BenchError, match=r"http://127.0.0.1:9/file cannot be downloaded \(.*refused"):
        download("http://127.0.0.1:9/file", tmp_path / "file")
    assert not list(tmp_path.iterdir())
