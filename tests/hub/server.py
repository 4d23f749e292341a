"""A small Hugging Face Hub on the loopback, for tests: it answers what huggingface_hub 2.4 really sends, over HTTP.

Models and datasets have commits, branches, tags and pull requests; large files go through LFS and are served from
another origin; tokens, private and gated models are checked. ``Hub.fail`` injects faults. Every request is noted in
``Hub.requests``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".onnx", ".safetensors", ".png", ".bin", ".parquet")
GITATTRIBUTES = b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"
SPACE_TEMPLATE = {
    "README.md": b"---\ntitle: Tiny\nsdk: static\n---\n\nCheck out the configuration reference at "
    b"https://huggingface.co/docs/hub/spaces-config-reference\n",
    "index.html": b"<h1>Welcome to your static Space!</h1>\n",
    "style.css": b"body {}\n",
}
_SPACES, _DATASETS = "spaces/", "datasets/"


@dataclass
class Repo:
    """One model: commits by their hash (each a whole tree), and what points to them."""

    id: str
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)

    def commit(self, tree: dict[str, bytes], message: str, *, branch: str | None = "main") -> str:
        """Add a commit and let the branch point to it."""
        text = repr((self.id, message, len(self.commits), sorted((k, _sha256(v)) for k, v in tree.items())))
        commit = hashlib.sha1(text.encode()).hexdigest()
        self.commits[commit], self.messages[commit] = dict(tree), message
        if branch is not None:
            self.branches[branch] = commit
        return commit

    def find(self, revision: str) -> str | None:
        """The commit that a revision means."""
        for names in (self.branches, self.tags, self.pulls):
            if revision in names:
                return names[revision]
        return revision if revision in self.commits else None


@dataclass
class Fault:
    """What goes wrong with requests that match.

    ``kind``: "status" (with ``status`` and ``headers``), "drop" (the connection ends after half of the body), "size"
    (a body of another size, said so), "swap" (other bytes of the right size), "slow" (wait ``seconds`` first).
    """

    match: str
    kind: str
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Hub:
    """The server and its state. Use as a context manager; ``url`` is what HF_ENDPOINT should be."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.tokens: dict[str, str] = {"hf_owner": "someone", "hf_other": "other"}
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        handler = type("Bound", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.other_origin = f"http://localhost:{self.port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *why: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create(self, name: str, **options: bool) -> Repo:
        """A model with its first commit, as the Hub makes it."""
        repo = Repo(name, **options)
        repo.commit({".gitattributes": GITATTRIBUTES}, "initial commit")
        self.repos[name] = repo
        return repo

    def create_space(self, name: str, **options: bool) -> Repo:
        """A static Space with its first commit, as the Hub makes it. Its key in ``repos`` is ``spaces/user/name``."""
        repo = Repo(f"{_SPACES}{name}", **options)
        repo.commit({".gitattributes": GITATTRIBUTES, **SPACE_TEMPLATE}, "initial commit")
        self.repos[repo.id] = repo
        return repo

    def create_dataset(self, name: str, **options: bool) -> Repo:
        """A dataset with its first commit. Its key in ``repos``, also for ``put``, is ``datasets/user/name``."""
        return self.create(f"{_DATASETS}{name}", **options)

    def put(self, name: str, files: dict[str, bytes], *, branch: str = "main") -> str:
        """Commit files to a model, which is made if it is new."""
        repo = self.repos.get(name) or self.create(name)
        tree = {**repo.commits[repo.branches.get(branch, repo.branches["main"])], **files}
        return repo.commit(tree, "put", branch=branch)

    def fail(self, match: str, kind: str, **options: Any) -> None:
        """Let the next requests fail whose ``METHOD /path`` the pattern finds."""
        self.faults.append(Fault(match, kind, **options))

    def take_fault(self, request: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.match, request):
                    fault.times -= 1
                    return fault
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_id(content: bytes) -> str:
    """Git's hash of a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _RefusedError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> None:
        body = self._read_body()
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        request = f"{self.command} {url.path}"
        with self.hub.lock:
            self.hub.requests.append(request)
        self.fault = self.hub.take_fault(request)
        try:
            if self.fault and self.fault.kind == "slow":
                time.sleep(self.fault.seconds)
            if self.fault and self.fault.kind == "status":
                self._send(self.fault.status, b"{}", self.fault.headers)
                return
            # A Space or a dataset is answered as a model of that name.
            path = re.sub("^/api/(spaces|datasets)/", r"/api/models/\1%2F", url.path)
            path = re.sub("^/(spaces|datasets)/", r"/\1%2F", path)
            for method, pattern, action in _ROUTES:
                found = re.fullmatch(pattern, path)
                if method == self.command and found:
                    with self.hub.lock:
                        answer = action(self, body, *map(unquote, found.groups()))
                    self._send(*answer)
                    return
            raise _RefusedError(404, "", f"no route for {request}")
        except _RefusedError as no:
            headers = {"X-Error-Code": no.code} if no.code else {}
            headers |= {"X-Error-Message": no.message} if no.message else {}
            self._send(no.status, json.dumps({"error": no.message or no.code}).encode(), headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        headers = dict(headers or {})
        fault = self.fault.kind if self.fault else ""
        if fault == "size":
            body += b"more"
        if fault == "swap":
            body = bytes(byte ^ 0xFF for byte in body)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and status == 200:
            start = int(asked[1])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            status, body = 206, body[start:]
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(body)))
        headers.setdefault("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "drop":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(2)
            return
        self.wfile.write(body)

    # --- who may do what ---------------------------------------------------------------------------------------------

    def _user(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return None
        if token not in self.hub.tokens:
            raise _RefusedError(401, "", "Invalid credentials in Authorization header")
        return self.hub.tokens[token]

    def _repo(self, name: str, *, write: bool = False, content: bool = False) -> Repo:
        user, repo = self._user(), self.hub.repos.get(name)
        owner = name.removeprefix(_SPACES).removeprefix(_DATASETS).partition("/")[0]
        if repo is None or (repo.private and user != owner):
            raise _RefusedError(401 if user is None else 404, "RepoNotFound", "Repository not found")
        if content and repo.gated and user != owner:
            raise _RefusedError(401 if user is None else 403, "GatedRepo", f"Access to model {name} is restricted.")
        if write and user != owner:
            raise _RefusedError(403, "", "You don't have the required permissions")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> str:
        commit = repo.find(revision)
        if commit is None:
            raise _RefusedError(404, "RevisionNotFound", "Invalid rev id")
        return commit

    # --- the API -----------------------------------------------------------------------------------------------------

    def create_repo(self, body: bytes) -> tuple[int, bytes]:
        asked, user = json.loads(body), self._user()
        name = f"{asked.get('organization') or user}/{asked['name']}"
        if user is None:
            raise _RefusedError(401, "", "Invalid username or password.")
        if name.partition("/")[0] != user:
            raise _RefusedError(403, "", "You don't have the rights to create a model under the namespace")
        is_space = asked.get("type") == "space"
        if is_space and asked.get("sdk") != "static":
            raise _RefusedError(400, "", "only static Spaces")
        key = f"{_SPACES}{name}" if is_space else name
        url = json.dumps({"url": f"{self.hub.url}/{key}"}).encode()
        if key in self.hub.repos:
            return 409, url
        create = self.hub.create_space if is_space else self.hub.create
        create(name, private=asked.get("visibility") == "private" or bool(asked.get("private")))
        return 200, url

    def validate_yaml(self, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        wrong = [] if asked["content"].startswith("---\n") else [{"message": "no front matter"}]
        return 200, json.dumps({"errors": wrong, "warnings": []}).encode()

    def preupload(self, body: bytes, name: str, revision: str) -> tuple[int, bytes]:
        repo = self._repo(name, write=True)
        tree = repo.commits[self._commit_of(repo, revision)]
        files = []
        for one in json.loads(body)["files"]:
            base64.b64decode(one["sample"])
            mode = "lfs" if one["path"].endswith(LFS) else "regular"
            held = tree.get(one["path"])
            oid = {} if held is None else {"oid": _sha256(held) if mode == "lfs" else blob_id(held)}
            files.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, **oid})
        return 200, json.dumps({"files": files}).encode()

    def lfs_batch(self, body: bytes, name: str) -> tuple[int, bytes]:
        self._repo(name, write=True)
        objects: list[dict[str, Any]] = []
        for one in json.loads(body)["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.objects:
                up, verify = (f"{self.hub.url}/lfs/{what}/{one['oid']}" for what in ("upload", "verify"))
                entry["actions"] = {"upload": {"href": up}, "verify": {"href": verify}}
            objects.append(entry)
        return 200, json.dumps({"transfer": "basic", "objects": objects}).encode()

    def lfs_upload(self, body: bytes, oid: str) -> tuple[int, bytes]:
        if _sha256(body) != oid:
            raise _RefusedError(400, "", "wrong hash")
        self.hub.objects[oid] = body
        return 200, b""

    def lfs_verify(self, body: bytes, oid: str) -> tuple[int, bytes]:
        if len(self.hub.objects.get(oid, b"")) != json.loads(body)["size"]:
            raise _RefusedError(422, "", "not there")
        return 200, b"{}"

    def commit(self, body: bytes, name: str, revision: str) -> tuple[int, bytes]:
        repo = self._repo(name, write=True)
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        header = lines[0]["value"]
        head = self._commit_of(repo, revision)
        pull = "create_pr" in self.query
        if not pull and header.get("parentCommit") not in (None, head):
            raise _RefusedError(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.commits[head])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                tree[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del tree[value["path"]]
            else:
                raise _RefusedError(400, "", f"unknown operation {line['key']}")
        number = len(repo.pulls) + 1
        made = repo.commit(tree, header["summary"], branch=None if pull else revision)
        answer: dict[str, Any] = {"commitUrl": f"{self.hub.url}/{name}/commit/{made}", "commitOid": made}
        if pull:
            repo.pulls[f"refs/pr/{number}"] = made
            answer["pullRequestUrl"] = f"{self.hub.url}/{name}/discussions/{number}"
        return 200, json.dumps(answer).encode()

    def tag(self, body: bytes, name: str, revision: str) -> tuple[int, bytes]:
        repo, tag = self._repo(name, write=True), json.loads(body)["tag"]
        if tag in repo.tags:
            raise _RefusedError(409, "", "Tag exists")
        repo.tags[tag] = self._commit_of(repo, revision)
        return 200, b"{}"

    def branch(self, body: bytes, name: str, branch: str) -> tuple[int, bytes]:
        repo = self._repo(name, write=True)
        asked = json.loads(body or b"{}")
        repo.branches[branch] = self._commit_of(repo, asked.get("startingPoint") or "main")
        return 200, b"{}"

    def info(self, body: bytes, name: str, revision: str = "main") -> tuple[int, bytes]:
        repo = self._repo(name)
        commit = self._commit_of(repo, revision)
        siblings = []
        for path, content in sorted(repo.commits[commit].items()):
            sizes = {"size": len(content), "blobId": blob_id(content)} if "blobs" in self.query else {}
            if sizes and path.endswith(LFS):
                sizes["lfs"] = {"sha256": _sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append({"rfilename": path, **sizes})
        info = {"_id": "1", "id": name, "modelId": name, "sha": commit, "private": repo.private, "siblings": siblings}
        info |= {"gated": "manual" if repo.gated else False, "disabled": False, "downloads": 0, "tags": []}
        return 200, json.dumps(info).encode()

    def listing(self, body: bytes) -> tuple[int, bytes]:
        author = self.query.get("author", [""])[0]
        user = self._user()
        names = [
            n for n, r in self.hub.repos.items() if n.startswith(f"{author}/") and (not r.private or user == author)
        ]
        return 200, json.dumps([{"_id": "1", "id": name, "modelId": name} for name in names]).encode()

    def auth_check(self, body: bytes, name: str) -> tuple[int, bytes]:
        self._repo(name, write=True)
        return 200, b"{}"

    def refs(self, body: bytes, name: str) -> tuple[int, bytes]:
        repo = self._repo(name)

        def entries(kind: str, names: dict[str, str]) -> list[dict[str, str]]:
            return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": c} for n, c in names.items()]

        answer = {"branches": entries("heads", repo.branches), "tags": entries("tags", repo.tags), "converts": []}
        return 200, json.dumps(answer).encode()

    def tree(self, body: bytes, name: str, revision: str) -> tuple[int, bytes]:
        repo = self._repo(name)
        tree = repo.commits[self._commit_of(repo, revision)]
        return 200, json.dumps([_entry(path, content) for path, content in sorted(tree.items())]).encode()

    def paths_info(self, body: bytes, name: str, revision: str) -> tuple[int, bytes]:
        repo = self._repo(name)
        tree = repo.commits[self._commit_of(repo, revision)]
        asked = parse_qs(body.decode()).get("paths", [])
        return 200, json.dumps([_entry(path, tree[path]) for path in asked if path in tree]).encode()

    # --- files -------------------------------------------------------------------------------------------------------

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> tuple[int, bytes, dict[str, str]]:
        repo = self._repo(name, content=True)
        commit = self._commit_of(repo, revision)
        content = repo.commits[commit].get(path)
        if content is None:
            raise _RefusedError(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit, "Content-Type": "application/octet-stream"}
        if path.endswith(LFS):
            oid = _sha256(content)
            self.hub.objects[oid] = content
            headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content)), "ETag": f'"{oid}"'}
            return 302, b"", headers | {"Location": f"{self.hub.other_origin}/lfs/objects/{oid}"}
        return 200, content, headers | {"ETag": f'"{blob_id(content)}"'}

    def lfs_object(self, body: bytes, oid: str) -> tuple[int, bytes, dict[str, str]]:
        return 200, self.hub.objects[oid], {"ETag": f'"{oid}"', "Content-Type": "application/octet-stream"}


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob_id(content)}
    if path.endswith(LFS):
        entry["lfs"] = {"oid": _sha256(content), "size": len(content), "pointerSize": 134}
    return entry


_ID = r"([^/]+/[^/]+)"
_API = f"/api/models/{_ID}"
_ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/repos/create", _Handler.create_repo),
    ("POST", "/api/validate-yaml", _Handler.validate_yaml),
    ("POST", f"{_API}/preupload/(.+)", _Handler.preupload),
    ("POST", rf"/{_ID}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("PUT", "/lfs/upload/([0-9a-f]+)", _Handler.lfs_upload),
    ("POST", "/lfs/verify/([0-9a-f]+)", _Handler.lfs_verify),
    ("POST", f"{_API}/commit/(.+)", _Handler.commit),
    ("POST", f"{_API}/tag/(.+)", _Handler.tag),
    ("POST", f"{_API}/branch/(.+)", _Handler.branch),
    ("GET", f"{_API}/revision/(.+)", _Handler.info),
    ("GET", f"{_API}/auth-check/write", _Handler.auth_check),
    ("GET", f"{_API}/refs", _Handler.refs),
    ("GET", f"{_API}/tree/([^/]+)", _Handler.tree),
    ("POST", f"{_API}/paths-info/(.+)", _Handler.paths_info),
    ("GET", _API, _Handler.info),
    ("GET", "/api/models", _Handler.listing),
    ("HEAD", f"/{_ID}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("GET", f"/{_ID}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("GET", "/lfs/objects/([0-9a-f]+)", _Handler.lfs_object),
    ("HEAD", "/lfs/objects/([0-9a-f]+)", _Handler.lfs_object),
)


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A Hub that answers until the block ends."""
    with Hub() as hub:
        yield hub
