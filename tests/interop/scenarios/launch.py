"""run.start: malformed commands, declared inputs, workflow lookup, unresolved capabilities."""

from oracle.scenario import acts, case

STEP = "  - {id: a, type: shell, run: echo x, outputs: {stdout: string}}\n"
SHOW = "  - {id: a, type: shell, run: 'printf %s \"$v\"', inputs: {v: {from: i}}, outputs: {stdout: string}}\n"


def sends(name: str, plan: str | None = STEP, inputs: str = "", manifest=None, place=None, world="common", needs="", **changed):
    async def act(s):
        await s.launch(**changed)

    case(f"launch_{name}", plan, act=act, inputs=inputs, manifest=manifest, place=place or {}, world=world, needs=needs)


sends("plain")
sends("without_variables", variables=...)
sends("without_run_id", run_id=...)
sends("null_run_id", run_id=None)
sends("empty_run_id", run_id="")
for field in ("workflow_id", "run_id", "variables"):
    sends(f"{field}_of_number", **{field: 5})
    sends(f"{field}_of_list", **{field: []})
    sends(f"{field}_of_bool", **{field: True})
sends("workflow_id_null", workflow_id=None)
sends("variables_null", variables=None)
sends("workflow_id_missing", workflow_id=...)
sends("extra", extra=1)
sends("two_extras", zz=1, aa=2)
sends("extra_and_wrong", zz=1, workflow_id=5)
sends("snapshot_refused", workflow_snapshot={})
sends("unknown_workflow", workflow_id="no-such-workflow")
for number, name in enumerate(["", " ", "../x", "a/b", "/etc", ".", "..", "x\u0000y", "é"]):
    sends(f"odd_workflow_id_{number}", workflow_id=name)


@acts(STEP)
async def launch_answers_in_order(s):
    """The answer comes before the announcement, that before the events."""
    await s.launch()
    s.notes["order"] = [m["type"] for m in s.messages()]


@acts(STEP)
async def launch_unanswered(s):
    for text in ('{"type": "run.start"}', '{"type": "run.start", "command_id": 5, "workflow_id": "x"}',
                 '{"type": "run.begin", "command_id": "never"}', '[{"type": "run.start", "command_id": "never"}]'):
        await s.send(text)
    await s.launch()
    s.notes["never"] = len(s.side.recorder.commands["never"])


@acts("  - {id: g, type: gate, show: s, message: m}\n" + STEP)
async def launch_duplicate_run_id(s):
    await s.launch()
    await s.start()
    await s.start(workflow_id="no-such-workflow")
    await s.hand_off()
    await s.resume()
    await s.end()


KINDS = {"string": ["text", 5, True, None, 1.5, [1], {"a": 1}, "", "5", 1e16, 12345678901234567890123],
         "number": [5, "5", "x", True, None, 1.5, "1e3", "0x10", " 7 ", "", [1], "NaN", "1_0", -0.0, 10**25],
         "boolean": [True, "true", "yes", "no", 1, 0, "1", "", None, [], "TRUE", "off", "maybe"],
         "array": [[1, "a"], "[1]", "x", {}, None, "", 5, "{}"],
         "object": [{"a": 1.0}, '{"a": 1}', "x", [], None, "", 5, "[]"]}
for kind, values in KINDS.items():
    for number, value in enumerate(values):
        sends(f"input_{kind}_{number}", SHOW, f"  i: {{type: {kind}, description: d, required: true}}\n", variables={"i": value})

DECLARED = "  i: {type: %s, description: of i, required: %s%s}\n"
sends("input_missing", SHOW, DECLARED % ("string", "true", ""), variables={})
sends("input_optional_missing", SHOW, DECLARED % ("string", "false", ""), variables={})
sends("input_default", SHOW, DECLARED % ("string", "false", ", default: dflt"), variables={})
sends("input_default_number", SHOW, DECLARED % ("number", "false", ", default: 5"), variables={})
sends("input_default_wrong", SHOW, DECLARED % ("number", "false", ", default: x"), variables={})
sends("input_default_required", SHOW, DECLARED % ("string", "true", ", default: x"), variables={})
sends("input_undeclared", SHOW, DECLARED % ("string", "true", ""), variables={"i": "x", "j": "y"})
sends("inputs_none_declared", SHOW, variables={"i": {"a": [1.0]}})
sends("input_two_missing", SHOW, DECLARED % ("string", "true", "") + "  h: {type: number, description: d, required: true}\n", variables={})
sends("input_multiline", SHOW, DECLARED % ("string", "true", ""), variables={"i": "a\nb\tc"})
sends("input_enum", SHOW, "  i: {type: string, description: d, required: true, enum: [a, b]}\n", variables={"i": "c"})
sends("input_unknown_type", SHOW, "  i: {type: text, description: d, required: true}\n", variables={"i": "c"})
sends("input_of_list", SHOW, "  - i\n", variables={"i": "c"})
sends("input_extra_field", SHOW, "  i: {type: string, description: d, required: true, zz: 1}\n", variables={"i": "c"})
sends("input_minimal", SHOW, "  i: {type: string}\n", variables={"i": "c"})
sends("input_sensitive", SHOW, "  i: {type: string, description: d, required: true, sensitive: true}\n", variables={"i": "c"})

for name, text in {
    "empty": "\n", "list": "[a]\n", "not_yaml": "a: [\n", "no_id": "name: x\ndescription: d\nversion: '1'\n",
    "number_version": "id: @\nname: n\ndescription: d\nversion: 1\n", "no_name": "id: @\ndescription: d\nversion: '1'\n",
    "no_description": "id: @\nname: n\nversion: '1'\n", "no_version": "id: @\nname: n\ndescription: d\n",
    "unknown": "id: @\nname: n\ndescription: d\nversion: '1'\nzz: 1\n", "blank_name": "id: @\nname: ' '\ndescription: d\nversion: '1'\n",
    "number_name": "id: @\nname: 5\ndescription: d\nversion: '1'\n", "inputs_text": "id: @\nname: n\ndescription: d\nversion: '1'\ninputs: x\n",
}.items():
    sends(f"manifest_{name}", manifest=text.replace("@", f"launch_manifest_{name}"))
sends("manifest_other_id", manifest="id: someone-else\nname: n\ndescription: d\nversion: '1'\n")
sends("folder_of_other_name", None, workflow_id="by-id-only", place={
    "workflows/in-another-folder/plan.yml": "steps:\n" + STEP,
    "workflows/in-another-folder/manifest.yml": "id: by-id-only\nname: n\ndescription: d\nversion: '1'\n"})
sends("twice_the_same_id", None, workflow_id="twin", place={
    f"workflows/twin-{n}/{file}": text for n in "ab" for file, text in
    (("plan.yml", "steps:\n" + STEP), ("manifest.yml", "id: twin\nname: n\ndescription: d\nversion: '1'\n"))})
sends("plan_missing", None, workflow_id="planless", place={
    "workflows/planless/manifest.yml": "id: planless\nname: n\ndescription: d\nversion: '1'\n"})
sends("manifest_missing", None, workflow_id="manifestless", place={"workflows/manifestless/plan.yml": "steps:\n" + STEP})

for name, plan in {
    "empty": "#!\n\n", "not_yaml": "#!\nsteps: [\n", "many_errors": "steps: [{id: a, type: shell}, {type: gate}, x]\n",
    "foreign": "steps: [{id: a, type: shell, run: x, message: m}]\nzz: 1\n", "no_steps": "steps: []\n",
    "date_id": "steps: [{id: 2024-01-02, type: shell, run: x}]\n", "mixed_keys": "steps: []\n5: 1\nb: 2\n",
    "unhashable": "? [a]\n: 1\n", "tab": "steps:\n\t- x\n", "colon": "steps: a: b\n",
    "at": "steps: @x\n", "dash": "steps: -\n", "flow_cut": "steps: [{id: a, type: shell\n", "brace": "steps: [{id: a]]\n",
    "outdented": "steps:\n  - id: a\n type: shell\n", "indented": "steps: []\n  name: x\n", "escape": 'steps: "\\q"\n',
    "quote": "steps: 'x\n", "key": "steps:\n- a\nzz\n", "document": "a\n...\nb: c\n", "undefined_alias": "steps: *nope\n",
    "unresolved": "steps: [{id: a, type: step, uses: capability/ghost}]\n",
    "unresolved_two": "steps: [{id: a, type: step, uses: capability/ghost}, {id: b, type: step, uses: capability/spirit}]\n",
    "unresolved_binding": "bindings: {b: {uses: capability/ghost, description: d}}\nsteps: [{id: a, type: step, uses: binding/b}]\n",
    "unused_binding": "bindings: {b: {uses: capability/ghost, description: d}}\nsteps: [{id: a, type: shell, run: echo x}]\n",
    "odd_uses": "steps: [{id: a, type: step, uses: ghost}]\n",
}.items():
    sends(f"plan_{name}", plan)
sends("env_long_value", "  - {id: a, type: shell, run: 'true', inputs: {a: v}}\n", variables={"v": "x" * 140000})
sends("env_value", "  - {id: a, type: shell, run: 'printf %s \"$a\" | wc -c', inputs: {a: v}, outputs: {n: number}}\n", variables={"v": "x" * 120000})
sends("unsafe_run_id", run_id="../../evil")
sends("unicode_run_id", run_id="läufe")
