import contextlib
import hashlib
import io

import pytest

from ganzoo.data.reading.download import Remote, downloaded
from ganzoo.errors import DataError

CONTENT = b"the published file" * 1000
FILE = Remote("a.bin", "https://example.org/a.bin", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", 100_000)


def fetch(cache, *files):
    return downloaded(files or [FILE], name="set", instead="Put it there.", cache_dir=cache, quiet=True)


@pytest.fixture
def server(monkeypatch):
    """What the publisher answers, and how often it was asked."""
    answers = {"content": CONTENT, "asked": 0, "headers": {}}

    def urlopen(request, timeout):
        assert 0 < timeout < 60
        assert request.full_url == FILE.url
        answers["asked"] += 1
        answer = io.BytesIO(answers["content"])
        answer.headers = answers["headers"]
        return answer

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return answers


def test_fetched_once_and_checked(cache, server):
    folder = fetch(cache)
    assert (folder / "a.bin").read_bytes() == CONTENT
    assert fetch(cache) == folder
    assert server["asked"] == 1


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT[:-1] + b"x", b"<html>moved</html>"])
def test_another_content_is_refused_and_not_kept(cache, server, content):
    server["content"] = content
    with pytest.raises(DataError, match=r"differs from the published one.*Put it there"):
        fetch(cache)
    assert list((cache / "downloads" / "set").iterdir()) == []


def test_endless_answer_is_cut(cache, server):
    server["content"] = bytes(FILE.size + 1)
    with pytest.raises(DataError, match=r"it is larger than the allowed 100 kB\. Put"):
        fetch(cache)
    assert list((cache / "downloads" / "set").iterdir()) == []


@pytest.mark.parametrize(
    ("length", "total"),
    [(None, FILE.size), ("18000", 18000), ("x", FILE.size), ("-1", FILE.size), ("9" * 12, FILE.size)],
)
def test_the_total_of_the_bar_is_the_size_that_the_server_sends(cache, server, monkeypatch, length, total):
    totals = []

    @contextlib.contextmanager
    def progress_bar(description, total, *, quiet):
        totals.append(total)
        yield lambda count: None

    monkeypatch.setattr("ganzoo.data.reading.download.progress_bar", progress_bar)
    server["headers"] = {} if length is None else {"Content-Length": length}
    fetch(cache)
    assert totals == [total]


def test_no_network_is_one_line(cache):
    with pytest.raises(DataError) as caught:
        fetch(cache)
    assert str(caught.value) == "Cannot download https://example.org/a.bin: no network in tests. Put it there."
