"""Hand-offs as the CLI makes them, with snapshot and converted variables, over whole workflows."""

from oracle.scenario import acts, case


async def prepared(s):
    if await s.hand_off_prepared():
        await s.until("RunCompleteEvent", "RunFailedEvent", "GatePendingEvent", "InputPendingEvent")


SHELL = "  - {id: a, type: shell, run: 'printf %s \"$v\"', inputs: {v: name, w: {value: [1]}}, outputs: {said: string}, timeout: 10s, retry: {attempts: 2, delay_seconds: 0.5}}\n"
case("prepared_shell", SHELL, act=prepared, variables={"name": "x"})
case("prepared_gate", SHELL + "  - {id: g, type: gate, show: '{{ said }}', message: m}\n", act=prepared, variables={"name": "x"})
case("prepared_state", SHELL + "  - {id: k, type: state, action: get, key: none, default: {a: 1}, outputs: {got: object}}\n"
     "  - {id: p, type: state, action: set, key: pk, inputs: {value: said}}\n", act=prepared, variables={"name": "x"}, kv=("pk",))
case("prepared_export", SHELL + "  - {id: e, type: export, input: said, path: out/prepared.txt}\n", act=prepared,
     variables={"name": "x"}, files=("out/prepared.txt",), needs="export")
case("prepared_form", SHELL + "  - {id: f, type: input, message: m, questions: [{id: q, kind: text, prompt: p}], outputs: {o: q}}\n",
     act=prepared, variables={"name": "x"}, needs="input")
case("prepared_failure", SHELL + "  - {id: z, type: shell, run: exit 7}\n", act=prepared, variables={"name": "x"})
case("prepared_sensitive", "  - {id: a, type: shell, run: echo, inputs: {v: {from: name, sensitive: true}}, outputs: {said: {type: string, sensitive: true}}}\n",
     act=prepared, variables={"name": "x"})


@acts(SHELL + "  - {id: g, type: gate, show: s, message: m}\n" + SHELL.replace("id: a", "id: b").replace("said", "said2"), variables={"name": "x"})
async def prepared_plan_changed_while_paused(s):
    """The snapshot decides, not the file."""
    await s.hand_off_prepared()
    await s.pause()
    (s.folder / "plan.yml").write_text("steps: []\n")
    await s.resume()
    await s.end()
