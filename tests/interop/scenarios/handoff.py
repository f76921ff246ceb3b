"""The hand-off socket: shapes of requests, checks of paths, plans and snapshots, repeated ids."""

import json

import sys

from oracle.scenario import acts, case

STEP = "  - {id: a, type: shell, run: echo x, outputs: {stdout: string}}\n"
GATE = "  - {id: ask, type: gate, show: s, message: m}\n"


def sends(name: str, plan: str = STEP, **changed) -> None:
    """Hands off with those fields changed (... removes one)."""

    async def act(s):
        await s.run(**changed)

    case(f"handoff_{name}", plan, act=act)


FIELDS = ("type", "run_id", "workflow_id", "workflow_path", "variables", "capabilities", "workflow_snapshot")
OPTIONAL = ("variables", "capabilities", "workflow_snapshot")


def each(name: str, value, fields) -> None:
    """Hands off once per field, with that value in its place."""

    async def act(s):
        for field in fields:
            await s.run(field, **{field: value})

    case(f"handoff_{name}", STEP, act=act)


each("without_field", ..., [f for f in FIELDS if f not in OPTIONAL])
each("without_optional_field", ..., OPTIONAL)
each("field_of_number", 5, FIELDS)
each("field_of_null", None, FIELDS[:-1])
sends("type_unknown", type="stop_run")
sends("extra_field", extra={"a": 1})
sends("many_wrong", run_id=5, workflow_id=None, variables=[], capabilities="x")
sends("variables_of_list", variables=[1])
sends("capability_of_text", capabilities={"capability/x": "text", "capability/y": 5})
sends("snapshot_of_list", workflow_snapshot=[])
sends("snapshot_of_text", workflow_snapshot="x")
sends("id_mismatch", workflow_id="other")
sends("id_empty", workflow_id="")
sends("path_missing", workflow_path="/no/such/plan.yml")
sends("path_outside", workflow_path="/etc/passwd")
sends("unicode_id", run_id="hand-off-ünïcode")

for name, text in {
    "empty": b"\n", "nothing": b"", "not_json": b"hello\n", "array": b"[1, 2]\n", "text": b'"x"\n',
    "number": b"5\n", "null": b"null\n", "half": b'{"type": "start_run"', "empty_object": b"{}\n",
    "trailing_comma": b'{"type": "start_run",}\n', "single_quotes": b"{'type': 'start_run'}\n",
    "two_values": b"{} {}\n", "bad_escape": b'{"type": "\\x"}\n', "control": b'{"type": "a\x01b"}\n',
    "deep": b"[" * 2000 + b"]" * 2000 + b"\n",
}.items():
    async def raw(s, text=text):
        await s.raw(text)

    case(f"handoff_raw_{name}", act=raw)


@acts(STEP)
async def handoff_two_lines(s):
    """What follows the first line is ignored."""
    line = json.dumps(s.request()).encode() + b"\n"
    s._runs[""] = s.id()
    await s.raw(line + line)
    await s.end()


@acts(STEP)
async def handoff_without_newline(s):
    s._runs[""] = s.id()
    reply = await s.raw(json.dumps(s.request()).encode() + b"\n")
    assert reply
    await s.end()


@acts(STEP)
async def handoff_duplicate_members(s):
    line = json.dumps(s.request()).encode()
    s._runs[""] = s.id()
    await s.raw(line.replace(b'"variables": {}', b'"variables": 5, "variables": {}') + b"\n")
    await s.end()


@acts("  - {id: a, type: shell, run: 'printf %s \"$v\"', inputs: {v: {from: n}}, outputs: {stdout: string}}\n")
async def handoff_nan_variables(s):
    line = json.dumps(s.request(variables={"n": 0})).encode()
    s._runs[""] = s.id()
    await s.raw(line.replace(b'"n": 0', b'"n": [NaN, -Infinity, 1.50, 1e400, 12345678901234567890123]') + b"\n")
    await s.end()


@acts(STEP)
async def handoff_path_with_dots(s):
    await s.run(workflow_path=f"{s.folder}/../{s.scenario.name}/./plan.yml")


@acts(STEP, place={"workflows/@/other.yaml": "steps:\n" + STEP})
async def handoff_plan_of_other_name(s):
    await s.run(workflow_path=f"{s.folder}/other.yaml")


@acts(STEP)
async def handoff_path_of_folder(s):
    await s.run(workflow_path=str(s.folder))


@acts(STEP)
async def handoff_path_of_manifest(s):
    await s.run(workflow_path=f"{s.folder}/manifest.yml")


@acts(STEP)
async def handoff_plan_is_gone(s):
    await s.run(workflow_path=f"{s.folder}/gone.yml")


@acts(STEP, place={"apart/@/plan.yml": "steps:\n" + STEP,
                   "apart/@/manifest.yml": "id: handoff_elsewhere_in_project\n"})
async def handoff_elsewhere_in_project(s):
    await s.run(workflow_path=f"{s.project}/apart/{s.scenario.name}/plan.yml")


@acts(STEP, place={"nested/@/charter.yml": "name: nested\n",
                   "nested/@/workflows/w/plan.yml": "steps:\n" + STEP,
                   "nested/@/workflows/w/manifest.yml": "id: w\n"})
async def handoff_nested_project(s):
    await s.run(workflow_path=f"{s.project}/nested/{s.scenario.name}/workflows/w/plan.yml", workflow_id="w")


for name, text in {
    "empty": "", "list": "[a]", "text": "words", "not_yaml": "a: [",
    "colon": "id: @: x", "control": "id: \x01", "outdented": "id: @\n  name: x\n", "unclosed": "id: '@", "number_id": "id: 5", "no_id": "name: x",
    "null_id": "id:", "blank_id": "id: '  '", "only_id": "id: @", "padded_id": "id: ' @ '",
    "odd_rest": "id: @\nversion: [1]\ninputs: 5\nunknown: x",
}.items():
    case(f"handoff_manifest_{name}", STEP, manifest=text.replace("@", f"handoff_manifest_{name}") or "\n")

for name, plan in {
    "empty": "#!\n\n", "no_steps": "steps: []\n", "null_steps": "steps:\n", "steps_map": "steps: {a: 1}\n",
    "not_yaml_quote": "#!\nid: 'x\n", "list": "#!\n- a\n", "unknown_top": "steps: []\nzz: 1\naa: 2\n",
    "no_type": "steps: [{id: a}]\n", "unknown_type": "steps: [{id: a, type: zz}]\n",
    "two_same": "steps: [{id: a, type: gate, show: s, message: m}, {id: a, type: gate, show: s, message: m}]\n",
    "same_output": "steps: [{id: a, type: shell, run: x, outputs: {o: string}}, {id: b, type: shell, run: x, outputs: {o: string}}]\n",
    "no_run": "steps: [{id: a, type: shell}]\n", "bad_output": "steps: [{id: a, type: shell, run: x, outputs: {o: text}}]\n",
    "foreign_field": "steps: [{id: a, type: shell, run: x, message: m, uses: capability/x}]\n",
    "no_show": "steps: [{id: a, type: gate}]\n", "bad_timeout": "steps: [{id: a, type: shell, run: x, timeout: soon}]\n",
    "bad_retry": "steps: [{id: a, type: shell, run: x, retry: {attempts: 0, delay_seconds: -1}}]\n",
    "bad_input": "steps: [{id: a, type: shell, run: x, inputs: {i: {from: a, value: b}}}]\n",
    "state_action": "steps: [{id: a, type: state, action: put, key: k}]\n",
    "state_set_no_value": "steps: [{id: a, type: state, action: set, key: k}]\n",
    "state_get_two": "steps: [{id: a, type: state, action: get, key: k, outputs: {a: string, b: string}}]\n",
    "alias_loop": "steps: &a [*a]\n", "merge": "steps:\n- &x {id: a, type: shell, run: echo 1}\n- {<<: *x, id: b}\n",
    "many_documents": "#!\nsteps: []\n---\nsteps: []\n", "tagged": "steps: [!!python/object:os.x {}]\n",
    "missing_uses": "steps: [{id: a, type: step}]\n", "unknown_binding": "steps: [{id: a, type: step, uses: binding/x}]\n",
}.items():
    case(f"handoff_plan_{name}", plan)

SNAP = {"steps": [{"id": "a", "type": "shell", "run": "echo x", "outputs": {"stdout": "string"}}]}
FULL = {"id": "a", "type": "shell", "uses": None, "with": {}, "outputs": {"stdout": "string"}, "inputs": {},
        "run": "echo x", "shell": None, "show": None, "message": None, "retry": None, "timeout": None}
for name, snapshot in {
    "nameless": {"steps": [FULL]}, "other_name": {"workflow": "other", "steps": [FULL]}, "number_name": {"workflow": 5, "steps": [FULL]},
    "short": SNAP, "full": {"steps": [FULL]}, "empty": {}, "no_steps": {"steps": []}, "steps_null": {"steps": None},
    "steps_text": {"steps": "x"}, "step_text": {"steps": ["x"]}, "no_id": {"steps": [{"type": "shell", "run": "x"}]},
    "no_type": {"steps": [{"id": "a", "run": "echo x"}]}, "unknown_type": {"steps": [{"id": "a", "type": "zz"}]},
    "unknown_fields": {"steps": [{**FULL, "zz": 1}], "zz": 1}, "same_ids": {"steps": [FULL, FULL]},
    "two_outputs_same_name": {"steps": [FULL, {**FULL, "id": "b"}]}, "retry": {"steps": [{**FULL, "retry": {"attempts": 2, "delay_seconds": 0}}]},
    "retry_odd": {"steps": [{**FULL, "retry": {"attempts": "x"}}]}, "timeout": {"steps": [{**FULL, "timeout": "5s"}]},
    "timeout_odd": {"steps": [{**FULL, "timeout": "soon"}]}, "output_odd": {"steps": [{**FULL, "outputs": {"o": "text"}}]},
    "output_map": {"steps": [{**FULL, "outputs": {"stdout": {"type": "string", "sensitive": True}}}]},
    "input_kinds": {"steps": [{**FULL, "run": "echo $v", "inputs": {"v": {"from": "x"}}}]},
    "gate": {"steps": [{"id": "g", "type": "gate", "show": "{{ x }}", "message": "m"}]},
    "gate_without": {"steps": [{"id": "g", "type": "gate"}]}, "run_missing": {"steps": [{"id": "a", "type": "shell"}]},
    "bindings": {"steps": [FULL], "bindings": {"b": {"uses": "capability/x", "description": "d", "with": {}}}},
    "bindings_odd": {"steps": [FULL], "bindings": [1]}, "state": {"steps": [{"id": "k", "type": "state", "action": "get", "key": "nokey", "outputs": {"v": "string"}, "default": "d"}]},
    "state_get_nameless": {"steps": [{"id": "k", "type": "state", "action": "get", "key": "nokey", "default": "d"}, FULL]},
    "state_set_nameless": {"steps": [{"id": "k", "type": "state", "action": "set", "key": "akey", "inputs": {"value": {"value": 1}}}, FULL]},
    "state_odd": {"steps": [{"id": "k", "type": "state", "action": "zz", "key": "nokey"}]}, "integer_id": {"steps": [{**FULL, "id": 7}]},
}.items():
    if name != "nameless":
        snapshot.setdefault("workflow", f"handoff_snapshot_{name}")
    sends(f"snapshot_{name}", workflow_snapshot=snapshot)
    if name == "short":
        async def without_plan(s, snapshot=snapshot):
            await s.run(workflow_path=f"{s.folder}/gone.yml", workflow_snapshot=snapshot)

        case("handoff_snapshot_without_plan", STEP, act=without_plan)


@acts(GATE + STEP)
async def handoff_duplicate_id(s):
    await s.run()
    await s.hand_off()
    await s.start()
    await s.resume()
    await s.end()


@acts(STEP)
async def handoff_id_of_ended_run(s):
    await s.run()
    await s.hand_off()


@acts(STEP)
async def handoff_large(s):
    await s.run(variables={"v": "x" * 100_000})


@acts(STEP)
async def handoff_invalid_utf8(s):
    await s.raw(b'{"type": "start_run", "run_id": "\xff"}\n')


for number, run_id in enumerate(["", "../../evil", "a/b", ".hidden", "-dash", "a b", "x" * 129, "a\u0000b", "."]):
    async def odd_id(s, run_id=run_id):
        await s.hand_off(run_id=run_id)

    case(f"handoff_unsafe_run_id_{number}", STEP, act=odd_id)


@acts("  - {id: a, type: step, uses: capability/ghost}\n")
async def handoff_capability_not_given(s):
    await s.run()


@acts(STEP, needs="command")
async def handoff_capability_kind_odd(s):
    await s.run(capabilities={"capability/x": {"kind": "odd"}})


@acts(STEP, needs="command")
async def handoff_capability_without_kind(s):
    await s.run(capabilities={"capability/x": {}})


# What is to become a dictionary, and is none; the last three are empty, which counts as one, or not looked at.
for number, (kind, field, odd) in enumerate([
        ("subprocess", "config", "x"), ("subprocess", "env", [["a", 1]]), ("subprocess", "env_secret_refs", 5),
        ("python", "config_secret_refs", [1]),
        ("subprocess", "env", ""), ("python", "config", []), ("python", "secrets_registry", "x")]):
    made = {"command": [sys.executable, "integration.py"]} if kind == "subprocess" else {"spec": "tools:Plain"}

    async def no_dictionary(s, odd={"kind": kind, **made, field: odd}):
        await s.run(capabilities={"capability/x": odd})

    case(f"handoff_no_dictionary_{number}", STEP, act=no_dictionary, needs="command",
         world="python" if kind == "python" else "common")


@acts("  - {id: a, type: shell, run: 'true'}\n")
async def handoff_register(s):
    """What the daemon says first on its connection, and its heartbeat."""
    messages = s.side.recorder.messages
    await s.side.recorder.until(
        lambda: any(m["type"] == "worker.heartbeat" for m in messages), 60)
    s.notes["first"] = messages[0]
    beat = next(m for m in messages if m["type"] == "worker.heartbeat")
    s.notes["heartbeat"] = {**beat, "load": list(beat["load"])}
    headers = s.side.recorder.headers
    s.notes["authorization"] = headers.get("Authorization")
    await s.run()
