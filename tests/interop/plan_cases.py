"""The corpus of plan_oracle.py: documents, plans, snapshots, projects and inputs, right and wrong.

Each case is (name, op, arguments). Plans and snapshots are made by putting odd values into every
field of right ones, so that each check meets each kind of value; the rest is written out.
"""

import copy
import json
import random

import yaml

ODD = [None, "", " ", "x", 5, 0, -1, 1.5, True, False, [], ["x"], {}, {"a": 1}]
ODD_TEXT = ["a/b", "../x", "/abs", "x/../y", " pad ", "get", "capability/x", "binding/", "artifact"]

STEPS = {
    "shell": {
        "id": "s", "type": "shell", "run": "echo", "shell": "/bin/bash",
        "inputs": {"a": "name", "b": {"from": "x.y", "sensitive": True}, "c": {"value": [1, None]}},
        "outputs": {"stdout": "string", "n": {"type": "number", "sensitive": True}},
        "retry": {"attempts": 3, "delay_seconds": 0.5}, "timeout": "30s",
    },
    "gate": {"id": "g", "type": "gate", "show": "{{ x }}", "message": "go?"},
    "state": {
        "id": "k", "type": "state", "action": "set", "key": "key",
        "inputs": {"value": {"value": 5}}, "outputs": {"done": "string"},
    },
    "get": {"id": "k2", "type": "state", "action": "get", "key": "key", "default": {"a": [1]},
            "outputs": {"got": "object"}},
    "export": {"id": "e", "type": "export", "input": "n", "path": "out/file.txt",
               "content_type": " text/plain ", "outputs": {"where": "string"}},
    "step": {
        "id": "i", "type": "step", "uses": "binding/b", "with": {"k": {"from_secret": "a/b"}},
        "inputs": {"a": 5}, "retry": {"attempts": 1}, "timeout": "2h",
        "outputs": {"doc": {"type": "artifact", "name": "n.json", "content_type": "x/y"},
                    "plain": "artifact"},
    },
    "input": {
        "id": "f", "type": "input", "message": "fill", "show": "s",
        "questions": [
            {"id": "q1", "kind": "text", "prompt": "p", "optional": True},
            {"id": "q2", "kind": "select", "prompt": "p",
             "options": [{"value": "a", "label": "A", "recommended": True}]},
            {"id": "q3", "kind": "multi_select", "prompt": "p", "allow_other": True,
             "options": [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]},
        ],
        "outputs": {"o1": "q1", "o2": "q2", "o3": "q3"},
    },
}
BINDINGS = {"b": {"uses": "capability/c", "description": " d ", "with": {"x": 1}}}
FIELDS = sorted({f for s in STEPS.values() for f in s} | {"do", "capability", "zzz", "default"})


def plan_of(*steps, bindings=None):
    plan = {"steps": [copy.deepcopy(s) for s in steps]}
    uses = any(s.get("uses") == "binding/b" for s in steps if isinstance(s, dict))
    if bindings is not None or uses:
        plan["bindings"] = copy.deepcopy(BINDINGS if bindings is None else bindings)
    return plan


def dumped(data):
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def places(value, path=()):
    """Every place inside a value, as a path of keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


def changed(value, path, new=None, drop=False):
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


def mutations(value, fields=()):
    """(what, changed value) for every place and odd value, and for every foreign field."""
    for path in places(value):
        what = ".".join(map(str, path))
        yield f"-{what}", changed(value, path, drop=True)
        for odd in ODD + ODD_TEXT:
            yield f"{what}={odd!r}", changed(value, path, odd)
        if isinstance(path[-1], str):
            yield f"+{what}~", changed(value, (*path[:-1], path[-1] + "~"), 1)
    for field in fields:
        if field not in value:
            yield f"+{field}", {**value, field: "x"}


def plan_cases():
    for kind, step in STEPS.items():
        yield f"plan {kind}", "plan", {"text": dumped(plan_of(step)), "id": "w"}
        for what, odd in mutations(step, FIELDS):
            yield f"plan {kind} {what}", "plan", {"text": dumped(plan_of(odd)), "id": "w"}
    whole = plan_of(STEPS["step"])
    for path in places(whole["bindings"]):
        for odd in ODD + ODD_TEXT:
            bindings = changed(whole["bindings"], path, odd)
            text = dumped(plan_of(STEPS["step"], bindings=bindings))
            yield f"plan binding {path}={odd!r}", "plan", {"text": text, "id": "w"}
    for name, text in PLAN_TEXTS:
        yield f"plan text {name}", "plan", {"text": text, "id": "w"}


SHELL = "steps:\n- {id: a, type: shell, run: x, %s}\n"
PLAN_TEXTS = [
    ("empty", ""), ("list", "[]"), ("text", "x"), ("null steps", "steps:"), ("no steps", "{}"),
    ("steps map", "steps: {a: 1}"), ("step text", "steps: [x, 5, null]"), ("no id", "steps: [{}]"),
    ("unknown top", "steps: []\nzz: 1\naa: 2\n"), ("number top", "steps: []\n5: 1\n4: 2\n"),
    ("mixed top", "steps: []\n5: 1\n"), ("mixed top 2", "5: 1\nsteps: []\n"),
    ("null key", "steps: []\n~: 1\n"), ("date key", "steps: []\n2024-01-02: 1\n"),
    ("list id", "steps: [{id: [1], type: gate}]"), ("map id", "steps: [{id: {a: 1}}]"),
    ("list type", "steps: [{id: a, type: [1]}]"), ("unknown type", "steps: [{id: a, type: zz}]"),
    ("number type", "steps: [{id: a, type: 5}]"), ("null type", "steps: [{id: a, type: }]"),
    ("int id", "steps: [{id: 5, type: gate, show: 1, message: [2]}]"),
    ("same ids", "steps: [{id: 1, type: gate}, {id: 1.0, type: gate}, {id: true, type: gate}]"),
    ("text and int id", "steps: [{id: 1, type: gate}, {id: '1', type: gate}]"),
    ("date id", "steps: [{id: 2024-01-02, type: gate}]"),
    ("datetime id", "steps: [{id: 2024-01-02 10:00:00.5, type: gate}]"),
    ("bytes id", "steps: [{id: !!binary aGk=, type: gate}]"),
    ("duplicate outputs", "steps: [{id: a, type: shell, run: x, outputs: {stdout: string}},"
     " {id: b, type: shell, run: x, outputs: {stdout: string}}]"),
    ("output over form", "steps: [{id: a, type: shell, run: x, outputs: {o: string}}, {id: b, type:"
     " input, message: m, questions: [{id: q, kind: text, prompt: p}], outputs: {o: q}}]"),
    ("number names", SHELL % "inputs: {5: x}, outputs: {6: string}"),
    ("date values", SHELL % "inputs: {d: 2024-01-02, e: {value: 2024-01-02 10:00:00}}"),
    ("odd type", SHELL % "outputs: {a: 2024-01-02, b: {type: {x: 1}}, c: [1, 'q'], d: null}"),
    ("big retry", SHELL % "retry: {attempts: 9223372036854775807, delay_seconds: 1000000000000000}"),
    ("nan delay", SHELL % "retry: {attempts: 2, delay_seconds: .nan}"),
    ("inf delay", SHELL % "retry: {attempts: 2, delay_seconds: .inf}"),
    ("minus delay", SHELL % "retry: {attempts: 2, delay_seconds: -0.0}"),
    ("octal attempts", SHELL % "retry: {attempts: 017}"), ("retry key", SHELL % "retry: {attempts: 1, 5: 2}"),
    ("timeouts", "steps:\n" + "".join(
        f"- {{id: t{i}, type: shell, run: x, timeout: {t!r}}}\n"
        for i, t in enumerate(["1s", "0s", "01s", "1", "s", "1d", "1S", " 1s", "1s\n", "1.5s", "99h"]))),
    ("binding order", "bindings: {b: {}, a: {uses: x, description: ' '}, 5: {}, '': {}, ' c ': 5}\nsteps: []"),
    ("same binding", "bindings: {a: {uses: capability/x, description: d}, ' a': {}}\nsteps: []"),
    ("unknown bindings", "steps: [{id: a, uses: binding/z}, {id: b, uses: binding/y}]"),
    ("spaces in uses", "bindings: {'x': {uses: ' capability/c ', description: d}}\n"
     "steps: [{id: a, uses: ' binding/x '}]"),
    ("merge", "x: &x {id: a, type: shell, run: x}\nsteps: [{<<: *x, run: y}]"),
    ("merged step", "steps:\n- &x {id: a, type: shell, run: x}\n- {<<: *x, id: b}\n"),
    ("yaml error", "steps: [\n"), ("yaml tab", "steps:\n\t- a"), ("two documents", "a: 1\n---\nb: 1"),
    ("bad date", "steps: 2024-13-02"), ("unknown tag", "steps: !foo []"),
    ("unhashable", "{[1]: 2}"), ("unhashable twice", "a: {b: {[1]: 2}}\nc: {[3]: 4}\n"),
    ("bad date beside a deeper one", "a: [[2024-13-02]]\nb: 1000-02-31\n"),
    ("unknown tag beside a deeper bad date", "a: [2024-13-02]\nb: !foo x\n"),
    ("unhashable in a pair", "a: !!omap [{[1]: {[2]: 3}}]\nb: !!set {[1]: 2}\n"),
    ("tags of the wrong kind", "a: [!!map [1]]\nb: !!seq {x: !!int {y: 1}}\n"),
    ("merge of a scalar beside a deeper one", "a: {b: {<<: 1}}\nc: {<<: [x]}\n"),
    ("faulty value of a key that comes twice", "a: {b: [2024-13-02], b: 1}\n"),
    ("undefined alias", "steps: *x"), ("long int", "steps: " + "1" * 5000),
    ("unicode", "steps: [{id: 'é😀', type: shell, run: '\\u2028 中'}]"), ("no type", "steps: [{id: a}]"),
]


def snapshot_cases():
    import charter_core.schema as schema

    whole = plan_of(*[s for k, s in STEPS.items()])
    snapshot = schema.WorkflowDefinition.from_yaml(dumped(whole), workflow_id="w").to_dict()
    yield "snapshot whole", "snapshot", {"snapshot": snapshot}
    for step in snapshot["steps"]:
        base = {"workflow": "w", "bindings": {}, "steps": [step]}
        for what, odd in mutations(base, ("zzz",)):
            yield f"snapshot {step['type']} {what}", "snapshot", {"snapshot": odd}
    for what, odd in mutations({"bindings": snapshot["bindings"], "steps": []}):
        yield f"snapshot bindings {what}", "snapshot", {"snapshot": odd}


JSON_TEXTS = ["1", "-0", "-0.0", "1.0", "1e5", "1E400", "-1E400", "1e-400", "NaN", "-Infinity", "nan",
              "01", "1.", ".5", "+1", "1_0", "9" * 400, '"\\ud83d\\ude00"', '"\\ud83d"', '"\\u00e9é"',
              '"\t"', '"\\x"', '"\\u12"', "[1,]", "{,}", '{"a":1,"a":2,"b":{}}', "[]", "[[],{}]", "",
              " 1 ", "1 2", "\ufeff1", "tru", "nul", '{"a"}', "{1:2}", "'a'", '"a', "[" * 100 + "]" * 100,
              "123456789.123456789", "1e16", "1e15", "0.0001", "0.00001", "5e-324", "1.7976931348623157e308",
              '"\\u007f\x7f"', '"</\\/\\b\\f\\n\\r\\t\\"\\\\"', '"\u2028\u0085\xa0"']


def json_cases():
    for text in JSON_TEXTS:
        yield f"json {text[:30]!r}", "json", {"text": text}


def scalar_cases():
    scalars = """yes No ON off TRUE y n tRue ~ null Null NULL none 017 0_7 0x1F 0x_F 0b101 1_000 +1 1:30
    190:20:30 08 0o17 _1 1.0e+3 1.e+3 .5 5. 1_0.5 1:30.5 .inf -.INF .nan .Nan 1e3 1.0e3 12e03 +.5 -.5
    2024-01-02 2024-01-02T10:00:00Z 2024-1-2 2024-02-30 2024-01-02T25:00:00 = << -0 +0 00 0b 0x 0x_ 1:60
    -1:30 0:30 1__0 - 1.2.3 1,000 0.1e-5 -1.5E-3 6.02e+23 99999999999999999999 0777777777777777777777
    .1_2 1_. 0. -0. !!str\\ 5 !!int\\ "7" !!float\\ 1e3 !!bool\\ maybe !!null\\ x !!int\\ x !!binary\\ aGk=
    !!binary\\ a !!set\\ {a} !!set\\ {} !!timestamp\\ x !\\ 5 !foo\\ 5 "yes" 'null' "\\x41" "a\\nb" """
    for scalar in scalars.replace("\\ ", "\0").split():
        yield f"yaml scalar {scalar!r}", "yaml", {"text": "a: " + scalar.replace("\0", " ")}
    for name, text in YAML_TEXTS:
        yield f"yaml {name}", "yaml", {"text": text}


YAML_TEXTS = [
    ("merge", "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}"),
    ("merge list", "a: &a {x: 1, long: 1}\nb: &b {x: 2, long: 2}\nc: {<<: [*a, *b]}"),
    ("merge twice", "a: &a {long: 1}\nb: &b {long: 2}\nc:\n  <<: *a\n  <<: *b"),
    ("merge same", "a: &a {long: 1}\nc: {<<: [*a, {long: 3}, *a]}"),
    ("merge before", "c: {k: 1, <<: {k: 2, z: 3}}"), ("merge scalar", "<<: 5"), ("merge bad list", "<<: [5]"),
    ("duplicate keys", "a: 1\nb: 2\na: 3"), ("equal keys", "{1: a, 1.0: b, true: c, '1': d}"),
    ("value key", "=: 5"), ("value of mapping", "a: !!str {=: 5}"), ("omap bad", "a: !!omap [x: 1, y]"),
    ("literal", "a: |\n  x\n   y\n\nb: >-\n  x\n  y\n\n  z\n"), ("keep", "a: |+\n  x\n\n"),
    ("folded quotes", "a: \"x\n  y\\\n  z\"\nb: 'x\n\n  y'"), ("crlf", "a: 1\r\nb: |\r\n  x\r\n"),
    ("bom", "\ufeffa: 1"), ("directive", "%YAML 1.1\n---\na: 1\n..."), ("version", "%YAML 2.0\n---\na"),
    ("anchors", "a: &x [1]\nb: *x"), ("anchor twice", "a: &x 1\nb: &x 2"), ("loop", "a: &x [*x]"),
    ("comments", "# c\na: 1 # d\n#\n"), ("flow", "{a: [1, {b: c}], 'd': }"), ("control", "a: \x01"),
    ("keys", "{2024-01-02: 1, ~: 2, 1.5: 3, no: 4}"), ("tag directive", "%TAG ! tag:yaml.org,2002:\n---\n!int '5'"),
    ("deep", "[" * 150 + "]" * 150), ("colon", "a: b: c"), ("unclosed", "a: 'x"), ("at", "a: @x"),
    ("surrogate", 'a: "\\ud83d"'), ("emoji", 'a: "\\U0001F600 😀"'), ("next line", "a: \"x\x85y\""),
]

MANIFEST = {"id": "w", "name": "W", "version": "1", "description": "d", "inputs": {
    "s": {"type": "string", "description": "d", "required": True},
    "n": {"type": "number", "description": "d", "default": 5},
    "b": {"type": "boolean", "description": "d"}, "a": {"type": "array", "description": "d", "default": [1]},
    "o": {"type": "object", "description": "d"}}}
GATE = "steps: [{id: a, type: shell, run: echo, outputs: {stdout: string}}]\n"
PROJECT = {
    "name": "p", "storage": {"driver": "file"},
    "capabilities": {
        "c": {"command": "run 'a b'", "with": {"k": {"from_secret": "a/b"}, "l": [1, {"m": 2}]},
              "env": {"E": "v", "F": {"from_secret": "a/c"}}},
        "p": {"python": "m:C", "with": {"x": 1}}},
    "pull": {"src": {"git": "g", "path": "p", "ref": "r"}},
    "secrets": {"sources": {"default": {"kind": "k", "o": 1}, "v": {"kind": "k"}},
                "bindings": {"a/b": "key", "a/c": {"source": "env", "key": "NAME"},
                             "a/d": {"source": "v", "key": "k/l"}}},
}


def tree(manifest=MANIFEST, plan=GATE, project=PROJECT, **files):
    made = {"charter.yml": project, "workflows/w/plan.yml": plan, "workflows/w/manifest.yml": manifest}
    made.update({name.replace("__", "/"): content for name, content in files.items()})
    return {name: content if isinstance(content, str) else dumped(content)
            for name, content in made.items() if content is not None}


def launch(files, variables=None, text=False, id="w"):
    return {"files": files, "variables": {"s": "x"} if variables is None else variables, "text": text, "id": id}


def project_cases():
    for what, odd in mutations(MANIFEST, ("zzz",)):
        yield f"manifest {what}", "launch", launch(tree(manifest=odd))
    for what, odd in mutations(PROJECT, ("zzz",)):
        yield f"project {what}", "launch", launch(tree(project=odd))
    yield "launch", "launch", launch(tree())
    uses = plan_of({**STEPS["step"], "with": {"own": 1}})
    both = plan_of(STEPS["step"], {"id": "z", "uses": "capability/p", "outputs": {"zz": "string"}})
    for name, plan, project in [
        ("binding", uses, PROJECT), ("no target", uses, {**PROJECT, "capabilities": {}}),
        ("unresolved", plan_of({"id": "z", "uses": "capability/q"}), PROJECT),
        ("python", plan_of({"id": "z", "uses": "capability/p"}), PROJECT),
        ("several", both, PROJECT), ("no secrets", uses, changed(PROJECT, ("secrets",), drop=True)),
        ("process", changed(uses, ("bindings", "b", "with"), {"process": 1}), PROJECT),
        ("bad secret", changed(uses, ("bindings", "b", "with"), {"k": {"from_secret": "x"}}), PROJECT),
        ("secret and more", changed(uses, ("bindings", "b", "with"), {"k": {"from_secret": "x", "y": 1}}), PROJECT),
        ("quoting", uses, changed(PROJECT, ("capabilities", "c", "command"), "run 'x")),
        ("escape", uses, changed(PROJECT, ("capabilities", "c", "command"), 'a\\ b "c\\"d\\e" \'\' \\')),
        ("words", uses, changed(PROJECT, ("capabilities", "c", "command"), 'a\\ b "c\\"d\\e" \'\' #x\n y')),
        ("number command", uses, changed(PROJECT, ("capabilities", "c", "command"), 5)),
        ("list command", uses, changed(PROJECT, ("capabilities", "c", "command"), ["a", "b c"])),
        ("mapping command", uses, changed(PROJECT, ("capabilities", "c", "command"), {"a": 1, "b c": 2})),
    ]:
        yield f"launch {name}", "launch", launch(tree(plan=dumped(plan), project=project))
    for name, text in PLAN_TEXTS:
        yield f"launch plan {name}", "launch", launch(tree(plan=text))
    for name, pyproject in [("none", "[project]\ndependencies = []\n"), ("broken", "[project\n"), ("text", "project = 5\n"),
                            ("no list", "[project]\ndependencies = 'x'\n"), ("number", "[project]\ndependencies = [5]\n"),
                            ("no name", "[project]\ndependencies = ['==1']\n")]:
        yield f"pyproject {name}", "launch", launch(tree(**{"pyproject.toml": pyproject}))
    for name, text in [("not yaml", "a: ["), ("list", "[1]"), ("empty", ""), ("text", "x"), ("false", "no"),
                       ("number keys", "5: 1"), ("mixed keys", "name: x\n5: 1"), ("bad date", "name: 2024-13-01")]:
        yield f"charter.yml {name}", "launch", launch(tree(project=text))
        yield f"manifest {name}", "launch", launch(tree(manifest=text))


def lookup_cases():
    other = {**MANIFEST, "id": "x"}
    for name, files, id in [
        ("not there", tree(), "zz"), ("outside", tree(), "../w"), ("absolute", tree(), "/etc"), ("empty", tree(), ""),
        ("dots", tree(), "."), ("nul", tree(), "a\0b"), ("long", tree(), "w" * 200), ("slash", tree(), "a/b"),
        ("another folder", tree(workflows__v__plan__yml=None, **{
            "workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": other}), "x"),
        ("twice", tree(**{"workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": MANIFEST}), "w"),
        ("folder of another id", tree(manifest=other, **{
            "workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": MANIFEST}), "w"),
        ("two others", tree(manifest=other, **{
            "workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": MANIFEST,
            "workflows/u/plan.yml": GATE, "workflows/u/manifest.yml": MANIFEST}), "w"),
        ("no manifest", tree(manifest=None), "w"), ("no plan", tree(plan=None), "w"),
        ("no plan, other id", tree(plan=None, manifest=other), "w"),
        ("broken neighbour", tree(**{"workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": "a: ["}), "w"),
        ("odd neighbour", tree(**{"workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": "2024-13-01"}), "w"),
        ("neighbour without plan", tree(**{"workflows/v/manifest.yml": MANIFEST}), "w"),
        ("link out", tree(manifest=other, **{"outside/plan.yml": GATE, "outside/manifest.yml": MANIFEST,
                                             "workflows/l": "->../outside"}), "w"),
        ("link out by name", tree(**{"outside/plan.yml": GATE, "outside/manifest.yml": MANIFEST,
                                     "workflows/l": "->../outside"}), "l"),
        ("link inside", tree(**{"workflows/l": "->w"}), "l"), ("link to itself", tree(**{"workflows/l": "->l"}), "l"),
        ("linked twice", tree(manifest=other, **{"workflows/v/plan.yml": GATE, "workflows/v/manifest.yml": MANIFEST,
                                                 "workflows/l": "->v"}), "w"),
        ("plan elsewhere", tree(plan=None, **{"workflows/w/plan.yml": "->../v/other.yml", "workflows/v/other.yml": GATE,
                                              "workflows/v/manifest.yml": MANIFEST}), "w"),
        ("padded id", tree(manifest={**MANIFEST, "id": " w "}), "w"),
    ]:
        yield f"lookup {name}", "launch", launch(files, id=id)
        yield f"prepare lookup {name}", "prepare", {**launch(files, id=id), "kind": "launch"}


VALUES = ["x", "5", "5.0", "true", "null", "[1]", '{"a": 1}', "NaN", "Infinity", "", " ", '"q"', "01", "é", "1e400",
          '{"a": NaN}', "9" * 30]
TYPED = ["x", 5, 5.5, True, None, [1], {"a": 1}, float("nan"), float("inf"), {"a": [float("nan")]}, 10**30, "é", "\ud83d", 1e16]


def input_cases():
    for name in ("s", "n", "b", "a", "o", "undeclared"):
        for value in VALUES:
            yield f"input {name}={value!r} as text", "launch", launch(tree(), {"s": "x", name: value}, text=True)
        for value in TYPED:
            yield f"input {name}={value!r}", "launch", launch(tree(), {"s": "x", name: value})
    yield "input missing", "launch", launch(tree(), {})
    yield "input missing as text", "launch", launch(tree(), {}, text=True)


def hand_off_cases():
    import charter_core.schema as schema

    snapshot = schema.WorkflowDefinition.from_yaml(GATE, workflow_id="w").to_dict()
    deep = {"kind": "subprocess", "command": ["x"]}

    def case(files=None, **changes):
        request = {"kind": "handoff", "files": tree() if files is None else files, "id": "w",
                   "path": "workflows/w/plan.yml", "snapshot": snapshot, "variables": {"v": [1, 1.5, None, "é"]},
                   "capabilities": {}}
        return {**request, **changes}

    nested = tree(**{"sub/charter.yml": "name: n\n", "sub/w/plan.yml": GATE, "sub/w/manifest.yml": MANIFEST})
    for name, arguments in [
        ("snapshot", case()), ("plan", case(snapshot=None)), ("bad plan", case(tree(plan="steps: [{}]"), snapshot=None)),
        ("no plan file", case(tree(plan=None))), ("no plan at all", case(tree(plan=None), snapshot=None)),
        ("other id", case(id="x")), ("quoted id", case(id="it's \"x\"\n")), ("no manifest", case(tree(manifest=None))),
        ("padded id", case(tree(manifest={"id": " w "}))), ("padded id asked", case(tree(manifest={"id": " w "}), id=" w ")),
        ("manifest id only", case(tree(manifest={"id": "w"}))), ("manifest list", case(tree(manifest="[1]"))),
        ("manifest text", case(tree(manifest="x"))), ("manifest empty", case(tree(manifest=""))),
        ("manifest broken", case(tree(manifest="a: ["))), ("manifest number id", case(tree(manifest="id: 5"))),
        ("outside", case(path="/etc/passwd")), ("above", case(path="../x/plan.yml")), ("root", case(path="")),
        ("nul", case(path="workflows/w/pl\0an.yml")), ("odd name", case(path="workflows/w/other.txt")),
        ("link out", case(tree(**{"workflows/l": "->/etc"}), path="workflows/l/plan.yml")),
        ("dots", case(path="workflows/../workflows/w/./plan.yml")), ("nested project", case(nested, path="sub/w/plan.yml")),
        ("unused capabilities", case(tree(project=PROJECT))), ("capabilities", case(capabilities={"capability/c": deep})),
        ("storage", case(tree(project={"storage": {"driver": "redis"}}))), ("storage text", case(tree(project={"storage": 5}))),
        ("storage empty", case(tree(project={"storage": {}}))), ("storage variable", case(tree(project={"storage": {"driver": "${NO_SUCH_VARIABLE}"}}))),
        ("storage keys", case(tree(project="storage: {5: 1}"))), ("charter.yml broken", case(tree(project="a: ["))),
        ("charter.yml list", case(tree(project="[1]"))), ("no workflow id", case(snapshot={**snapshot, "workflow": None})),
        ("other workflow", case(snapshot={**snapshot, "workflow": "other"})), ("number workflow", case(snapshot={**snapshot, "workflow": 5})),
        ("empty snapshot", case(snapshot={})), ("dates", case(tree(plan=GATE.replace("echo", "2024-01-02")), snapshot=None)),
        ("int keys", case(tree(plan="steps: [{id: 5, type: shell, run: x, inputs: {a: {value: {1: 2, ~: 3, 1.5: 4, no: 5}}}}]"), snapshot=None)),
        ("date keys", case(tree(plan="steps: [{id: a, type: shell, run: x, inputs: {a: {value: {2024-01-02: 1}}}}]"), snapshot=None)),
        ("special floats", case(variables={"a": float("nan"), "b": float("-inf"), "c": 1e22, "d": -0.0})),
        ("unicode", case(variables={"é": "\u2028 😀 \ud83d \x7f", "": {}})), ("big", case(variables={"n": 10**40})),
        ("gates", case(snapshot={**snapshot, "steps": [{**STEPS["gate"]}, {**STEPS["get"]}, {**STEPS["shell"], "id": "q"}]})),
    ]:
        yield f"hand-off {name}", "prepare", arguments
    for kind in ("step", "export", "input"):
        yield f"hand-off {kind}", "prepare", case(snapshot={**snapshot, "steps": [{**STEPS[kind]}]})
    for variables in ({"s": "x"}, {"s": 5, "n": 1}, {}):
        yield f"run.start {variables}", "prepare", {**launch(tree(), variables), "kind": "launch"}
    yield "run.start as text", "prepare", {**launch(tree(), {"s": "5", "n": "1e3"}, True), "kind": "launch"}
    yield "run.start with export", "prepare", {
        **launch(tree(plan=dumped(plan_of(STEPS["export"])))), "kind": "launch"}
    yield "run.start unused capabilities", "prepare", {**launch(tree(project=PROJECT)), "kind": "launch"}


def random_value(draw, depth=0):
    kind = draw.randrange(8 if depth < 3 else 5)
    if kind < 5:
        return draw.choice(ODD[:10] + ODD_TEXT + [10**20, -1e-7, "é😀", "a'b\n"])
    if kind == 5:
        return [random_value(draw, depth + 1) for _ in range(draw.randrange(3))]
    return {draw.choice(["a", "from", "value", "x", "from_secret"]): random_value(draw, depth + 1)
            for _ in range(draw.randrange(3))}


def random_cases(count, seed):
    """Plans of several steps with a few places damaged, so that problems meet in all orders."""
    draw = random.Random(seed)
    for number in range(count):
        kinds = [draw.choice(list(STEPS)) for _ in range(draw.randint(1, 4))]
        plan = plan_of(*[STEPS[kind] for kind in kinds])
        for index, step in enumerate(plan["steps"]):
            step["id"] = draw.choice([step["id"], f"{step['id']}{index}"])
            if isinstance(step.get("outputs"), dict) and draw.random() < 0.6:
                step["outputs"] = {f"{name}{index}": kind for name, kind in step["outputs"].items()}
        for _ in range(draw.choice([0, 0, 1, 2, 5])):
            path = draw.choice(list(places(plan)) or [("steps",)])
            plan = changed(plan, path, random_value(draw), drop=draw.random() < 0.2 and bool(plan))
        yield f"random {seed}:{number}", "plan", {"text": dumped(plan), "id": "w"}
        if number % 4 == 0:
            yield f"random launch {seed}:{number}", "launch", launch(tree(plan=dumped(plan)))


def random_scalars(count, seed):
    """Plain scalars of the letters that numbers and dates are made of."""
    draw = random.Random(seed)
    parts = ["0", "1", "12", "017", "0x1F", "0b1", "1_000", ".", ".5", "5.", ":30", ":60", ":5", "e3", "e+3",
             "E-2", "_", "-", "+", ".inf", ".NaN", "2024-01-02", "2024-1-2", "T10:00:00", " 10:00:00.5",
             "Z", "+05:30", "-5", "08", "9", "yes", "Off", "nULL", "~"]
    for _ in range(count):
        scalar = "".join(draw.choice(parts) for _ in range(draw.randint(1, 4)))
        tag = draw.choice(["", "", "", "", "!!int ", "!!float ", "!!timestamp ", "!!bool "])
        text = f"a: {tag}{json.dumps(scalar)}" if tag else f"a: {scalar}"
        yield f"random scalar {text!r}", "yaml", {"text": text}


def all_cases():
    for source in (json_cases, scalar_cases, plan_cases, snapshot_cases, project_cases, lookup_cases,
                   input_cases, hand_off_cases):
        yield from source()


if __name__ == "__main__":
    print(json.dumps([name for name, _, _ in all_cases()], indent=1))
