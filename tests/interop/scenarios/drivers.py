"""Storage drivers: which calls are made, in which order and with which values; what their errors
and their odd answers become; pauses, whose state the driver has; drivers that cannot be bound."""

import json

from oracle.driver_world import charter
from oracle.scenario import case
from scenarios.python import OUT, code

WORLD = {"world": "driver", "needs": "python"}
GATE = "  - {id: g, type: gate, show: 'see {{ n }}', message: m}\n"
FORM = ("  - {id: f, type: input, message: m, questions: [{id: q, kind: text, prompt: p}], "
        "outputs: {said: q}}\n")
SHELL = "  - {id: a, type: shell, run: echo 5, outputs: {n: number}}\n"
MORE = "  - {id: b, type: shell, run: 'echo $n', outputs: {m: number}, inputs: {n: n}}\n"
SET = "  - {id: s, type: state, action: set, key: k/é, inputs: {value: %s}%s}\n"
GET = "  - {id: t, type: state, action: get, key: %s, outputs: {got: %s}%s}\n"
ARTIFACT = ("  - {id: a, type: shell, run: 'echo {\\\"b\\\": [1.0, \\\"é\\\"], \\\"a\\\": null}', "
            "outputs: {big: {type: artifact, artifact: {name: named, content_type: text/x}}}}\n")
USES = "  - {id: u, type: shell, run: 'echo $v', outputs: {w: object}, inputs: {v: big}}\n"


def clear(s) -> None:
    for name in ("calls", "bound", "told.json"):
        (s.project / name).unlink(missing_ok=True)


def calls(s) -> list:
    path = s.project / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def is_failure(call: dict) -> bool:
    return call["call"] == "save" and call["state"]["status"] == "failed"


def note(s, made: list) -> None:
    """What was called; what is told more or asked less often on one side goes apart."""
    s.notes["order"] = " ".join("failure" if is_failure(call) else call["call"] for call in made)
    s.notes["calls"] = [c for c in made if c["call"] != "load" and not is_failure(c)]
    s.notes["failures"] = [call for call in made if is_failure(call)]


def drives(name, plan=SHELL, act=None, told=None, storage=None, **rest) -> None:
    """`told`: what calls do instead, by their name: [(which, 0 for each, code)]. `storage`: the
    block of charter.yml meanwhile."""

    async def run(s):
        clear(s)
        (s.project / "told.json").write_text(json.dumps(told or {}))
        if storage is not None:
            (s.project / "charter.yml").write_text(charter(storage))
        try:
            await (act(s) if act else s.launch())
        finally:
            note(s, calls(s))
            bound = s.project / "bound"
            s.notes["bound"] = json.loads(bound.read_text()) if bound.is_file() else None
            (s.project / "charter.yml").write_text(charter())
            clear(s)

    case(f"driver_{name}", plan, act=run, **WORLD, **rest)


def does(name, plan):
    """Registers the decorated function as what the scenario does."""
    return lambda act: drives(name, plan, act=act)


async def hands_off(s):
    await s.run()


async def approved(s):
    await s.launch()
    await s.resume(note="yes é")
    await s.end()


async def refused(s):
    await s.launch()
    await s.resume(approved=False, note="no")
    await s.end()


async def cancelled(s):
    await s.launch()
    await s.cancel(note="away")
    await s.end()


async def answered(s):
    await s.launch()
    if (await s.submit({"q": "hello"})).get("ok"):
        await s.end()


def raising(error: str, at: int = 0) -> list:
    return [[at, f"raise {error}"]]


# What is called

drives("shell", SHELL + MORE)
drives("handed_off", SHELL + MORE, act=hands_off)
drives("inputs", "  - {id: a, type: shell, run: 'echo $v', outputs: {o: string}, inputs: {v: x}}\n", act=lambda s: s.launch(variables={"x": [1.0, 2**70, "é"]}), inputs="  x: {type: array, required: true}\n")
drives("step_fails", "  - {id: a, type: shell, run: 'echo oh; exit 3'}\n")
drives("retried", "  - {id: a, type: shell, run: 'test -f once-$$.txt || { echo bad >&2; exit 1; }', retry: {attempts: 2, delay_seconds: 0}}\n")
drives("integration", code("return self.tries", more=OUT % "number"))
drives("integration_fails", code("raise ValueError('bad')"))
drives("integration_prints", code("print('x')", "return 1", more=OUT % "number"))
drives("shares_the_interpreter", code("import acme_storage", "return acme_storage.ROOT.is_dir()", more=OUT % "boolean"))
drives("setup_fails", code("return 1", uses="setup-fails"))
drives("teardown_fails", code("return 1", uses="teardown-fails"))
drives("command", "  - {id: a, type: step, uses: capability/command, with: {mode: value, value: [1.0]}, outputs: {o: array}}\n")
drives("timeout", "  - {id: a, type: shell, run: sleep 60, timeout: 1s}\n")
drives("sensitive", "  - {id: a, type: shell, run: echo secret-text, outputs: {o: {type: string, sensitive: true}}}\n")
drives("keys", SET % ("x", ", outputs: {done: string}") + GET % ("k/é", "object", ""), act=lambda s: s.launch(variables={"x": {"a": [1.0, 2**70, None, "é"]}}), inputs="  x: {type: object, required: true}\n")
drives("key_absent", GET % ("nobody-set", "string", ", default: d"))
drives("key_absent_no_default", GET % ("nobody-set", "string", ""))
drives("keys_many", "".join(f"  - {{id: s{n}, type: state, action: set, key: k{n}, inputs: {{value: {{value: {n}}}}}}}\n" for n in range(4)))
drives("artifact", ARTIFACT + USES)
drives("artifact_in_gate", ARTIFACT + "  - {id: g, type: gate, show: '{{ big }}', message: m}\n")
drives("artifact_not_in_gate", ARTIFACT + "  - {id: g, type: gate, show: s, message: m}\n")
drives("artifact_exported", ARTIFACT + ARTIFACT.replace("id: a", "id: a2").replace("big", "other") + "  - {id: e, type: export, input: big, path: out/@.json, outputs: {p: string}}\n".replace("@", "driver_artifact_exported"))
drives("artifact_to_integration", ARTIFACT + code("return context.inputs['v']", more=", outputs: {w: object}, inputs: {v: big}", name="u"))
drives("artifact_to_key", ARTIFACT + SET % ("big", ""))
drives("artifact_unserialisable", "  - {id: a, type: shell, run: echo NaN, outputs: {o: artifact}}\n")
drives("template_fails", "  - {id: g, type: gate, show: '{{ nobody }}', message: m}\n")

# Pauses

drives("gate", SHELL + GATE)
drives("gate_approved", SHELL + GATE + MORE, act=approved)
drives("gate_refused", SHELL + GATE + MORE, act=refused)
drives("gate_cancelled", SHELL + GATE + MORE, act=cancelled)
drives("form", FORM)
drives("form_answered", SHELL + FORM + MORE, act=answered)
drives("gates_two", GATE.replace("{{ n }}", "it") + GATE.replace("id: g", "id: h").replace("{{ n }}", "it"))


@does("gates_two_approved", GATE.replace("{{ n }}", "it") + SHELL + GATE.replace("id: g", "id: h"))
async def twice(s):
    await s.launch()
    await s.resume()
    await s.pause(count=2)
    await s.resume()
    await s.end()


@does("form_answered_badly", FORM)
async def badly(s):
    await s.launch()
    await s.submit({"q": 5})
    await s.submit({"other": "x"})
    await s.submit(payload={"kind": "odd"})


def edits(change):
    """Another hand changes what the driver holds of the run before it is approved."""

    async def act(s):
        await s.launch()
        file = s.project / f"held/states/{s.id()}.json"
        state = json.loads(file.read_text())
        change(state)
        file.write_text(json.dumps(state))
        await s.resume()
        await s.end()

    return act


drives("edited_output", SHELL + GATE + MORE, act=edits(lambda state: state["outputs"]["a"].update(n=77)))
drives("edited_variables", GATE.replace("{{ n }}", "it") + "  - {id: b, type: shell, run: 'echo $v', outputs: {m: string}, inputs: {v: x}}\n", act=edits(lambda state: state["variables"].update(x="other")))
drives("edited_gate_history", SHELL + GATE + MORE, act=edits(lambda state: state["gate_history"].append({"step_id": "z", "approved": True, "note": None, "decided_at": "2024-01-01T00:00:00+00:00"})))


@does("held_is_not_paused", SHELL + GATE + MORE)
async def moved(s):
    await s.launch()
    file = s.project / f"held/states/{s.id()}.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "status": "completed"}))
    await s.resume()
    # The decision has no effect; after it the run can be approved still.
    await s.side.recorder.until(lambda: any(c["call"] == "load" for c in calls(s)), 20)
    file.write_text(json.dumps(state))
    await s.resume()
    await s.end()
    s.notes["loads"] = sum(call["call"] == "load" for call in calls(s)) > 2
    clear(s)  # how often it was asked for in between differs


@does("held_is_gone", SHELL + GATE + MORE)
async def gone(s):
    await s.launch()
    file = s.project / f"held/states/{s.id()}.json"
    kept = file.read_text()
    file.unlink()
    await s.resume()
    await s.side.recorder.until(lambda: any(c["call"] == "load" for c in calls(s)), 20)
    file.write_text(kept)
    await s.resume()
    await s.end()
    clear(s)


@does("form_held_is_gone", FORM)
async def form_gone(s):
    await s.launch()
    file = s.project / f"held/states/{s.id()}.json"
    kept = file.read_text()
    file.unlink()
    await s.submit({"q": "x"})
    file.write_text(kept)
    await s.submit({"q": "x"})
    await s.end()


# Errors, in every call

for number, when in enumerate(("first", "step", "done", "last"), 1):
    drives(f"save_fails_{when}", told={"save": raising("ValueError('no é')", number)})
drives("save_fails_always", told={"save": raising("ValueError('never')")})
drives("save_fails_keyed", told={"save": raising("KeyError('k')", 2)})
drives("save_fails_silently", told={"save": raising("OSError", 2)})
drives("save_fails_at_pause", SHELL + GATE, told={"save": raising("ValueError('no')", 4)})
drives("save_fails_after_approval", SHELL + GATE + MORE, act=approved, told={"save": raising("ValueError('no')", 5)})
drives("save_fails_after_answer", FORM + SHELL, act=answered, told={"save": raising("ValueError('no')", 3)})
drives("save_fails_of_a_failure", "  - {id: a, type: shell, run: exit 3}\n", told={"save": raising("ValueError('no')", 3)})
for number, when in enumerate(("first", "done", "last"), 1):
    drives(f"append_fails_{when}", told={"append": raising("RuntimeError('no event')", number)})
drives("append_fails_twice", told={"append": [[1, "raise ValueError('one')"], [2, "raise ValueError('two')"]]})
drives("append_fails_at_pause", GATE.replace("{{ n }}", "it"), told={"append": raising("ValueError('no')", 1)})
drives("append_fails_at_decision", GATE.replace("{{ n }}", "it") + SHELL, act=approved, told={"append": raising("ValueError('no')", 2)})
drives("append_fails_at_answer", FORM + SHELL, act=answered, told={"append": raising("ValueError('no')", 2)})
drives("append_fails_of_a_failure", "  - {id: a, type: shell, run: exit 3}\n", told={"append": raising("ValueError('no')", 2)})
drives("append_fails_of_a_retry", "  - {id: a, type: shell, run: exit 3, retry: {attempts: 2, delay_seconds: 0}}\n", told={"append": raising("ValueError('no')", 2)})
drives("write_fails", ARTIFACT, told={"write": raising("ValueError('full')")})
drives("load_artifact_fails", ARTIFACT + USES, told={"load_artifact": raising("ValueError('broken')")})
drives("load_artifact_absent", ARTIFACT + USES, told={"load_artifact": raising("KeyError('x')")})
drives("load_artifact_absent_retried", ARTIFACT + USES.replace("inputs", "retry: {attempts: 2, delay_seconds: 0}, inputs"), told={"load_artifact": raising("KeyError('x')", 1)})
drives("load_artifact_fails_in_gate", ARTIFACT + "  - {id: g, type: gate, show: '{{ big }}', message: m}\n", told={"load_artifact": raising("ValueError('broken')")})
drives("load_artifact_fails_in_export", ARTIFACT + "  - {id: e, type: export, input: big, path: out/never.json}\n", told={"load_artifact": raising("ValueError('broken')")})
drives("get_fails", GET % ("k", "string", ""), told={"get": raising("ValueError('no key today')")})
drives("set_fails", SET % ("{value: 1}", ""), told={"set": raising("ValueError('read-only')")})
drives("set_fails_second", SET % ("{value: 1}", "") + (SET % ("{value: 2}", "")).replace("id: s", "id: s2"), told={"set": raising("ValueError('read-only')", 2)})
drives("load_fails_second", SHELL + GATE + MORE, act=approved, told={"load": raising("ValueError('gone')", 2)})
drives("form_load_fails", FORM, act=answered, told={"load": raising("ValueError('gone')", 1)})
drives("form_load_fails_second", FORM, act=answered, told={"load": raising("ValueError('gone')", 2)})
drives("secret_in_error", told={"save": raising("ValueError('cannot reach db://s3cret-value/x')", 2)})

# Odd answers, slow ones, and what is printed

drives("save_returns", told={"save": [[0, "put('states', 'x', 1)\nreturn 5"]]})
for name, value in {"none": "None", "text": "'7'", "true": "True", "big": "2 ** 80", "negative": "-5", "zero": "0", "float": "1.5"}.items():
    drives(f"append_returns_{name}", told={"append": [[0, f"return {value}"]]})
drives("write_returns", ARTIFACT, told={"write": [[0, "return 'x'"]]})
for name, value in {"none": "None", "dict": "{'payload': 1}", "payload": "SimpleNamespace(payload='text')", "set": "SimpleNamespace(payload={1})"}.items():
    drives(f"load_artifact_returns_{name}", ARTIFACT + USES.replace("w: object", "w: string"), told={"load_artifact": [[0, f"return {value}"]]})
for name, value in {"none": "None", "set": "{1}", "tuple": "(1, 2)", "bytes": "b'x'", "number": "5", "text": "'t'", "infinite": "float('inf')"}.items():
    drives(f"get_returns_{name}", GET % ("k", "string", ""), told={"get": [[0, f"return {value}"]]})
drives("get_returns_nan", GET % ("k", "number", ""), told={"get": [[0, "return float('nan')"]]})
drives("get_returns_list", GET % ("k", "array", ""), told={"get": [[0, "return [1.0, 2 ** 70, {'é': None}]"]]})
for name, value in {"none": "None", "dict": "{'status': 'paused'}"}.items():
    drives(f"load_returns_{name}_second", SHELL + GATE + MORE, act=approved, told={"load": [[2, f"return {value}"]]})
    drives(f"form_load_returns_{name}", FORM, act=answered, told={"load": [[1, f"return {value}"]]})
drives("prints", told={name: [[0, "print('x' * 70000)\nprint('{\"jsonrpc\": \"2.0\"}', flush=True)\nsys.stdout.write('half')\nreturn ..."]] for name in ("save", "append")})
drives("slow", SHELL + GATE + MORE, act=approved, told={name: [[0, "await asyncio.sleep(0.15)\nreturn ..."]] for name in ("save", "append", "load")})
drives("blocks", told={"save": [[2, "time.sleep(1.5)\nreturn ..."]]})
drives("slow_artifact_in_time", ARTIFACT + USES.replace("inputs", "timeout: 20s, inputs"), told={"load_artifact": [[0, "await asyncio.sleep(1)\nreturn ..."]]})
drives("slow_artifact_late", ARTIFACT + USES.replace("inputs", "timeout: 1s, inputs"), told={"load_artifact": [[0, "await asyncio.sleep(30)\nreturn ..."]]})
drives("slow_artifact_late_retried", ARTIFACT + USES.replace("inputs", "timeout: 1s, retry: {attempts: 2, delay_seconds: 0}, inputs"), told={"load_artifact": [[1, "await asyncio.sleep(30)\nreturn ..."]]})

# What cannot be bound, and stores that are not there

for name, storage in {
        "unknown": "{driver: no-such-driver}", "function": "{driver: function}", "unbindable": "{driver: unbindable}", "absent": "{driver: absent}", "no_module": "{driver: no-module}",
        "stateless": "{driver: stateless}", "number": "{driver: 5}", "missing": "{url: x}", "blank": "{driver: ' '}", "null": "{driver: null}", "text": "acme", "list": "[acme]",
        "unset": "{driver: acme, url: '${ORACLE_NO_SUCH}'}", "unset_deep": "{driver: acme, a: [{b: '${ORACLE_NO_SUCH}'}]}", "keys": "{driver: acme, 5: 1}", "keys_deep": "{driver: acme, a: {5: 1}}",
        "expanded": "{driver: '${ORACLE_PLAIN}'}", "not_callable": "{driver: lacking, more: {create_kv_store: '5'}}"}.items():
    drives(f"configured_{name}", storage=storage)
drives("configured_away", storage="{driver: file}")
drives("configured_unknown_handed_off", storage="{driver: no-such-driver}", act=hands_off)
for name, plan in {"shell": SHELL, "keys": GET % ("k", "string", ""), "artifact": ARTIFACT, "both": ARTIFACT + GET % ("k", "string", "")}.items():
    drives(f"lacking_{name}", plan, storage="{driver: lacking}")
drives("lacking_all_but_factories", storage="{driver: lacking, more: {create_kv_store: 'lambda: None', create_event_store: 'None'}}")
for name in ("bind", "create_state_store", "create_event_store", "create_artifact_store", "create_kv_store"):
    for kind, error in {"value": "ValueError('not today')", "other": "OSError(2, 'nowhere')", "key": "KeyError('k')"}.items():
        drives(f"{name}_fails_{kind}", told={name: raising(error)})
    drives(f"{name}_none", told={name: [[0, "return None"]]})
