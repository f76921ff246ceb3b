"""The side of a run's Python integrations, and of the project's storage driver, that runs in the
project's interpreter.

The engine starts one interpreter for all of them, for one burst of the run, and speaks JSON-RPC
with it, one object a line, as with an integration that is a command: but a request names the
integration it is for, and there are methods more, in the order the engine calls them:

    open {search, toolchain, run_id, environment}   what to import from, and for whom;
                                             with `errors`, a file to print and complain to
    storage {driver, options} -> {event, artifact, kv}   binds the driver: which stores it has
    load {uses, kind, spec|name, config, secrets}   -> {requires_outputs}, one an integration
    depend {}                                their Depends attributes, once for all
    setup {uses}, execute {uses, step, context}, teardown {uses}
    secret {alias, kind, options, root, key} -> {value}, {wrong} or {refused}; at any time
    cancel {}                                ends the execute or artifact_load that is under way
    finish {}                                closes what the dependencies have opened

and of the driver's stores, as the run goes on:

    state_save {state}, state_load {run_id} -> {state}   as the text of a state file
    event_append {run_id, event, occurred_at, worker_id, worker_seq} -> {stream_seq}
    artifact_write {envelope}, artifact_load {artifact_id} -> {value}
    kv_set {key, value}, kv_get {key} -> {value} or {absent}

An error is {message}: the text of the exception. A request that is chained is skipped when the one
before it has failed or was skipped. Requests and answers use descriptors of their
own; standard output becomes the run's log, standard input is empty. End of input ends the process.
"""

import gc

gc.disable()  # until there is something of the project: importing makes much and leaves nothing

import asyncio
import atexit
import contextlib
import importlib
import inspect
import json
import os
import re
import sys
import traceback

MISSING_SDK = (
    "Python integrations need the Charter toolchain's packages, and the project's interpreter "
    "({python}) finds no {what}. Install charter-cli for Python {version} and put its 'charter' "
    "command on PATH, or name the interpreter it is installed for with --toolchain-python "
    "(CHARTER_DAEMON_TOOLCHAIN_PYTHON)."
)
JSON_TYPES = (bool, str, int, float, list, dict, type(None))
TRACED = ("load", "depend", "setup", "teardown", "storage")
MOST_SEQ = 2 ** 63  # the first number that is too large, as -2 ** 63 is the last that is not


def load_toolchain(module):
    """What integrations and stores are made of; the project's packages go before the toolchain's."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise RuntimeError(
            MISSING_SDK.format(python=sys.executable, what=repr(error.name), version=version)
        ) from error


def extend_path(directories, extended=set()):
    """Puts the toolchain's packages behind everything else there is; once, for that takes a while."""
    import site

    for directory in directories:
        if directory not in extended:
            extended.add(directory)
            site.addsitedir(directory)


@contextlib.contextmanager
def search_path(directories):
    """Makes the project's modules importable while an integration is being imported."""
    added = [path for path in reversed(directories) if path not in sys.path]
    for path in added:
        sys.path.insert(0, path)
    try:
        yield
    finally:
        for path in added:
            with contextlib.suppress(ValueError):
                sys.path.remove(path)


def place(uses, config, pointer, value):
    """Puts a secret where its JSON Pointer says; the place exists already."""

    def wrong(reason):
        return ValueError(f"Capability '{uses}': config secret ref path {reason}")

    if pointer == "":
        raise wrong("must not target the config root.")
    if not pointer.startswith("/"):
        raise wrong(f"'{pointer}' must be a JSON Pointer.")
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    holder, key = None, None
    found = config
    for part in parts:
        holder = found
        if isinstance(holder, dict):
            key = part
            there = key in holder
        elif isinstance(holder, list):
            try:
                key = int(part)
            except ValueError as error:
                raise wrong(f"'{pointer}' has invalid list index '{part}'.") from error
            there = 0 <= key < len(holder)
        else:
            raise wrong(f"'{pointer}' does not point into a mapping or list.")
        if not there:
            raise wrong(f"'{pointer}' is missing.")
        found = holder[key]
    holder[key] = value


class Loader:
    """Makes integrations of what a capability says."""

    def __init__(self, sdk, search):
        self._sdk = sdk
        self._search = search

    def load(self, uses, capability, config):
        if capability["kind"] == "python":
            return self._from_spec(uses, capability["spec"], config)
        return self._from_entry_point(uses, capability["name"], config)

    def _from_spec(self, uses, spec, config):
        with search_path(self._search):
            module, name = spec.rsplit(":", 1)
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, self._sdk.WorkflowIntegration):
                return self._as_it_is(uses, spec, found, config)
            if isinstance(found, type) and issubclass(found, self._sdk.WorkflowIntegration):
                return self._instance(uses, found, config)
            raise TypeError(f"'{spec}' did not resolve to a WorkflowIntegration")

    def _from_entry_point(self, uses, name, config):
        import importlib.metadata

        for entry_point in importlib.metadata.entry_points(group="charter.integrations"):
            if entry_point.name == name:
                found = entry_point.load()
                if isinstance(found, self._sdk.WorkflowIntegration):
                    return self._as_it_is(uses, name, found, config)
                return self._instance(uses, found, config)
        raise ValueError(f"Unknown integration '{name}'. Is the package installed?")

    @staticmethod
    def _as_it_is(uses, name, found, config):
        if config:
            raise ValueError(f"Capability '{uses}': integration '{name}' is already instantiated "
                             "and cannot accept capability config.")
        return found

    def _instance(self, uses, cls, config):
        """One argument `config` where the class narrows it to a model, else one for each key."""
        arguments = dict(config)
        model = self._sdk.integration_config_model(cls)
        if model is not None:
            import pydantic

            try:
                arguments = {"config": model(**config)}
            except pydantic.ValidationError as error:
                raise ValueError(f"Capability '{uses}': invalid config for integration "
                                 f"'{cls.__name__}':\n{error}") from error
        if "capability_id" in inspect.signature(cls.__init__).parameters:
            arguments["capability_id"] = uses
        return cls(**arguments)


class Refused(Exception):
    """A secret backend is not what it should be."""


def bind_function(group, name, who, kind, parameters, fault):
    """`bind_backend` of the class that the entry point of that name loads."""
    import importlib.metadata

    for entry_point in importlib.metadata.entry_points(group=group):
        if entry_point.name == name:
            found = entry_point.load()
            break
    else:
        raise fault(f"{who} is not installed or not registered in {group!r}.")
    if not isinstance(found, type):
        raise fault(f"{who} entry point must load a class.")
    bind = getattr(found, "bind_backend", None)
    if not callable(bind):
        raise fault(f"{who} {kind} class must define bind_backend({parameters}).")
    return bind


class SecretBackends:
    """The backends of registry:// secrets; each is bound once."""

    def __init__(self):
        self._bound = {}

    def resolve(self, alias, kind, options, root, key):
        text = json.dumps(options, sort_keys=True)
        identity = alias, kind, text, root
        try:
            if identity not in self._bound:
                self._bound[identity] = self._bind(alias, kind, json.loads(text), root)
            value = self._bound[identity].resolve(key)
        except Refused as error:
            return {"refused": str(error)}
        except ValueError as error:
            # The toolchain's own error stands for itself, if anybody can have raised it.
            module = sys.modules.get("charter_core.exceptions")
            own = module is not None and isinstance(error, module.SecretReferenceError)
            return {"refused" if own else "wrong": str(error)}
        return {"value": value if isinstance(value, str) else None}

    @staticmethod
    def _bind(alias, kind, options, root):
        import pathlib

        bind = bind_function("charter.secret_backends", kind, f"Secrets backend {kind!r}",
                             "SecretsBackend", "alias, config, project_root", Refused)
        backend = bind(alias, options, pathlib.Path(root))
        if not callable(getattr(backend, "resolve", None)):
            raise Refused(f"Secrets backend {kind!r} must return an object with resolve(key).")
        return backend


class Stores:
    """What a storage driver keeps a run's state, events, artifacts and keys in."""

    def __init__(self, driver, options):
        self._driver = driver
        backend = bind_function("charter.storage_backends", driver, f"Storage driver {driver!r}",
                                "StorageBackend", "config", ValueError)(options)
        self.state = self._make(backend, "create_state_store", required=True)
        self.event = self._make(backend, "create_event_store")
        self.artifact = self._make(backend, "create_artifact_store")
        self.kv = self._make(backend, "create_kv_store")

    def _make(self, backend, name, required=False):
        factory = getattr(backend, name, None)
        if factory is None and not required:
            return None
        if not callable(factory):
            raise ValueError(f"Storage driver {self._driver!r} must return an object with "
                             f"{name}().")
        return factory()


def value_of(value):
    """A value a store gave back; what is of no JSON type goes by its type's name."""
    if isinstance(value, JSON_TYPES):
        return {"value": value}
    return {"value": None, "foreign": {"": type(value).__name__}}


class Dependencies:
    """What Depends attributes stand for: one value a factory, for all integrations."""

    def __init__(self):
        self._values = {}
        self._generators = []

    async def resolve(self, integrations):
        module = sys.modules.get("charter_core.depends")
        if module is None:
            return  # then no class can have one
        for integration in integrations:
            for cls in reversed(type(integration).__mro__):
                for name, found in list(vars(cls).items()):
                    if isinstance(found, module.Depends):
                        setattr(integration, name, await self._value(found.factory))

    async def _value(self, factory):
        if factory not in self._values:
            value = factory()
            if inspect.isasyncgen(value):
                generator = value
                value = await anext(generator)
                self._generators.append(generator)
            elif inspect.iscoroutine(value):
                value = await value
            self._values[factory] = value
        return self._values[factory]

    async def close(self, shown):
        for generator in reversed(self._generators):
            try:
                await generator.aclose()
            except Exception:
                print("closing a dependency failed:", file=sys.stderr)
                print(shown(traceback.format_exc()), end="", file=sys.stderr)
        self._generators.clear()


def storable(step, name, value):
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"Step '{step['id']}': output '{name}' must be JSON-serializable for "
                           "artifact storage") from error


def returned(step, value):
    """The result of an execute: what the step declares of the value. What is of no JSON type goes
    by its type's name, which an error will show."""
    outputs = step["outputs"]
    if not outputs:
        return {"value": None}
    for name, kind in outputs.items():
        if kind == "artifact" and (len(outputs) == 1 or isinstance(value, dict) and name in value):
            storable(step, name, value if len(outputs) == 1 else value[name])
    if len(outputs) > 1 and isinstance(value, dict):
        members = {name: value[name] for name in outputs if name in value}
        foreign = {name: type(member).__name__ for name, member in members.items()
                   if not isinstance(member, JSON_TYPES)}
        return {"value": {name: None if name in foreign else member
                          for name, member in members.items()}, "foreign": foreign}
    return value_of(value)


def text_of(error):
    """What str() says of it, or of the error that its class raises there."""
    try:
        return str(error)
    except Exception as second:
        try:
            return str(second)
        except Exception:
            return type(error).__name__


# As pydantic shows what was wrong: shortened, so that it may hold pieces of a secret that nobody
# recognizes.
SHOWN_INPUT = re.compile(r"(?ms)\binput_value=.*?(?=, input_type=[^\n\]]*\]$)")


def answer(number, **outcome):
    return json.dumps({"jsonrpc": "2.0", "id": number, **outcome})


class Bridge:
    """Answers one request after the other; only `cancel` overtakes."""

    def __init__(self, requests, answers):
        self._requests = requests
        self._answers = answers
        self._received = bytearray()
        self._queue = asyncio.Queue()
        self._executing = None
        self._cancelled = False
        self._sdk = None
        self._loader = None
        self._search = []
        self._secrets = SecretBackends()
        self._run_id = None
        self._secretive = False  # once it has been told a secret
        self._failed = False
        self._integrations = {}
        self._dependencies = Dependencies()
        self._stores = None

    async def serve(self):
        os.set_blocking(self._requests, False)
        asyncio.get_running_loop().add_reader(self._requests, self._read)
        while (line := await self._queue.get()) is not None:
            request = json.loads(line)
            if self._failed and "chained" in request:
                self._send(answer(request["id"], error={"message": "skipped"}))
            else:
                await self._handle(request["id"], request["method"], request["params"])

    def _read(self):
        try:
            chunk = os.read(self._requests, 1 << 16)  # as much as a pipe holds
        except BlockingIOError:
            return
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._requests)
            self._queue.put_nowait(None)
            return
        searched = len(self._received)
        self._received += chunk
        while (end := self._received.find(b"\n", searched)) >= 0:
            line = bytes(self._received[:end])
            del self._received[:end + 1]
            searched = 0
            if self._executing is not None and json.loads(line)["method"] == "cancel":
                self._cancelled = True
                self._executing.cancel()
            self._queue.put_nowait(line)

    async def _handle(self, number, method, params):
        if method not in ("open", "load"):
            gc.enable()
        self._failed = False
        try:
            text = answer(number, result=await getattr(self, "on_" + method)(**params))
        except Exception as error:
            self._failed = True
            if method in TRACED or method.startswith(("state_", "event_", "artifact_", "kv_")):
                # The answer has its text alone.
                print(self._shown(traceback.format_exc()), end="", file=sys.stderr)
            text = answer(number, error={"message": self._shown(text_of(error))})
        self._send(text)

    def _shown(self, text):
        if not self._secretive:
            return text
        return SHOWN_INPUT.sub("input_value=<redacted: sensitive>", text)

    def _send(self, text):
        sys.stdout.flush()
        rest = memoryview(text.encode() + b"\n")
        while rest:
            rest = rest[os.write(self._answers, rest):]

    async def on_open(self, search, toolchain, run_id, environment, errors=None):
        if errors is not None:
            print_to(errors)
        if environment is not None:
            # One that waited was started before there was a run.
            set_environment(dict(entry.split("=", 1) for entry in environment))
        extend_path(toolchain)
        self._search = search
        self._run_id = run_id
        return {}

    async def on_secret(self, **question):
        return self._secrets.resolve(**question)

    async def on_load(self, uses, capability, config, secrets):
        if self._loader is None:
            self._sdk = load_toolchain("charter_integration_sdk")
            gc.enable()
            self._loader = Loader(self._sdk, self._search)
        self._secretive = self._secretive or bool(secrets)
        for pointer, value in secrets.items():
            place(uses, config, pointer, value)
        integration = self._loader.load(uses, capability, dict(config))
        self._integrations[uses] = integration
        return {"requires_outputs": bool(integration.requires_outputs)}

    async def on_depend(self):
        await self._dependencies.resolve(list(self._integrations.values()))
        return {}

    async def on_setup(self, uses):
        await self._integrations[uses].setup(self._run_id)
        return {}

    async def on_execute(self, uses, step, context):
        resolved = self._sdk.ResolvedStep(
            id=step["id"], uses=step["uses"], with_config=step["with"], outputs=step["outputs"],
            inputs=step["inputs"])
        known = self._sdk.StepContext(
            variables=context["variables"], outputs=context["outputs"],
            named_outputs=context["named_outputs"], inputs=context["inputs"])
        execute = self._integrations[uses].execute(resolved, known)
        return await self._until_cancelled(execute, lambda value: returned(step, value))

    async def _until_cancelled(self, awaitable, answer):
        if not inspect.iscoroutine(awaitable):
            return answer(await awaitable)
        self._executing, self._cancelled = asyncio.ensure_future(awaitable), False
        try:
            return answer(await self._executing)
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            return {}  # which nobody waits for any more
        finally:
            self._executing = None

    async def on_cancel(self):
        """What was cancelled has been answered before this is."""
        return {}

    async def on_storage(self, driver, options):
        self._stores = Stores(driver, options)
        return {kind: getattr(self._stores, kind) is not None
                for kind in ("event", "artifact", "kv")}

    async def on_state_save(self, state):
        made = load_toolchain("charter_core.state").WorkflowRunState.from_dict(json.loads(state))
        await self._stores.state.save(made)
        return {}

    async def on_state_load(self, run_id):
        state = await self._stores.state.load(run_id)
        state.status  # noqa: B018  what is no state is found out by this
        return {"state": json.dumps(state.to_dict(), indent=2)}

    async def on_event_append(self, run_id, event, **known):
        seq = await self._stores.event.append(run_id, source="worker", event=event, **known)
        if type(seq) is int and -MOST_SEQ <= seq < MOST_SEQ:
            return {"stream_seq": seq}
        print(f"the event store returned {type(seq).__name__} as stream_seq", file=sys.stderr)
        return {"stream_seq": None}

    async def on_artifact_write(self, envelope):
        fields = json.loads(envelope)
        del fields["payload"]
        prepared = load_toolchain("charter_core.artifacts").PreparedArtifactEnvelope
        await self._stores.artifact.write(
            prepared(serialized_envelope=envelope.encode(), **fields))
        return {}

    async def on_artifact_load(self, artifact_id):
        try:
            return await self._until_cancelled(self._stores.artifact.load(artifact_id),
                                               lambda envelope: value_of(envelope.payload))
        except KeyError as error:
            raise RuntimeError(f"Artifact '{artifact_id}' was not found") from error

    async def on_kv_get(self, key):
        try:
            value = await self._stores.kv.get(key)
        except KeyError:
            return {"absent": True}
        return value_of(value)

    async def on_kv_set(self, key, value):
        await self._stores.kv.set(key, value)
        return {}

    async def on_teardown(self, uses):
        await self._integrations[uses].teardown()
        return {}

    async def on_finish(self):
        await self._dependencies.close(self._shown)
        return {}


def private_descriptors():
    """Moves the conversation away from where programs print to and read from."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def print_to(path):
    """Where that cannot be opened, everything goes where it went before."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)


def set_environment(wanted):
    """Makes it this one. What is so already is left alone, for each change takes its time."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def import_ahead(toolchain):
    """What every run needs, while there is none: nothing of the project itself."""
    extend_path(toolchain)
    with contextlib.suppress(Exception):
        importlib.import_module("charter_integration_sdk")


# What some runs need beside it.
FURTHER = ("importlib.metadata", "charter_core.depends", "charter_core.state",
           "charter_core.artifacts")
REHEARSALS = 16  # an interpreter specialises what it has done eight times


def rehearse():
    """Does what a run does, without a run: what is done for the first time here is not done for the
    first time in each fork, which would have to copy the pages that this writes to."""
    import types

    class Rehearsal(sys.modules["charter_integration_sdk"].WorkflowIntegration):
        def __init__(self):
            pass

        async def execute(self, step, context):
            return {"id": step.id}

    module = types.ModuleType("charter_rehearsal")
    module.Rehearsal = Rehearsal
    sys.modules[module.__name__] = module
    uses = {"uses": "rehearsal"}
    step = {"id": "rehearsal", "uses": "rehearsal", "with": {}, "outputs": {}, "inputs": {}}
    context = {"variables": {}, "outputs": {}, "named_outputs": {}, "inputs": {}}
    requests = "".join(
        json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params}) + "\n"
        for method, params in (
            ("open", {"search": [], "toolchain": [], "run_id": "rehearsal", "environment": None}),
            ("load", {**uses, "config": {}, "secrets": {},
                      "capability": {"kind": "python", "spec": "charter_rehearsal:Rehearsal"}}),
            ("depend", {}), ("setup", uses), ("execute", {**uses, "step": step, "context": context}),
            ("teardown", uses), ("finish", {})))
    try:
        for _ in range(REHEARSALS):
            (reading, asking), (answered, answering) = os.pipe(), os.pipe()
            os.write(asking, requests.encode())
            os.close(asking)
            asyncio.run(Bridge(reading, answering).serve())
            for descriptor in (reading, answered, answering):
                os.close(descriptor)
    finally:
        del sys.modules[module.__name__]


class Nursery:
    """Makes workers whose interpreter has imported everything already, by forking it.

    It is asked over a socket, with the descriptor that the new worker will be handed its run on,
    and answers with the worker's pid and a pidfd. The worker's processes are one another's
    children as in any other run: guardian, below it the engine, below that the interpreter. The
    first two then become the worker's program; only the third stays Python.
    """

    RUN, REQUESTS, ANSWERS, ENGINE = 5, 6, 7, 6  # as worker/standby.h has them
    PAUSE = 0.05  # seconds, that most runs take

    def __init__(self, asked, program, origin, environment):
        import fcntl
        import resource
        import select
        import signal
        import socket

        self._fcntl, self._select, self._signal, self._socket = fcntl, select, signal, socket
        # Those that a guardian attends to; it has to hear of them from its birth on.
        self._attended = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
                          signal.SIGCHLD, signal.SIGRTMIN + 1]
        self._asked = socket.socket(fileno=self._high(asked))
        self._program = self._high(program)
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self._origin = origin
        self._environment = environment
        # Of those that become another program at once: the C library's own, when there is one to be
        # had, does not make them what an interpreter has to be after a fork.
        self._fork = os.fork
        signal.signal(signal.SIGCHLD, self._reap)
        gc.freeze()  # what is shared with the children is not written to

    def _high(self, descriptor):
        """The same file where it is in nobody's way, and not for other programs."""
        moved = self._fcntl.fcntl(descriptor, self._fcntl.F_DUPFD_CLOEXEC, 10)
        os.close(descriptor)
        return moved

    @staticmethod
    def _reap(*_):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def serve(self):
        """Returns in each new interpreter, with the descriptors of its conversation. Whoever asks
        goes before what has to be made ready, and the first run has the processors for itself."""
        chores, pause = self._chores(), self.PAUSE
        while True:
            if chores is not None and not self._is_asked(pause):
                chores = chores if next(chores, False) else None
                pause = 0
                continue
            asked, descriptors, *_ = self._socket.recv_fds(self._asked, 1, 1)
            if not asked or len(descriptors) != 1:
                os._exit(0)
            # Nor is a child that ends at once reaped before there is a pidfd for it.
            self._signal.pthread_sigmask(self._signal.SIG_BLOCK, self._attended)
            guardian, conversation = self._fork_worker(self._high(descriptors[0]))
            if conversation is not None:
                return conversation
            process = os.pidfd_open(guardian)
            self._signal.pthread_sigmask(self._signal.SIG_UNBLOCK, self._attended)
            self._socket.send_fds(self._asked, [str(guardian).encode()], [process])
            os.close(process)

    def _is_asked(self, seconds):
        """Within that time."""
        return bool(self._select.select([self._asked], [], [], seconds)[0])

    def _chores(self):
        """One after the other: what makes the workers after the first faster."""
        with contextlib.suppress(Exception):
            import ctypes

            self._fork = ctypes.PyDLL(None).fork
        yield True
        for module in FURTHER:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
            yield True
        with contextlib.suppress(Exception):
            rehearse()
        gc.collect()
        gc.freeze()

    def _fork_worker(self, run):
        """The guardian's pid, and nothing; in the interpreter its conversation.

        Descriptors are made before the first fork, for a page that is written to after it is
        copied."""
        mine, engines = (
            self._high(end.detach()) for end in
            self._socket.socketpair(self._socket.AF_UNIX, self._socket.SOCK_SEQPACKET))
        reading, requests = map(self._high, os.pipe())
        answers, writing = map(self._high, os.pipe())
        guardian = self._fork()
        if guardian < 0:
            raise OSError("fork failed")
        if guardian > 0:
            for descriptor in (run, mine, engines, reading, requests, answers, writing):
                os.close(descriptor)
            return guardian, None
        guardian = os.getpid()
        os.setsid()
        engine = self._fork()
        if engine != 0:
            self._become(["standby", str(engine), self._origin],
                         {self.RUN: run, self.ENGINE: mine})
        interpreter = os.fork()
        if interpreter != 0:
            self._become(["standby-engine", str(guardian), str(interpreter), self._origin],
                         {self.RUN: engines, self.REQUESTS: requests, self.ANSWERS: answers})
        return 0, self._converse(reading, writing)

    def _converse(self, reading, writing):
        """As if it had been started by the engine: see worker/spawn.h."""
        os.setsid()
        self._signal.signal(self._signal.SIGCHLD, self._signal.SIG_DFL)
        self._asked.detach()
        os.dup2(reading, 3, inheritable=False)
        os.dup2(writing, 4, inheritable=False)
        os.closerange(5, self._most)
        self._signal.pthread_sigmask(self._signal.SIG_SETMASK, [])
        return 3, 4

    def _become(self, arguments, descriptors):
        for number, descriptor in descriptors.items():
            os.dup2(descriptor, number)
        try:
            os.execve(self._program, ["charter-worker", *arguments], self._environment)
        finally:
            os._exit(1)


def nursery():
    """Behind this program on standard input are a line of JSON with settings, and the environment
    of the workers to come, as NAME=value with a zero byte behind each."""
    with os.fdopen(os.dup(0), "rb") as source:
        settings = json.loads(source.readline())
        entries = source.read().split(b"\0")[:-1]
    os.close(private_descriptors()[0])
    begin(settings.pop("toolchain"))
    environment = dict(entry.split(b"=", 1) for entry in entries)
    serve(*Nursery(**settings, environment=environment).serve())


def begin(toolchain):
    sys.argv = ["charter-bridge"]
    if "" in sys.path:
        sys.path.remove("")
    sys.stdout.reconfigure(line_buffering=True)
    if toolchain:
        import_ahead(toolchain)


def serve(requests, answers):
    """Ends the process: as an interpreter does, but that it does not take its modules down one by
    one, which takes longer than most runs."""
    bridge = Bridge(requests, answers)
    asyncio.run(bridge.serve())
    del bridge
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)


def main():
    if sys.argv[1] == "charter-nursery":
        nursery()
        return
    conversation = private_descriptors()
    begin([])
    serve(*conversation)


if __name__ == "__main__":
    main()
