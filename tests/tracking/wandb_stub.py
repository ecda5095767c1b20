"""A stand-in for the W&B server. It receives what `wandb sync` or an online run sends, and keeps it as plain data.

It knows as much GraphQL as wandb 0.31 needs, by the operation's name; what it does not know it answers with an
error and notes in `Received.unknown`. It asks nobody who they are: any API key of 40 characters will do.
"""

import base64
import gzip
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Literal
from urllib.parse import quote, unquote

API_KEY = "0123456789" * 4
ENTITY = "somebody"

Json = dict[str, Any]
Illness = Literal["errors", "hangs up", "silent"]


@dataclass
class Run:
    """One run. `fields` has W&B's displayName, project, groupName, jobType, tags, host, ..."""

    fields: Json = field(default_factory=dict)
    config: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    summary: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    exit_code: int | None = None


@dataclass
class Artifact:
    """One version of an artifact; `logged_by` has the runs that made it, not those that used it."""

    type: str
    project: str
    digest: str
    metadata: Json
    aliases: list[str]
    logged_by: list[str] = field(default_factory=list)
    manifest: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False


@dataclass
class Received:
    """Everything that arrived: runs by id, artifacts by `name:v0`, and the operations in their order."""

    runs: dict[str, Run] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class StubServer(ThreadingHTTPServer):
    """The server. `received` fills while it runs.

    After `healthy_for` requests it is ill until `heal`: it answers with error 500, hangs up, or does not answer.
    """

    def __init__(self, *, healthy_for: float, illness: Illness) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.healthy_for, self.illness = healthy_for, illness
        self.healed = Event()
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.received = Received()
        self.lock = Lock()

    @property
    def is_ill(self) -> bool:
        """Whether requests are refused now."""
        return self.requests > self.healthy_for

    def heal(self) -> None:
        """Answer all further requests."""
        self.healthy_for = math.inf
        self.healed.set()

    def take_file(self, kind: str, owner: str, name: str, content: bytes) -> None:
        """Keep a file of a run or of an artifact, which was sent to an address from `_upload`."""
        if kind == "run":
            self.received.runs[owner].files[name] = content
        elif name == "wandb_manifest.json":
            self.received.artifacts[owner].manifest = json.loads(content)
        else:
            self.received.artifacts[owner].files[name] = content

    def take_stream(self, run_id: str, message: Json) -> None:
        """Keep rows of the history, the summary and the exit code."""
        run = self.received.runs[run_id]
        for name, chunk in message.get("files", {}).items():
            rows = [json.loads(line) for line in chunk["content"]]
            if name == "wandb-history.jsonl":
                run.history[chunk["offset"] :] = rows
            elif name == "wandb-summary.json":
                run.summary = rows[-1]
        run.exit_code = message.get("exitcode", run.exit_code)

    def answer(self, operation: str, v: Json) -> Json | None:
        """The answer to a GraphQL `operation` with its variables; None if this stub does not know it."""
        runs, artifacts = self.received.runs, self.received.artifacts
        match operation:
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "RunResumeStatus":
                return {"model": _project(v["project"]) | {"bucket": self._resumed(v["name"])}}
            case "UpsertBucket":
                inserted = v["name"] not in runs
                run = runs.setdefault(v["name"], Run())
                run.fields |= {key: value for key, value in v.items() if value is not None and key != "config"}
                run.config |= {key: item["value"] for key, item in json.loads(v["config"] or "{}").items()}
                bucket = {"id": v["name"], "name": v["name"], "project": _project(v["project"])}
                bucket |= {"displayName": run.fields.get("displayName"), "historyLineCount": len(run.history)}
                return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}
            case "CreateRunFiles":
                files = [{"name": name, "uploadUrl": self._upload("run", v["run"], name)} for name in v["files"]]
                return {"createRunFiles": {"runID": v["run"], "uploadHeaders": [], "files": files}}
            case "CreateArtifact":
                key = self._version(v)
                artifact = {"id": _id(key), "state": _state(artifacts[key]), "artifactSequence": {}}
                return {"createArtifact": {"artifact": artifact}}
            case "CreateArtifactManifest":
                file = {"id": "f", "uploadUrl": self._upload("artifact", _key(v["artifactID"]), v["name"])}
                return {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": file}}}
            case "CreateArtifactFiles":
                nodes = [
                    {
                        "uploadUrl": self._upload("artifact", _key(file["artifactID"]), file["name"]),
                        "artifact": {"id": file["artifactID"]},
                    }
                    for file in v["artifactFiles"]
                ]
                return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}
            case "CommitArtifact":
                artifacts[_key(v["artifactID"])].committed = True
                return {"commitArtifact": {"artifact": {"id": v["artifactID"], "digest": ""}}}
            case "UseArtifact":
                runs[v["runName"]].used.append(_key(v["artifactID"]))
                return {"useArtifact": {"artifact": {"id": v["artifactID"]}}}
            # Only online runs send the operations below.
            case "Viewer":
                return {"viewer": {"id": "u", "entity": ENTITY, "username": ENTITY, "teams": {"edges": []}}}
            case "ArtifactType":
                found = self._find(v["name"])
                return {"project": {"artifact": found and {"artifactType": {"name": artifacts[found].type}}}}
            case "ArtifactByID":
                return {"artifact": self._described(_key(v["id"]))}
            case "ArtifactMembershipByName":
                found = self._find(v["name"])
                return {"project": {"artifactCollectionMembership": found and self._membership(found)}}
        return None

    def _upload(self, kind: str, owner: str, name: str) -> str:
        return f"{self.url}/upload/{kind}/{owner}/{quote(name)}"

    def _version(self, v: Json) -> str:
        """The version with this content; a new version if there is none."""
        name, artifacts = v["artifactCollectionName"], self.received.artifacts
        versions = [key for key in artifacts if key.startswith(f"{name}:")]
        key = next((key for key in versions if artifacts[key].digest == v["digest"]), f"{name}:v{len(versions)}")
        aliases, metadata = [alias["alias"] for alias in v["aliases"]], json.loads(v["metadata"] or "{}")
        new = Artifact(v["artifactTypeName"], v["projectName"], v["digest"], metadata, aliases)
        artifacts.setdefault(key, new).logged_by += [v["runName"]] if v["runName"] else []
        return key

    def _resumed(self, run_id: str) -> Json | None:
        """The state of a run, which a second session of the run needs."""
        if run_id not in self.received.runs:
            return None
        run = self.received.runs[run_id]
        return {
            "id": run_id,
            "name": run_id,
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "wandbConfig": json.dumps({"t": {}}),
            "tags": run.fields.get("tags", []),
            "summaryMetrics": json.dumps(run.summary),
            "historyLineCount": len(run.history),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
        }

    def _find(self, name: str) -> str | None:
        """The version that `name:alias` or `name:v0` names."""
        name, _, alias = name.partition(":")
        versions = [key for key in self.received.artifacts if key.startswith(f"{name}:")]
        return next((key for key in reversed(versions) if alias in ("latest", key.partition(":")[2])), None)

    def _described(self, key: str) -> Json:
        artifact = self.received.artifacts[key]
        name, _, version = key.partition(":v")
        unsaid = ("description", "historyStep", "commitHash", "updatedAt")
        return dict.fromkeys(unsaid) | {
            "__typename": "Artifact",
            "id": _id(key),
            "artifactSequence": {"__typename": "ArtifactSequence", "name": name, "project": _project(artifact.project)},
            "versionIndex": int(version),
            "artifactType": {"name": artifact.type},
            "metadata": json.dumps(artifact.metadata),
            "state": _state(artifact),
            "digest": artifact.digest,
            "size": sum(map(len, artifact.files.values())),
            "fileCount": len(artifact.files),
            "tags": [],
            "aliases": [],
            "ttlDurationSeconds": 0,
            "ttlIsInherited": False,
            "createdAt": "2000-01-01T00:00:00Z",
        }

    def _membership(self, key: str) -> Json:
        artifact = self._described(key)
        member = {name: artifact[name] for name in ("id", "versionIndex", "aliases", "createdAt")}
        member |= {"artifact": artifact, "artifactCollection": artifact["artifactSequence"]}
        return member | {"__typename": "ArtifactCollectionMembership"}


class _Handler(BaseHTTPRequestHandler):
    server: StubServer

    def do_PUT(self) -> None:
        kind, owner, name = unquote(self.path).removeprefix("/upload/").split("/", 2)
        content = self._body()
        if self._refuses():
            return
        with self.server.lock:
            self.server.take_file(kind, owner, name, content)
        self._reply({})

    def do_POST(self) -> None:
        body = json.loads(self._body())
        if self._refuses():
            return
        with self.server.lock:
            if self.path == "/graphql":
                self._reply(self._graphql(body["query"], body.get("variables") or {}))
            else:
                self.server.take_stream(self.path.split("/")[-2], body)
                self._reply({})

    def _refuses(self) -> bool:
        with self.server.lock:
            self.server.requests += 1
            ill = self.server.is_ill
        if not ill:
            return False
        match self.server.illness:
            case "errors":
                self.send_error(500)
            case "silent":
                self.server.healed.wait()
        self.close_connection = True
        return True

    def _graphql(self, query: str, variables: Json) -> Json:
        operation = re.findall(r"(?:query|mutation)\s+(\w+)", query)[0]
        self.server.received.operations.append(operation)
        answer = self.server.answer(operation, variables.get("input", variables))
        if answer is None:
            self.server.received.unknown.append(operation)
            return {"errors": [{"message": f"the stub does not know {operation}"}]}
        return {"data": answer}

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, answer: Json) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Log nothing."""


@contextmanager
def wandb_stub(*, healthy_for: float = math.inf, illness: Illness = "errors") -> Iterator[StubServer]:
    """The server at a free port of 127.0.0.1, for the duration of a `with`."""
    with StubServer(healthy_for=healthy_for, illness=illness) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _project(name: str) -> Json:
    return {"id": "p", "internalId": "p", "name": name, "entity": {"id": "e", "name": ENTITY}}


def _state(artifact: Artifact) -> str:
    return "COMMITTED" if artifact.committed else "PENDING"


def _id(key: str) -> str:
    """The id of an artifact's `name:v0`: wandb expects base64."""
    return base64.b64encode(key.encode()).decode()


def _key(artifact_id: str) -> str:
    return base64.b64decode(artifact_id).decode()
