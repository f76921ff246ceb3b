"""The project whose state, events, artifacts and keys a storage driver has: one that keeps them in
files, notes each call, and does at a call what the scenario tells it to."""

import sys

from oracle.python_world import PACKAGES, TOOLS

STORAGE = r'''
import asyncio, builtins, json, os, pathlib, signal, sys, time
from types import SimpleNamespace

from charter_core.artifacts import ArtifactStore, StoredArtifactEnvelope
from charter_core.event_store import WorkflowEventStore
from charter_core.state import WorkflowRunState, WorkflowStateStore
from charter_core.stores import KVStore

ROOT = pathlib.Path(__file__).parents[5]
HELD, CALLS, BOUND, TOLD = (ROOT / name for name in ("held", "calls", "bound", "told.json"))


def note(name, given):
    """Notes the call; which call of that name it is."""
    with CALLS.open("a") as file:
        file.write(json.dumps({"call": name, **given}) + "\n")
    return sum(json.loads(line)["call"] == name for line in CALLS.read_text().splitlines())


def told(name, number):
    orders = json.loads(TOLD.read_text()) if TOLD.is_file() else {}
    return [code for at, code in orders.get(name, []) if at in (0, number)]


async def call(name, given, go):
    """What the scenario wants of this call, or else what a store does."""
    for code in told(name, note(name, given)):
        scope = dict(globals())
        exec("async def act():\n" + "".join(f"  {line}\n" for line in code.splitlines()), scope)
        value = await scope["act"]()
        if value is not ...:
            return value
    return go()


def bind(name):
    for code in told(name, 0):
        scope = dict(globals())
        exec("def act():\n" + "".join(f"  {line}\n" for line in code.splitlines()), scope)
        return scope["act"]()
    return ...


def put(kind, name, value):
    file = HELD / kind / (name + ".json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def take(kind, name):
    file = HELD / kind / (name + ".json")
    if not file.is_file():
        raise KeyError(f"no {kind} of the name '{name}'")
    return json.loads(file.read_text())


class States(WorkflowStateStore):
    async def save(self, state):
        return await call("save", {"state": state.to_dict()},
                          lambda: put("states", state.run_id, state.to_dict()))

    async def load(self, run_id):
        return await call("load", {"run_id": run_id},
                          lambda: WorkflowRunState.from_dict(take("states", run_id)))

    async def list(self, **page):
        raise NotImplementedError


class Events(WorkflowEventStore):
    async def append(self, run_id, *, source, event, occurred_at, worker_id=None, worker_seq=None):
        given = {"run_id": run_id, "source": source, "event": event, "occurred_at": occurred_at,
                 "worker_id": worker_id, "worker_seq": worker_seq}
        return await call("append", given, lambda: 100 + 2 * worker_seq)

    async def list(self, run_id, **window):
        raise NotImplementedError

    async def latest_seq(self, run_id):
        raise NotImplementedError


class Artifacts(ArtifactStore):
    async def write(self, envelope):
        given = {name: getattr(envelope, name) for name in type(envelope).__slots__}
        given["serialized_envelope"] = envelope.serialized_envelope.decode()
        return await call("write", given, lambda: put(
            "artifacts", envelope.artifact_id, json.loads(envelope.serialized_envelope)))

    async def load(self, artifact_id):
        return await call("load_artifact", {"artifact_id": artifact_id},
                          lambda: StoredArtifactEnvelope.from_dict(take("artifacts", artifact_id)))


class Keys(KVStore):
    async def get(self, key):
        return await call("get", {"key": key}, lambda: take("keys", key))

    async def set(self, key, value):
        return await call("set", {"key": key, "value": value}, lambda: put("keys", key, value))


class Bound:
    def __init__(self, config):
        self._made = {"config": config, "order": []}

    def _make(self, name, store):
        self._made["order"].append(name)
        BOUND.write_text(json.dumps(self._made))
        value = bind(name)
        return store() if value is ... else value

    def create_state_store(self):
        return self._make("create_state_store", States)

    def create_event_store(self):
        return self._make("create_event_store", Events)

    def create_artifact_store(self):
        return self._make("create_artifact_store", Artifacts)

    def create_kv_store(self):
        return self._make("create_kv_store", Keys)


class Backend:
    @classmethod
    def bind_backend(cls, config):
        value = bind("bind")
        return Bound(config) if value is ... else value


class Unbindable:
    bind_backend = None


class Lacking:
    """Has a state store and nothing else."""

    @classmethod
    def bind_backend(cls, config):
        return SimpleNamespace(create_state_store=States, **{
            name: builtins.eval(code) for name, code in config.get("more", {}).items()})


class Stateless:
    @classmethod
    def bind_backend(cls, config):
        return SimpleNamespace(create_kv_store=Keys)


def a_function(config):
    return Bound(config)
'''

ENTRY_POINTS = """[charter.storage_backends]
acme = acme_storage:Backend
unbindable = acme_storage:Unbindable
lacking = acme_storage:Lacking
stateless = acme_storage:Stateless
function = acme_storage:a_function
absent = acme_storage:Absent
no-module = no_such_module:X
"""

STORAGE_BLOCK = ('{driver: " acme ", url: "db://${ORACLE_PLAIN}/${ORACLE_SECRET}", size: 5, '
                 'list: [1.0, é, null, {b: "${ORACLE_PLAIN} ${lower} $"}]}')

CHARTER = """name: driver
storage: %(storage)s
capabilities:
  acts: {python: "tools:Acts"}
  setup-fails: {python: "tools:SetupFails"}
  teardown-fails: {python: "tools:TeardownFails"}
  needs: {python: "tools:Needs"}
  command: {command: ["%(python)s", integration.py]}
"""


def charter(storage: str = STORAGE_BLOCK) -> str:
    return CHARTER % {"storage": storage, "python": sys.executable}


DRIVER_FILES = {
    "tools.py": TOOLS,
    f"{PACKAGES}/acme_storage.py": STORAGE,
    f"{PACKAGES}/acme_storage-1.0.dist-info/METADATA":
        "Metadata-Version: 2.1\nName: acme-storage\nVersion: 1.0\n",
    f"{PACKAGES}/acme_storage-1.0.dist-info/entry_points.txt": ENTRY_POINTS,
}
