"""Input steps: every kind of question, answers that are accepted and refused."""

from oracle.scenario import acts, case

OPTIONS = "options: [{value: a, label: A}, {value: b, label: Bé, recommended: true}]"
TEXT = "{id: q, kind: text, prompt: say}"
SELECT = "{id: q, kind: select, prompt: pick, %s}" % OPTIONS
MULTI = "{id: q, kind: multi_select, prompt: pick some, %s}" % OPTIONS
AFTER = "  - {id: z, type: shell, run: 'printf %s \"$v\"', inputs: {v: answer}, outputs: {stdout: string}}\n"


def form(questions: str, outputs: str = "{answer: q}", more: str = "") -> str:
    return f"  - {{id: f, type: input, message: fill in, questions: [{questions}], outputs: {outputs}{more}}}\n"


def answered(name: str, questions: str, *tries, plan: str = "", outputs: str = "{answer: q}") -> None:
    """Submits one after the other; the run ends when one is accepted."""

    async def act(s):
        await s.run()
        for number, answers in enumerate(tries):
            if (await s.submit(answers)).get("ok"):
                await s.end()
                s.notes["accepted"] = number
                break

    case(f"form_{name}", form(questions, outputs) + (plan or AFTER), act=act, needs="input")


def optional(question: str) -> str:
    return question.replace("{id: q,", "{id: q, optional: true,")


ODD = ({}, {"q": 5}, {"q": None}, {"q": ["a"]}, {"q": {"a": 1}}, {"q": True}, {"zz": "x"}, {"q": "a", "zz": 1, "aa": 2})
for name, question, right in (("text", TEXT, "any é\n"), ("select", SELECT, "b"), ("multi", MULTI, ["b", "a"])):
    answered(f"{name}_right", question, {"q": right})
    answered(f"{name}_odd", question, *(a for a in ODD if not (name == "multi" and a == {"q": ["a"]})), {"q": right})
    answered(f"{name}_optional_absent", optional(question), {})
    answered(f"{name}_optional_null", optional(question), {"q": None}, {"q": right})
    answered(f"{name}_optional_odd", optional(question), {"q": 5}, {"q": {}}, {"q": right})
answered("text_empty", TEXT, {"q": ""})
answered("select_unknown", SELECT, {"q": "c"}, {"q": "A"}, {"q": ""}, {"q": "a"})
answered("multi_unknown", MULTI, {"q": ["c"]}, {"q": ["a", "d", "c"]}, {"q": ["a"]})
answered("multi_duplicates", MULTI, {"q": ["a", "a"]}, {"q": ["a"]})
answered("multi_empty", MULTI, {"q": []}, {"q": ["a"]})
answered("multi_empty_optional", optional(MULTI), {"q": []})
answered("multi_mixed", MULTI, {"q": ["a", 5]}, {"q": "a"}, {"q": ["a"]})
answered("multi_other", MULTI.replace("{id: q,", "{id: q, allow_other: true,"), {"q": ["a", "a"]}, {"q": ["a", "my own é"]})
answered("three_questions", ", ".join(q.replace("id: q", f"id: q{n}") for n, q in enumerate((TEXT, optional(SELECT), MULTI))),
         {"q0": "x"}, {"q0": "x", "q2": ["b"]}, outputs="{answer: q0, picked: q1, many: q2}")
answered("not_all_mapped", TEXT + ", " + TEXT.replace("id: q", "id: extra"), {"q": "x"}, {"q": "x", "extra": "y"})
answered("one_question_twice", TEXT, {"q": "x"}, outputs="{answer: q, again: q}")
answered("no_outputs", TEXT, {"q": "x"}, outputs="{}", plan="  - {id: z, type: shell, run: echo done}\n")
answered("large_answer", TEXT, {"q": "x" * 9000}, plan="  - {id: z, type: shell, run: 'printf %s \"$v\" | wc -c', inputs: {v: answer}, outputs: {stdout: string}}\n")
answered("then_failure", TEXT, {"q": "x"}, plan="  - {id: z, type: shell, run: exit 4}\n")
answered("as_last", TEXT, {"q": "x"}, plan="  - {id: z, type: shell, run: 'true'}\n")
case("form_template", "  - {id: b, type: shell, run: echo x, outputs: {made: string}}\n"
     + form(TEXT, more=", show: '{{ made }} {{ v }}'"), variables={"v": 1.0}, needs="input")
case("form_template_unknown", form(TEXT, more=", show: '{{ nobody }}'"), needs="input")
case("form_questions_on_the_wire", form(", ".join(q.replace("id: q", f"id: q{n}") for n, q in enumerate(
    (TEXT, optional(TEXT), SELECT, MULTI, MULTI.replace("{id: q,", "{id: q, allow_other: true,")))), "{o0: q0, o4: q4}"), needs="input")


@acts(form(TEXT) + AFTER, needs="input")
async def form_payloads(s):
    """Payloads of other shapes; what is no run.input at all is not answered."""
    await s.run()
    for payload in ({"kind": "odd"}, {"kind": "form"}, {"kind": "form", "answers": 5}, {"kind": "form", "answers": []},
                    {"kind": "form", "answers": {}, "zz": 1, "aa": 2}, {"kind": "form", "answers": None}, {"kind": ""}):
        await s.submit(payload=payload)
    for message in ({"input": {}}, {"input": 5}, {"input": {"kind": 5}}, {}):
        await s.send({"type": "run.input", "run_id": s.id(), "command_id": "form-never", **message})
    await s.submit({"q": "x"})
    await s.end()
    s.notes["never"] = len(s.side.recorder.commands["form-never"])


@acts(form(TEXT) + form(TEXT, "{other: q}").replace("id: f,", "id: f2,") + AFTER, needs="input")
async def form_two(s):
    await s.run()
    await s.submit({"q": "one"})
    await s.pause(count=2)
    await s.submit({"q": "two"})
    await s.end()
    await s.submit({"q": "three"})


@acts(form(TEXT) + "  - {id: g, type: gate, show: s, message: '{{ answer }}'}\n" + AFTER, needs="input")
async def form_then_gate(s):
    await s.run()
    await s.submit({"q": "shown at the gate"})
    await s.pause(count=2)
    await s.resume(note="n")
    await s.end()


@acts(form(TEXT) + AFTER, needs="input")
async def form_cancelled(s):
    await s.run()
    await s.cancel(note="not today")
    await s.end()


@acts(form(TEXT) + AFTER, needs="input")
async def form_approved(s):
    await s.run()
    await s.send({"type": "run.resume", "run_id": s.id(), "approved": True, "command_id": "wrong"})
    if s.side.name == "ours":
        await s.submit({"q": "x"})
    await s.end()


@acts(form(TEXT) + AFTER, needs="input")
async def form_started_remotely(s):
    await s.launch()
    await s.submit({"q": "x"})
    await s.end()
