"""Integrations that are Python: how they are made, what they see, what may come back, faults."""

from oracle.scenario import acts, case

WORLD = {"world": "python"}
OUT = ", outputs: {got: %s}"
TWO = ", outputs: {one: number, two: array}"
TWICE = ", retry: {attempts: 2, delay_seconds: 0}"


def step(uses: str, config: str = "", more: str = "", name: str = "a") -> str:
    return (f"  - {{id: {name}, type: step, uses: capability/{uses}, with: {{{config}}}{more}}}\n")


def returns(value: str, more: str) -> str:
    return step("returns", f'value: "{value}"', more)


def code(*lines: str, more: str = "", uses: str = "acts", name: str = "a") -> str:
    text = "\\n".join(line.replace('"', '\\"') for line in lines)
    return step(uses, f'code: "{text}"', more, name)


def launches(name: str, plan: str, **rest) -> None:
    async def act(s):
        await s.launch()

    case(f"python_{name}", plan, act=act, needs="python", **WORLD, **rest)


launches("echo", step("echo", "n: 5, list: [1.0, é, null]", OUT % "object" + ", inputs: {v: x, w: {from: x}, c: {value: [1]}}"), variables={"x": {"deep": [1.0, 1e16, 2**70]}})
launches("echo_after_steps", "  - {id: s, type: shell, run: echo 5, outputs: {n: number}}\n" + step("echo", "", OUT % "object" + ", inputs: {v: n}"))
launches("binding", "bindings: {b: {uses: capability/keyed, description: d, with: {name: bound}}}\nsteps:\n  - {id: a, type: step, uses: binding/b, outputs: {got: array}}\n")
for name, value, more in [
        ("text", "'é' * 3", OUT % "string"), ("text_wrong", "'x'", OUT % "number"), ("null", "None", OUT % "object"),
        ("nothing_declared", "{1, 2}", ""), ("big", "2 ** 200", OUT % "number"), ("infinite", "[float('inf'), float('nan'), -0.0]", OUT % "array"),
        ("boolean", "True", OUT % "number"), ("tuple", "(1, 2)", OUT % "array"), ("inner_tuple", "[(1, 2)]", OUT % "array"),
        ("set", "{1}", OUT % "array"), ("inner_set", "[{1}]", OUT % "array"), ("bytes", "b'x'", OUT % "string"), ("object", "self", OUT % "object"),
        ("keys", "{1: 2, None: 3, True: 4, 1.5: 5}", OUT % "object"), ("keys_bad", "{(1,): 2}", OUT % "object"),
        ("two", "{'one': 1, 'two': [2], 'three': {3}}", TWO), ("two_missing", "{'one': 1}", TWO), ("two_list", "[1]", TWO), ("two_tuple", "(1, 2)", TWO),
        ("two_set_inside", "{'one': 1, 'two': {2}}", TWO), ("artifact", "{'b': 1, 'a': [2]}", OUT % "artifact"), ("artifact_set", "[{1}]", OUT % "artifact"),
        ("long", "'x' * 9000", OUT % "string"), ("circular", "(lambda a: a.append(a) or a)([])", OUT % "array"),
        ("enum", "__import__('enum').IntEnum('E', 'a').a", OUT % "number"), ("model", "Config(size=1)", OUT % "object")]:
    launches(f"returns_{name}", returns(value, more))
for name in ("typed", "typed-id", "typed-secret", "keyed", "entry-keyed", "needs", "needs-too"):
    launches(f"made_{name.replace('-', '_')}", step(name, "", OUT % "array"))
for name in ("typed-wrong", "typed-nothing", "typed-extra", "typed-missing-secret", "all-secret", "keyed-more", "keyed-nothing", "setup-fails", "needs-broken",
             "no-execute", "constructor-fails", "made-configured", "number", "absent", "no-module", "no-colon", "two-colons", "nested", "syntax", "raises",
             "entry-made-configured", "entry-number", "entry-absent", "entry-no-module", "entry-unknown", "plain", "teardown-fails", "demanding"):
    launches(f"using_{name.replace('-', '_')}", step(name))
launches("demanding_satisfied", step("demanding", "", OUT % "number"))
launches("run_id", step("run-id", "", OUT % "string"))
launches("package", step("packaged", "", OUT % "string"))
launches("beside_the_plan", step("beside", "", OUT % "string"), place={"workflows/@/beside.py": "from tools import Base\n\n\nclass Beside(Base):\n    async def execute(self, step, context):\n        return 'beside'\n"})
launches("instance", code("return 'instance'", uses="made", more=OUT % "string"))
launches("entry_instance", code("return 'instance'", uses="entry-made", more=OUT % "string"))
launches("shared_dependencies", step("needs", name="a") + step("needs-too", "", OUT % "array", name="b"))
launches("with_a_command", step("command", "mode: value, value: 5", OUT % "number") + step("keyed", "", ", outputs: {made: array}", name="b"))
launches("raises", code("raise ValueError('bad é')"))
launches("raises_nothing", code("raise ValueError"))
launches("raises_out_of_memory", code("raise MemoryError"))
launches("raises_untellable", code("class Mute(Exception):", "    def __str__(self): raise RuntimeError('no text')", "raise Mute('x')"))
launches("raises_untellable_twice", code("class Mute(Exception):", "    def __str__(self): raise RuntimeError('no text')", "raise Mute('x')", more=TWICE))
launches("raises_key", code("return {}['absent']"))
launches("raises_many_lines", code("raise RuntimeError('one' + chr(10) + 'two')"))
launches("asserts", code("assert step.id == 'b', 'other step'"))
launches("retried", code("if self.tries < 3: raise ValueError(f'try {self.tries}')", "return self.tries", more=OUT % "number" + ", retry: {attempts: 3, delay_seconds: 0}"))
launches("retry_exhausted", code("raise ValueError(f'try {self.tries}')", more=TWICE))
launches("own_timeout_error", code("raise TimeoutError('its own')", more=", timeout: 30s"))
launches("timeout", code("await asyncio.sleep(60)", more=", timeout: 1s"))
launches("timeout_retried", code("if self.tries == 1: await asyncio.sleep(60)", "return self.tries", more=OUT % "number" + ", timeout: 2s" + TWICE))
launches("timeout_caught", code("try: await asyncio.sleep(60)", "except asyncio.CancelledError: return 1", more=", timeout: 1s"))
launches("sensitive_error", code("raise ValueError(context.inputs['v'])", more=", inputs: {v: {from: x, sensitive: true}}"), variables={"x": "hunter2-long"})
launches("keeps_its_object", code("return self.tries", more=", outputs: {first: number}") + code("return self.tries", more=", outputs: {second: number}", name="b"))
launches("environment", code("return [os.environ.get('ORACLE_PLAIN'), os.getcwd() == os.environ.get('PWD', os.getcwd())]", more=OUT % "array"))
launches("prints", code("print('x' * 100000)", "sys.stdout.write('y')", "return sys.stdin.read() if sys.stdin else ''", more=OUT % "string"))


@acts(step("made-configured"), **WORLD, needs="python")
async def python_hand_off_prepared(s):
    if await s.hand_off_prepared():
        await s.end()


@acts("  - {id: g, type: gate, show: s, message: m}\n" + code("return self.tries", more=OUT % "number"), **WORLD, needs="python")
async def python_behind_a_gate(s):
    await s.launch()
    await s.resume()
    await s.end()


@acts(code("return 1", more=", outputs: {one: number}") + "  - {id: g, type: gate, show: s, message: m}\n" + code("return self.tries", more=OUT % "number", name="b"), **WORLD, needs="python")
async def python_new_behind_a_gate(s):
    await s.launch()
    await s.resume()
    await s.end()


def hands_off(name: str, **capability) -> None:
    async def act(s):
        await s.run(capabilities={"capability/x": capability})

    case(f"python_hand_off_{name}", step("x", "", OUT % "array"), act=act, needs="python", **WORLD)


hands_off("no_spec", kind="python")
hands_off("no_name", kind="entry_point")
hands_off("config_null", kind="python", spec="tools:Keyed", config=None)
hands_off("config", kind="python", spec="tools:Keyed", config={"size": 8})
hands_off("secret", kind="python", spec="tools:Keyed", config={"size": None}, config_secret_refs={"/size": "env://ORACLE_SECRET"})
hands_off("secret_gone", kind="python", spec="tools:Keyed", config={"size": None}, config_secret_refs={"/size": "env://ORACLE_NO_SUCH"})
for name, pointer in {"root": "", "no_pointer": "size", "absent": "/other", "into_text": "/name/x", "index": "/list/1", "index_bad": "/list/x", "index_high": "/list/9", "escaped": "/a~1b~0"}.items():
    hands_off(f"pointer_{name}", kind="python", spec="tools:Keyed", config={"size": {"a/b~": 1}, "name": "text", "list": [1, 2], "a/b~": None},
              config_secret_refs={pointer: "env://ORACLE_SECRET"})


# Secrets of backends

for name in ("deep", "plain", "unbound", "absent", "own", "broken", "number", "nobody", "a-number", "unbindable", "nothing", "fails", "breaks", "two"):
    launches(f"secret_{name.replace('-', '_')}", step(f"secret-{name}", "", OUT % "array"))
launches("secret_of_a_command", step("command-secret", "mode: env, name: TOKEN", OUT % "string"))
launches("secret_absent_of_a_command", step("command-absent", "mode: env, name: TOKEN", OUT % "string"))

REGISTRY = {"vault": {"kind": "vault", "a": 1}, "blank": {"kind": " "}, "kindless": {}, "nobody": {"kind": "no-such-backend"}, "fails": {"kind": "vault", "fails": "value"}, "breaks": {"kind": "vault", "fails": "other"}}
# A hand-off is not looked at for its secrets, so that the run trips over them.
for name, ref in {"given": "registry://vault/k", "no_key": "registry://vault", "no_alias": "registry:///k", "other_alias": "registry://other/k", "blank": "registry://blank/k",
                  "kindless": "registry://kindless/k", "odd_scheme": "odd://x/y", "no_scheme": "x/y",
                  "absent": "registry://vault/absent", "own": "registry://vault/own", "broken": "registry://vault/broken", "number": "registry://vault/number",
                  "nobody": "registry://nobody/k", "fails": "registry://fails/k", "breaks": "registry://breaks/k"}.items():
    hands_off(f"secret_{name}", kind="python", spec="tools:Keyed", config={"size": None}, config_secret_refs={"/size": ref}, secrets_registry=REGISTRY)
