"""Random workflows, right ones and damaged ones, each with what is done to its run.

A case depends on nothing but its seed and number. Whatever `act` decides, it decides by the case
and by how far the run is, so that the two sides are asked the same.
"""

import copy
import json
import random
import re

import yaml

from oracle.scenario import Scenario
from oracle.stage import PENDING, TERMINAL

TEXTS = ["", "x", "plain words", " padded ", "é 漢字 😀", "it's \"quoted\"", "two\nlines\n", "tab\tin",
         "{{ v0 }}", "v0", "true", "017", "1:30", "~", "null", "- x", "a: b", "#no", "%d", "$HOME",
         "back\\slash", "0x1F", "1e3", ".5", "2024-01-02", "\u00a0nbsp", "-", "*", "&a", "!x", "@"]
NUMBERS = [0, 1, -1, 7, 12345678901234567890123, -(10 ** 25), 1.5, -0.0, 1e16, 1e-7, 0.1, 1e300, 100.0]
# As YAML, where its spelling matters; RAW and the index stand for one until the plan is text.
SPELT = ["0x1F", "1_000", "1:30", "190:20:30", "yes", "Off", "~", "NULL", "017", "0o17", "0b101",
         "+1", "08", "1e3", "1.0e+3", "5.", ".5", "+.5", "1_0.5", ".inf", "-.INF", ".NaN", "!!str 5",
         "!!float 1", "!!int '7'", "'it''s'", '"\\u00e9\\x41"', "2024-01-02", "&x [1, *y]", "? 1",
         "{a: 1, a: 2}", "{<<: {a: 1, b: 2}, b: 3}", "{1: 2, yes: 3, ~: 4}", "12e03", "=", "<<"]
TOKEN = re.compile(r"(?<=[ \[{])RAW(\d+)(?=[\n,}\]])")
KINDS = ["string", "number", "boolean", "array", "object"]
ODD = [None, "", " ", "x", 5, 0, -1, 1.5, True, [], ["x"], {}, {"a": 1}, "a/b", "../x", "get"]
FIELDS = ["id", "type", "run", "shell", "inputs", "outputs", "retry", "timeout", "show", "message",
          "action", "key", "default", "input", "path", "content_type", "uses", "with", "questions",
          "zzz", "Id", "when"]
MODES = ["value", "echo", "input", "error", "flaky", "exit"]


def kind_of(value) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object"}.get(type(value), "string")


class Maker:
    """One case."""

    def __init__(self, seed: int, number: int) -> None:
        self.name = f"gen_{seed}_{number}"
        self.r = random.Random(self.name)
        self.odd = self.chance(0.4)  # whether steps may be such as fail
        self.known: dict[str, str] = {}  # names a later step can use, and their types
        self.outputs: dict[str, str] = {}
        self.files: list[str] = []
        self.keys: list[str] = []
        self.count = 0
        self.pauses = 0
        self.integrates = False

    def filled(self):
        """A value that has a type."""
        while (value := self.value()) is None:
            pass
        return value

    def spelt(self, among: list) -> str:
        return f"RAW{self.r.randrange(len(among))}"

    def chance(self, share: float) -> bool:
        return self.r.random() < share

    def value(self, depth: int = 0):
        what = self.r.random()
        if what < 0.02:
            return self.spelt(SPELT[:27])
        if what < 0.45 or depth > 2:
            return self.r.choice(TEXTS)
        if what < 0.65:
            return self.r.choice(NUMBERS)
        if what < 0.75:
            return self.r.choice([True, False, None])
        if what < 0.78:
            return self.r.choice(["long", "é", "q\""]) * self.r.choice([2730, 4100])
        if what < 0.9:
            return [self.value(depth + 1) for _ in range(self.r.randrange(4))]
        return {self.r.choice(["a", "b", "c d", "5", "", "é"]): self.value(depth + 1)
                for _ in range(self.r.randrange(4))}

    def scenario(self) -> Scenario:
        variables = {f"v{n}": self.value() for n in range(self.r.randrange(4))}
        self.known.update({name: kind_of(value) for name, value in variables.items()})
        plan = {"steps": [self.step() for _ in range(self.r.choice([1, 2, 2, 3, 3, 4, 6]))]}
        if any(step.get("uses") == "binding/b" for step in plan["steps"]):
            plan["bindings"] = {"b": {"uses": "capability/tool", "description": "bound",
                                      "with": {"mode": "value", "value": self.filled()}}}
            plan = dict(reversed(plan.items()))
        inputs = self.declared(variables)
        if self.odd and self.chance(0.5):
            plan = self.damaged(plan)
        text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=self.chance(0.5),
                              default_flow_style=self.chance(0.15) or None if self.chance(0.5)
                              else False, width=self.r.choice([60, 10_000]))
        text = TOKEN.sub(lambda match: SPELT[int(match[1])], text)
        if self.odd and self.chance(0.12):
            text = self.broken(text)
        return Scenario(self.name, "#!\n" + text, self.act, inputs=inputs, variables=variables,
                        kv=tuple(self.keys), files=tuple(self.files))

    def declared(self, variables: dict) -> str:
        """What the manifest says of the run's inputs: mostly what is given."""
        if not self.chance(0.4):
            return ""
        found = {}
        for name, value in variables.items():
            kind = self.r.choice(KINDS) if self.odd and self.chance(0.2) else kind_of(value)
            found[name] = {"type": kind, "description": "d", "required": self.chance(0.7)}
        if self.chance(0.3):
            found["more"] = {"type": self.r.choice(KINDS), "description": "d",
                             "required": self.odd and self.chance(0.5)}
        text = yaml.safe_dump(found, allow_unicode=True)
        return "".join(f"  {line}\n" for line in text.splitlines()) if found else ""

    # Steps

    def step(self) -> dict:
        self.count += 1
        make = self.r.choice([self.shell, self.shell, self.shell, self.gate, self.state, self.state,
                              self.export, self.form, self.integration])
        if make == self.export and not self.outputs and not self.odd:
            make = self.shell
        # The reference drops decisions that come while integrations are torn down, and those that
        # are repeated may meet the next pause.
        pauses = make in (self.gate, self.form)
        if pauses and self.pauses and self.integrates or (
                make == self.integration and self.pauses > 1):
            make = self.shell
        else:
            self.pauses += pauses
            self.integrates |= make == self.integration
        step = make({"id": f"s{self.count}"})
        if step["type"] in ("shell", "step") and self.chance(0.2):
            step["retry"] = {"attempts": self.r.choice([1, 2, 3]), "delay_seconds": 0}
        if step["type"] in ("shell", "step") and self.chance(0.15):
            step["timeout"] = self.r.choice(["30s", "1m", "2h"])
        return step

    def out(self, kind: str) -> str:
        name = f"o{len(self.outputs)}"
        self.outputs[name] = kind
        self.known[name] = kind
        return name

    def output(self, kind: str):
        return {"type": kind, "sensitive": True} if self.chance(0.08) else kind

    def source(self):
        if self.known and self.chance(0.75):
            name = self.r.choice(list(self.known))
            if self.odd and self.known[name] in ("array", "object") and self.chance(0.5):
                name += self.r.choice([".a", ".0", ".b.0", ".-1", ".1", ".", ".zz", ". 0 "])
            return self.r.choice([name, {"from": name}, {"from": name, "sensitive": True}])
        found = [{"value": self.value()}, {"value": self.value(), "sensitive": True},
                 self.r.choice(NUMBERS), "unknown-word", {"value": self.spelt(SPELT[:27])}]
        if self.odd:
            found += [{"value": self.spelt(SPELT)}, self.spelt(SPELT)]
            found += [{"from": "nobody"}, self.r.choice(TEXTS)]
        return self.r.choice(found)

    def shell(self, step: dict) -> dict:
        step |= {"type": "shell"}
        how = self.r.randrange(8)
        if how == 0:
            value = self.filled()
            step["run"] = f"cat <<'EOF'\n{self.json(value)}\nEOF"
            step["outputs"] = {self.out(kind_of(value)): self.output(kind_of(value))}
        elif how == 1:
            one, two = self.filled(), self.filled()
            first, second = self.out(kind_of(one)), self.out(kind_of(two))
            step["run"] = f"cat <<'EOF'\n{self.json({first: one, second: two})}\nEOF"
            step["outputs"] = {first: kind_of(one), second: self.output(kind_of(two))}
        elif how in (2, 3):
            step["inputs"] = {"A": self.source()}
            step["run"] = self.r.choice(["printf 'x%s' \"$A\"", "echo \"got $A\""])
            kind = "string"
            if self.odd:
                step["run"] = self.r.choice(['printf %s "$A"', 'printf "%s" "$A" | wc -c'])
                kind = self.r.choice(KINDS)
            step["outputs"] = {self.out(kind): self.output(kind)}
        elif how == 4 and "exit_code" not in self.outputs:
            step["run"] = self.r.choice(["echo out; echo err >&2", "printf 'a\\r\\n\\n'", "true"])
            step["outputs"] = {"stdout": "string", "stderr": "string", "exit_code": "number"}
            self.outputs |= step["outputs"]
            self.known |= step["outputs"]
        elif how == 5 and self.odd:
            step["run"] = self.r.choice([
                "exit 3", "echo bad >&2; exit 1", "kill -KILL $$", "no-such-command", "if then",
                "echo only; exit 255", "head -c 9000 /dev/zero | tr '\\0' e >&2; exit 4"])
        elif how == 6:
            step["run"] = "echo $0"
            step["shell"] = self.r.choice(["/bin/bash", "/bin/no-shell" if self.odd else "/bin/sh"])
        else:
            step["run"], kind = self.r.choice([
                ("echo hello", "string"), ("echo 5", "number"), ("echo '[1, {}]'", "array"),
                ("echo true", "boolean"), ("true", "string"), ("echo '{}'", "object")])
            if self.chance(0.6):
                kind = self.r.choice(KINDS) if self.odd else kind
                step["outputs"] = {self.out(kind): self.output(kind)}
        return step

    def json(self, value) -> str:
        return json.dumps(value, ensure_ascii=self.chance(0.5),
                          indent=self.r.choice([None, None, 1]))

    def words(self) -> str:
        names = [*self.known, "nobody", "s1"]
        return self.r.choice(["go?", "say {{ %s }}", "{{%s}} and {{ %s }}", "{{ %s", "é {{\t%s\n}}"]
                             ).replace("%s", self.r.choice(names))

    def gate(self, step: dict) -> dict:
        return step | {"type": "gate", "show": self.words(), "message": self.words()}

    def state(self, step: dict) -> dict:
        key = f"{self.name}/{self.r.choice(['a', 'b', 'é'])}"
        if key not in self.keys:
            self.keys.append(key)
        step |= {"type": "state", "key": key}
        if self.chance(0.5):
            step |= {"action": "set", "inputs": {"value": self.source()}}
            if self.chance(0.3):
                step["outputs"] = {self.out("string"): "string"}
            return step
        default = self.filled()
        kind = self.r.choice(KINDS) if self.odd else kind_of(default)
        step |= {"action": "get", "outputs": {self.out(kind): self.output(kind)}}
        if not self.odd:
            step["key"] += "/never set"
        if not self.odd or self.chance(0.5):
            step["default"] = default
        return step

    def export(self, step: dict) -> dict:
        path = f"out/{self.name}/{step['id']}{self.r.choice(['.txt', '.json', ''])}"
        self.files.append(path)
        source = self.r.choice(list(self.outputs) or ["nobody"])
        step |= {"type": "export", "input": source, "path": path}
        if self.chance(0.3):
            step["outputs"] = {self.out("string"): "string"}
        if self.chance(0.2):
            step["content_type"] = "text/plain"
        return step

    def form(self, step: dict) -> dict:
        questions, outputs = [], {}
        for n in range(self.r.choice([1, 1, 2, 3])):
            question = {"id": f"q{n}", "kind": self.r.choice(["text", "select", "multi_select"]),
                        "prompt": self.words()}
            if self.chance(0.3):
                question["optional"] = True
            if question["kind"] != "text":
                question["options"] = [{"value": "a", "label": "A"},
                                       {"value": "b", "label": "Bé", "recommended": True}]
                if self.chance(0.3):
                    question["allow_other"] = True
            questions.append(question)
            outputs[self.out("array" if question["kind"] == "multi_select" else "string")] = f"q{n}"
        step |= {"type": "input", "message": self.words(), "questions": questions,
                 "outputs": outputs}
        if self.chance(0.4):
            step["show"] = self.words()
        return step

    def integration(self, step: dict) -> dict:
        step |= {"type": "step", "uses": self.r.choice(
            ["capability/tool", "capability/tool", "capability/configured", "binding/b"])}
        mode = self.r.choice(MODES if self.odd else ["value", "echo", "value"])
        config = {"mode": mode}
        kind = self.r.choice(KINDS)
        if mode == "value":
            config["value"] = self.filled()
            kind = kind_of(config["value"])
        elif mode == "echo":
            kind = "object"
        elif mode == "error":
            config["error"] = {"code": 1, "message": self.r.choice(TEXTS), "data": self.value()}
        elif mode == "flaky":
            config["times"], kind = self.r.choice([1, 2, 3]), "string"
        elif mode == "exit":
            config |= {"code": 3, "stderr": "last words"}
        if step["uses"] == "capability/tool" or self.odd or self.chance(0.5):
            step["with"] = config
        else:
            kind = "string"
        if self.chance(0.6):
            step["inputs"] = {"it": self.source()}
        if self.chance(0.85):
            kind = "artifact" if self.chance(0.15) else kind
            step["outputs"] = {self.out(kind): kind if kind == "artifact" else self.output(kind)}
        return step

    # Damage

    def damaged(self, plan: dict) -> dict:
        plan = copy.deepcopy(plan)
        for _ in range(self.r.choice([1, 1, 2, 3])):
            places = list(self.places(plan))
            if not places:
                break
            holder, key = self.r.choice(places)
            how = self.r.randrange(5)
            if how == 0:
                holder.pop(key)
            elif how == 1 and isinstance(holder, dict):
                holder[self.r.choice(FIELDS)] = holder.pop(key)
            elif how == 2 and isinstance(holder, dict):
                holder[self.r.choice(FIELDS)] = copy.deepcopy(self.r.choice(ODD))
            elif how == 3 and isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            else:
                holder[key] = copy.deepcopy(self.r.choice([*ODD, self.spelt(SPELT)]))
        return plan

    def places(self, value):
        """Every place inside, as its holder and key; but an integration that is not told a mode it
        knows answers nobody for ever."""
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in list(items):
            if key != "mode":
                yield value, key
            if isinstance(inner, (dict, list)):
                yield from self.places(inner)

    def broken(self, text: str) -> str:
        at = self.r.randrange(len(text))
        return text[:at] + self.r.choice(["\t", ":", "\"", "- ", "\n", "{", "]", "*x", "\0", "'"]) + (
            text[at + self.r.randrange(3):])

    # What is done

    async def act(self, s) -> None:
        """Begins the run in one of three ways, then answers whatever it asks."""
        way = random.Random(f"{self.name} way").random()
        if way < (0.1 if "uses:" in s.scenario.plan else 0.6):
            await s.run()
        elif way < 0.8:
            await s.launch()
        elif not await self.prepared(s):
            return
        for pauses in range(1, 9):
            waits = [e for e in s.events() if e["kind"] in PENDING]
            if len(waits) < pauses or any(e["kind"] in TERMINAL for e in s.events()):
                return
            if not await self.answer(s, random.Random(f"{self.name} {pauses}"), waits[-1]):
                return
            await s.until(*TERMINAL, *PENDING, count=pauses + 1)

    async def prepared(self, s) -> bool:
        try:
            ok = await s.hand_off_prepared()
        except Exception as error:
            s.notes["not prepared"] = type(error).__name__
            return False
        if ok:
            await s.until(*TERMINAL, *PENDING)
        return ok

    async def answer(self, s, r: random.Random, asked: dict) -> bool:
        """Whether the run goes on."""
        if asked["kind"] == "GatePendingEvent":
            if r.random() < 0.05:
                await s.submit({"q0": "x"})
            note = r.choice([None, "", "fine", "é \"so\""])
            await s.resume(approved=r.random() < 0.85, **({} if note is None else {"note": note}))
            return True
        for _ in range(r.choice([0, 0, 0, 1, 2])):
            wrong = {r.choice(["q0", "q1", "zz"]): r.choice([None, 5, "", "c", [], ["a", "a"], {}])}
            if (await s.submit(wrong)).get("ok"):
                return True
        answers = {}
        for question in asked["questions"]:
            if question["optional"] and r.random() < 0.4:
                continue
            answers[question["id"]] = {
                "text": r.choice(["words", "é\n", "5"]), "select": r.choice(["a", "b"]),
                "multi_select": r.choice([["a"], ["b", "a"]])}[question["kind"]]
        return bool((await s.submit(answers)).get("ok"))


def cases(seed: int, first: int, count: int) -> list[Scenario]:
    return [Maker(seed, number).scenario() for number in range(first, first + count)]
