"""Gates: texts, decisions, notes, what a decision in the wrong state does."""

from oracle.scenario import acts, case

GATE = "  - {id: ask, type: gate, show: %s, message: %s}\n"
PLAIN = GATE % ("what", "'go on?'")
BEFORE = "  - {id: b, type: shell, run: 'echo ''%s''', outputs: {made: %s}}\n"
AFTER = "  - {id: z, type: shell, run: echo after, outputs: {after: string}}\n"
ALL = {"v": "text", "n": 5, "f": 1.0, "t": True, "nil": None, "l": [1, "é"], "m": {"a": "ü", "b": 1e16}}

case("gate_pause", PLAIN + AFTER)
for name, text in {
    "words": "{{ v }} {{v}} {{   n   }} {{ f }} {{ t }} {{ nil }}", "structures": "{{ l }} {{ m }}",
    "unknown": "{{ nobody }}", "dotted": "{{ m.a }}", "spaces_inside": "{{ v v }}", "empty": "{{ }}",
    "odd_braces": "{ { v } } {{{ v }}} {{v}}}}", "newline": "{{\\n v\\t}}", "unicode_name": "{{ ключ }}",
    "digit": "{{ 5 }}", "nested": "{{ {{ v }} }}", "plain_unicode": "prüfen \\u2028 \\U0001f600",
}.items():
    case(f"gate_text_{name}", GATE % ("nothing", f'"{text}"'), variables={**ALL, "ключ": "значение", "5": "fünf"})
case("gate_show_template", GATE % ("'{{ made }} and {{ v }}'", "m") + AFTER, variables=ALL)
case("gate_output_wins", BEFORE % ("step", "string") + GATE % ("'{{ made }}'", "m"), variables={"made": "variable"})
case("gate_number_texts", GATE % ("5", "6"))
case("gate_output_object", BEFORE % ('{"a": [1.0, "é"]}', "object") + GATE % ("made", "'{{ made }}'"))
case("gate_first_unknown_then_steps", AFTER + GATE % ("'{{ nope }}'", "m"))
case("gate_big_text", GATE % ("s", "'{{ big }}'"), variables={"big": "x" * 10000})
case("gate_sensitive_output", "  - {id: b, type: shell, run: echo hush-hush, outputs: {made: {type: string, sensitive: true}}}\n" + GATE % ("s", "'{{ made }}'"))


@acts(PLAIN + AFTER)
async def gate_approved(s):
    await s.run()
    await s.resume(note="fine é")
    await s.end()


@acts(PLAIN + AFTER)
async def gate_refused(s):
    await s.run()
    await s.resume(approved=False, note="no \U0001f600")
    await s.end()


@acts(PLAIN + AFTER)
async def gate_refused_without_note(s):
    await s.run()
    await s.resume(approved=False)
    await s.end()


@acts(PLAIN + AFTER)
async def gate_cancelled(s):
    await s.run()
    await s.cancel(note="enough")
    await s.end()


@acts(PLAIN + GATE.replace("ask", "ask2") % ("b", "c") + AFTER)
async def gate_two(s):
    await s.run()
    await s.resume(note="one")
    await s.pause(count=2)
    await s.resume(note="")
    await s.end()


@acts(PLAIN + GATE.replace("ask", "ask2") % ("b", "c") + AFTER)
async def gate_second_refused(s):
    await s.run()
    await s.resume()
    await s.pause(count=2)
    await s.resume(approved=False, note="stop")
    await s.end()


@acts(BEFORE % ("5", "number") + PLAIN + "  - {id: z, type: shell, run: exit 3}\n")
async def gate_failure_after(s):
    await s.run()
    await s.resume()
    await s.end()


@acts(PLAIN + "  - {id: z, type: gate, show: x, message: '{{ nobody }}'}\n")
async def gate_second_text_unknown(s):
    await s.run()
    await s.resume()
    await s.until("RunFailedEvent", "RunCompleteEvent")


for number, value in enumerate(["yes", "OFF", 1, 0, 1.0, "t", "N"]):
    async def spelled(s, value=value):
        await s.run()
        await s.resume(approved=value)
        await s.end()

    case(f"gate_approval_spelled_{number}", PLAIN + AFTER, act=spelled)


@acts(PLAIN + AFTER)
async def gate_malformed_decisions(s):
    """None of these is a decision, and none is answered."""
    await s.run()
    for changed in ({"approved": "maybe"}, {"approved": 2}, {"approved": None}, {"approved": []},
                    {"note": 5, "approved": True}, {"command_id": 5, "approved": True},
                    {"run_id": 5, "approved": True}, {}):
        await s.send({"type": "run.resume", "run_id": s.id(), **changed})
    for text in ("", "{", "[]", "null", '"x"', "5", '{"type": 5}', '{"type": "run.nothing"}', "{}"):
        await s.send(text)
    await s.start(run="sentinel", workflow_id=5)
    await s.resume(extra="ignored")
    await s.end()


@acts(PLAIN + AFTER)
async def gate_decision_after_the_end(s):
    await s.run()
    await s.resume()
    await s.end()
    await s.send({"type": "run.resume", "run_id": s.id(), "approved": True, "command_id": "late"})
    await s.send({"type": "run.cancel", "run_id": s.id(), "command_id": "later"})
    await s.start(run="sentinel", workflow_id=5)


@acts(PLAIN + AFTER)
async def gate_unknown_run(s):
    await s.send({"type": "run.resume", "run_id": "gate-nobody", "approved": True})
    await s.send({"type": "run.cancel", "run_id": "gate-nobody"})
    await s.submit({"q": "x"}, run="nobody")
    await s.run()


@acts(PLAIN + AFTER)
async def gate_input_at_a_gate(s):
    await s.run()
    await s.submit({"q": "x"})
    await s.submit(payload={"kind": "odd"})
    await s.resume()
    await s.end()


@acts("  - {id: a, type: shell, run: sleep 0.6}\n")
async def gate_decisions_while_executing(s):
    await s.hand_off()
    await s.until("StepStartEvent")
    await s.send({"type": "run.resume", "run_id": s.id(), "approved": True, "command_id": "early"})
    message = {"type": "run.input", "run_id": s.id(), "command_id": "early-input",
               "input": {"kind": "form", "answers": {}}}
    await s.send(message)
    await s.answer("early-input")
    await s.end()
