"""What only whole projects show of YAML, sizes and places: odd documents, limits, links, markers."""

from oracle.scenario import acts, case

STEP = "{id: a, type: shell, run: 'printf %s \"$v\"', inputs: {v: {value: @}}, outputs: {said: string}}"


def launches(name: str, plan: str | None, **rest) -> None:
    async def act(s):
        await s.launch()

    case(f"document_{name}", plan, act=act, **rest)


# Values of YAML 1.1, as a step's environment and its state file have them.
for number, text in enumerate((
        "017", "0o17", "0x_F", "0b1_01", "190:20:30", "1:30.5", "-1:30", "1_000.5", "12e03", "1.e+3", "-.INF", ".NaN", "~",
        "oN", "y", "'no'", "!!str no", "!!float 1", "!!int '7'", "[yes, 1:30, .5, ~]", "{1: a, 1.0: b, yes: c}",
        "{<<: {a: 1, b: 2}, b: 3}", "{<<: [{a: 1}, {a: 2, c: 3}], c: 4}", '"\\u00e9\\x41\\U0001F600\\_"', "2024-01-02",
        "2024-01-02 10:00:00.5 +1", "!!binary aGk=", "!!set {x}", "1" * 400)):
    launches(f"scalar_{number}", f"  - {STEP.replace('@', text)}\n")
for name, plan in {
    "anchored_step": "#!\nsteps:\n  - &x {id: a, type: shell, run: echo x}\n  - {<<: *x, id: b}\n",
    "duplicate_keys": "#!\nsteps: []\nsteps:\n  - {id: a, type: shell, run: echo one, run: echo two, outputs: {stdout: string}}\n",
    "block_scalars": "  - id: a\n    type: shell\n    run: |-\n      echo one\n        # kept\n      echo two\n    outputs: {stdout: string}\n",
    "folded": "  - id: a\n    type: shell\n    run: >-\n      echo\n      one\n\n      echo two\n    outputs: {stdout: string}\n",
    "carriage_returns": "  - {id: a, type: shell, run: echo x}\r\n  - {id: b, type: shell, run: echo y}\r\n",
    "directive": "#!\n%YAML 1.1\n---\nsteps:\n- {id: a, type: shell, run: echo x}\n...\n",
    "two_documents": "#!\nsteps: []\n---\nsteps: []\n", "tab_below_a_scalar": "  - id: a\n    type: shell\n\t\n    run: x\n",
    "tab_below_a_key": "#!\nsteps:\n\t- x\n", "control_character": "  - {id: a, type: shell, run: 'a\x01b'}\n",
    "next_line": "  - {id: a, type: shell, run: \"echo a\x85b\", outputs: {stdout: string}}\n",
    "mark": "#!\n\ufeffsteps:\n- {id: a, type: shell, run: echo x}\n",
    "deep_enough": f"  - {STEP.replace('@', '[' * 60 + ']' * 60)}\n",
    "aliases_shared": "#!\nsteps:\n- {id: a, type: shell, run: 'true', inputs: {v: {value: &v [1, {a: b}]}, w: {value: [*v, *v]}}}\n",
    "many_steps": "".join(f"  - {{id: s{n}, type: shell, run: 'true', message: m}}\n" for n in range(300)),
}.items():
    launches(name, plan)

# The rule of sizes: markers begin above 8 KiB, and say KB and MB.
SIZED = "  - {id: a, type: shell, run: \"head -c %d /dev/zero | tr '\\\\0' x\", outputs: {said: %s}}\n"
for size in (8190, 8191, 8192, 8193, 9000, 10_240, 1_048_574, 1_048_576, 1_600_000):
    launches(f"size_{size}", SIZED % (size, "string"))
    launches(f"size_{size}_hidden", SIZED % (size, "{type: string, sensitive: true}"))
launches("size_of_wide_text", "  - {id: a, type: shell, run: 'cat', inputs: {v: v}}\n", variables={"v": "é" * 4096})
launches("size_of_wide_output", "  - {id: a, type: shell, run: \"printf 'é%.0s' $(seq 4095)\", outputs: {said: string}}\n")
launches("size_of_list", "  - {id: a, type: shell, run: \"seq -s, 3000 | sed 's/^/[/; s/$/]/'\", outputs: {said: array}}\n")
launches("size_of_artifact", SIZED % (20_000, "artifact"))
launches("big_integers", "  - {id: a, type: shell, run: 'echo [%s, -%s, 1e400, 0.1, -0.0]', outputs: {n: array}}\n" % ("9" * 300, "8" * 40)
         + "  - {id: k, type: state, action: set, key: doc-big, inputs: {value: n}}\n"
         + "  - {id: b, type: shell, run: 'printf %s \"$n\"', inputs: {n: n}, outputs: {again: string}}\n", kv=("doc-big",))


def linked(name: str, to: str) -> None:
    """The workflow's folder is a symbolic link."""

    async def act(s):
        link = s.project / f"workflows/document_{name}"
        link.symlink_to(s.project / to)
        await s.launch(workflow_id=f"document_{name}")
        if await s.hand_off("handed"):
            await s.end("handed")

    files = {f"{to}/plan.yml": "steps:\n- {id: a, type: shell, run: echo x}\n",
             f"{to}/manifest.yml": f"id: document_{name}\nname: n\ndescription: d\nversion: '1'\n"}
    case(f"document_{name}", None, act=act, place=files)


linked("linked_out_of_workflows", "elsewhere/linked")
linked("linked_inside", "workflows/document-original")


@acts(None, place={"elsewhere/plan-alone.yml": "steps:\n- {id: a, type: shell, run: echo x}\n",
                   "workflows/document_plan_linked_out/manifest.yml":
                   "id: document_plan_linked_out\nname: n\ndescription: d\nversion: '1'\n"})
async def document_plan_linked_out(s):
    (s.folder / "plan.yml").symlink_to(s.project / "elsewhere/plan-alone.yml")
    await s.launch()
    if await s.hand_off("handed"):
        await s.end("handed")
