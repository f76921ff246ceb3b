"""Integrations that are commands: what is sent, what may come back, faults, retries, secrets."""

from oracle.scenario import acts, case


def step(config: str = "", more: str = "", uses: str = "capability/tool", name: str = "a") -> str:
    return f"  - {{id: {name}, type: step, uses: {uses}, with: {{{config}}}{more}}}\n"


def launches(name: str, plan: str, **rest) -> None:
    async def act(s):
        await s.launch()

    case(f"command_{name}", plan, act=act, needs="command", **rest)


OUT = ", outputs: {got: %s}"
launches("echo", step("mode: echo, n: 5, list: [1.0, é, null]", OUT % "object" + ", inputs: {v: x, w: {from: x}, c: {value: [1]}}"), variables={"x": {"deep": [1.0, 1e16]}})
launches("echo_after_steps", "  - {id: s, type: shell, run: echo 5, outputs: {n: number}}\n" + step("mode: echo", OUT % "object" + ", inputs: {v: n}"))
launches("no_outputs", step("mode: value, value: 5"))
launches("text", step("mode: value, value: words", OUT % "string"))
launches("wrong_type", step("mode: value, value: words", OUT % "number"))
launches("null", step("mode: value, value: null", OUT % "string"))
launches("two_outputs", step("mode: value, value: {one: 1, two: [x], three: 3}", ", outputs: {one: number, two: array}"))
launches("two_outputs_missing", step("mode: value, value: {one: 1}", ", outputs: {one: number, two: array, three: string}"))
launches("two_outputs_list", step("mode: value, value: [1]", ", outputs: {one: number, two: array}"))
launches("big_numbers", step("mode: value, value: [12345678901234567890123, 1.0, 1.0e+20, .inf]", OUT % "array"))
launches("artifact", step("mode: value, value: {b: 1, a: [2]}", OUT % "artifact"))
launches("artifact_input", step("mode: value, value: {b: 1}", ", outputs: {first: artifact}") + step("mode: echo", OUT % "object" + ", inputs: {v: first}", name="b"))
launches("configured", step("", OUT % "string", "capability/configured"))
launches("overlaid", step("value: from the step, other: {b: 2}", OUT % "string", "capability/configured"))
launches("with_echo", step("mode: echo", OUT % "object", "capability/configured"))
launches("binding", "bindings: {b: {uses: capability/tool, description: d, with: {mode: value, value: bound}}}\nsteps:\n" + step("", OUT % "string", "binding/b"))
launches("binding_overlaid", "bindings: {b: {uses: capability/configured, description: d, with: {value: bound, more: 1}}}\nsteps:\n" + step("mode: echo", OUT % "object", "binding/b"))
launches("command_of_words", step("mode: value, value: 1", OUT % "number", "capability/words"))
launches("error", step("mode: error, error: {code: -32000, message: bad é, data: [1, 'x', null]}"))
launches("error_odd", step("mode: error, error: {message: \"it's\", t: true, f: 1.0, n: {}}"))
launches("error_empty", step("mode: error, error: {}", OUT % "object"))
launches("exit", step("mode: exit, code: 3, stderr: last words"))
launches("exit_zero", step("mode: exit, code: 0"))
launches("exit_then_step", step("mode: exit, code: 3, stderr: x") + step("mode: value, value: 1", name="b"))
launches("exit_retried", step("mode: exit, code: 3", ", retry: {attempts: 2, delay_seconds: 0}"))
for name, text in {
    "not_json": "hello", "no_id": '{"jsonrpc": "2.0", "result": {"value": 1}}', "number_id": '{"jsonrpc": "2.0", "id": 2, "result": {"value": 1}}',
    "result_text": '{"jsonrpc": "2.0", "id": "ID", "result": "x"}', "no_result": '{"jsonrpc": "2.0", "id": "ID"}',
    "no_value": '{"jsonrpc": "2.0", "id": "ID", "result": {}}', "extra_result": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": 1, "zz": 2}}',
    "error_text": '{"jsonrpc": "2.0", "id": "ID", "error": "x"}', "both": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": 1}, "error": {"m": 1}}',
    "null_error": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": 1}, "error": null}', "no_version": '{"id": "ID", "result": {"value": 1}}',
    "other_version": '{"jsonrpc": "1.0", "id": "ID", "result": {"value": 1}}', "other_id": '{"jsonrpc": "2.0", "id": "x", "result": {"value": 1}}',
    "cut": '{"jsonrpc": "2.0", "id": "ID"', "comma": '{"jsonrpc": "2.0", "id": "ID",}', "bare_name": '{id: 1}', "number": "-1.50e3", "null": "null",
    "long": "Traceback (most recent call last): and more than fifty bytes of it", "wide": '{"id": 5, "wide": "äöüßéàèäöüßéàèäöüßéàèäöüßéàè"}',
    "bad_number": '{"id": 01}', "word": '{"id": nil}', "more": '{"id": "ID"} {}', "many_wrong": '{"jsonrpc": 2, "result": 5, "error": [true, null]}',
    "two_extra": '{"id": "ID", "result": {"x": 1.0, "y": [2]}}', "array": "[1]", "empty_line": "", "extra_field": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": 1}, "zz": 1}',
    "nan": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": [NaN, Infinity]}}', "duplicate": '{"jsonrpc": "2.0", "id": "ID", "result": {"value": 1}, "result": {"value": 2}}',
}.items():
    launches(f"response_{name}", step(f"mode: raw, text: {text!r}" if "'" not in text else "", ", outputs: {got: %s}" % ("array" if name == "nan" else "number")))
launches("retry", step("mode: flaky, times: 3", OUT % "string" + ", retry: {attempts: 3, delay_seconds: 0}"))
launches("retry_exhausted", step("mode: flaky, times: 9", OUT % "string" + ", retry: {attempts: 2, delay_seconds: 0}"))
launches("timeout", step("mode: sleep, seconds: 60", ", timeout: 1s"))
launches("timeout_retried", step("mode: once, file: been-here.txt", OUT % "string" + ", timeout: 3s, retry: {attempts: 2, delay_seconds: 0}"))
launches("ids", "".join(step("mode: id", ", outputs: {got%d: string}" % n, name=f"s{n}") for n in range(3)))
launches("setup_fails", step("mode: id", uses="capability/setup-fails"))
launches("setup_dies", step("mode: id", uses="capability/setup-dies"))
launches("teardown_fails", step("mode: id", OUT % "string", "capability/teardown-fails"))
launches("missing_program", step("mode: id", uses="capability/missing"))
launches("silent_program", step("mode: id", uses="capability/silent"))
launches("bad_quotes", step("mode: id", uses="capability/quotes"))
launches("empty_command", step("mode: id", uses="capability/nothing"))
launches("entry_point_unknown", step("mode: id", uses="capability/entry"))
launches("secret", step("mode: env, name: PLAIN", OUT % "string", "capability/with-secret"))
launches("secret_value", step("mode: env, name: TOKEN", ", outputs: {got: {type: string, sensitive: true}}", "capability/with-secret"))
launches("secret_empty", step("mode: env, name: TOKEN", OUT % "string", "capability/empty-secret"))
launches("secret_missing", step("mode: env, name: TOKEN", OUT % "string", "capability/missing-secret"))
launches("secret_unbound", step("mode: env, name: TOKEN", OUT % "string", "capability/unbound-secret"))
launches("secret_in_with", step("", OUT % "string", "capability/config-secret"))
launches("environment", step("mode: env, name: ORACLE_PLAIN", OUT % "string"))
launches("two_capabilities", step("mode: value, value: 1", ", outputs: {one: number}") + step("", ", outputs: {two: string}", "capability/configured", "b"))
launches("input_missing", step("mode: echo", OUT % "object" + ", inputs: {v: {from: nobody}}"))
launches("sensitive", step("mode: value, value: hush-hush", ", outputs: {got: {type: string, sensitive: true}}, inputs: {v: {value: tell, sensitive: true}}"))
launches("large_value", step("mode: input", OUT % "string" + ", inputs: {it: big}"), variables={"big": "x" * 30000})
launches("from_secret_in_step", step("mode: echo, t: {from_secret: api/token}", OUT % "object"))


@acts(step("mode: id", ", outputs: {one: string}") + "  - {id: g, type: gate, show: s, message: m}\n"
      + step("mode: id", ", outputs: {two: string}", name="b"), needs="command")
async def command_across_a_gate(s):
    await s.launch()
    await s.resume()
    await s.end()


@acts(step("mode: echo", OUT % "object", "capability/with-secret"), needs="command")
async def command_handed_off(s):
    """As the CLI hands it off: resolved capabilities and snapshot in the request."""
    if await s.hand_off_prepared():
        await s.end()


@acts(step("mode: id", OUT % "string"), needs="command")
async def command_handed_off_bare(s):
    await s.run(capabilities={"capability/tool": {"kind": "subprocess", "command": ["cat"]}})


@acts(step("mode: id", OUT % "string"), needs="command")
async def command_kinds_unknown(s):
    await s.run(capabilities={"capability/tool": {"kind": "odd"}})


@acts(step("mode: id", OUT % "string"), needs="command")
async def command_without_kind(s):
    await s.run(capabilities={"capability/tool": {}})


@acts(step("mode: id", OUT % "string"), needs="command")
async def command_secret_gone_at_hand_off(s):
    await s.run(capabilities={"capability/tool": {
        "kind": "subprocess", "command": ["cat"], "env": None,
        "env_secret_refs": {"TOKEN": "env://ORACLE_NO_SUCH"}, "secrets_registry": {}}})
