"""Random workflows with random damage, and what is done with their runs.

A case is drawn from the seed and its number alone. Left out is what is different on purpose in
every run it touches: approval and cancelling at an input step, ids used again, invalid UTF-8.
"""

import json
import random
import re

import yaml
from charter_core.launch import prepare_launch

from oracle.damage import damaged, garbled
from oracle.scenario import Scenario
from oracle.stage import LIMIT, PENDING, TERMINAL
from oracle.values import ODD, TEXTS, raw, value, yaml_value
from oracle.worlds import TEXT as PROJECT

# What is damaged; a Python workflow is whole.
KINDS = {"python": 10, "plan": 25, "text": 20, "manifest": 14, "project": 14, "snapshot": 12, "request": 5}
TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
GOOD = {"string": "text é", "number": 12345678901234567890, "boolean": True, "array": [1, "a", None], "object": {"a": {"b": [1.0]}}}
MAPPING = yaml.safe_load(PROJECT)
RAW = re.compile(r"(['\"]?)RAW([0-9a-f]*)RAW\1")


def written(draw: random.Random, tree) -> str:
    """As YAML, in one of its styles."""
    text = yaml.safe_dump(tree, sort_keys=draw.random() < 0.1, allow_unicode=draw.random() < 0.5,
                          default_flow_style=draw.choice([False, False, True, None]),
                          width=draw.choice([60, 80, 10**6]))
    return RAW.sub(lambda match: bytes.fromhex(match[2]).decode(), text)


def bound(value) -> None:
    """Damage must not make retries take for ever."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if key in ("attempts", "delay_seconds") and isinstance(inner, (int, float)) and inner > 2:
            value[key] = 2
        elif isinstance(inner, (dict, list)):
            bound(inner)


class Case:
    """Draws one workflow and what is done with it."""

    def __init__(self, seed: int, number: int) -> None:
        self.draw = random.Random(f"{seed}/{number}")
        self.kind = self.draw.choices(list(KINDS), list(KINDS.values()))[0]
        self.name = f"damaged_{self.kind}_{seed}_{number}"
        self.names: dict[str, str] = {}  # of variables and outputs, with their types
        self.outputs: list[str] = []
        self.kv: list[str] = []
        self.files: list[str] = []
        self.decisions: list = []  # by pause
        self.inputs: dict = {}
        self.variables: dict = {}
        self.bindings: dict = {}

    # The workflow

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def variables_and_inputs(self) -> None:
        for number in range(self.draw.randrange(4)):
            name, kind = f"v{number}", self.draw.choice(list(GOOD))
            given = self.chance(0.85)
            self.inputs[name] = {"type": kind, "description": "d", "required": given and self.chance(0.7)}
            if given:
                self.variables[name] = (
                    value(self.draw) if self.chance(0.12) else self.fitting(kind))
            elif self.chance(0.6):
                self.inputs[name]["default"] = self.fitting(kind)
            self.names[name] = kind

    def fitting(self, kind: str):
        for _ in range(30):
            found = value(self.draw)
            if TYPES.get(type(found)) == kind:
                return found
        return GOOD[kind]

    def source(self):
        """Where a step's input comes from."""
        way = self.draw.random()
        if way < 0.35:
            return {"value": yaml_value(self.draw), **self.hush()}
        if self.names and way < 0.85:
            name = self.draw.choice(list(self.names))
            if self.chance(0.25):
                name += self.draw.choice([".a", ".0", ".a.b", ".nope", ".-1", ".a.b.0"])
            return {"from": name, **self.hush()} if self.chance(0.4) else name
        return self.draw.choice(["plain words", "nobody.here", 5, True, 1.5, [1], None, {"from": "nobody"}, ""])

    def hush(self) -> dict:
        return {"sensitive": True} if self.chance(0.1) else {}

    def output(self, step: dict, kind: str, name: str | None = None) -> str:
        name = name or f"o{len(self.outputs)}"
        while name in self.outputs:
            name += "_"
        declared = {"type": kind, "sensitive": True} if self.chance(0.1) else kind
        step.setdefault("outputs", {})[name] = declared
        self.outputs.append(name)
        self.names[name] = kind
        return name

    def tries(self, step: dict) -> None:
        if self.chance(0.2):
            step["retry"] = {"attempts": self.draw.randrange(1, 4)}
            if self.chance(0.8):
                step["retry"]["delay_seconds"] = self.draw.choice([0, 0.0, 0.01, 0.05])
        if self.chance(0.15):
            step["timeout"] = self.draw.choice(["30s", "2m", "1h"])

    def shell(self, step: dict) -> None:
        step["type"] = "shell"
        self.tries(step)
        if self.chance(0.5):
            step["inputs"] = {f"in{n}": self.source() for n in range(self.draw.randrange(1, 4))}
        way = self.draw.random()
        if way < 0.35:
            made = value(self.draw)
            text = made if isinstance(made, str) and self.chance(0.5) else json.dumps(
                made, ensure_ascii=self.chance(0.5))
            quoted = text.replace("'", "'\\''")
            step["run"] = f"printf '%s' '{quoted}'"
            kind = TYPES.get(type(made), "string")
            if self.chance(0.15):
                kind = self.draw.choice([*GOOD, "artifact"])
            if len(text) < 60000 and self.chance(0.9):
                self.output(step, kind)
        elif way < 0.55 and "inputs" in step:
            step["run"] = 'printf "%s" "$in0"' + self.draw.choice(["", "; echo", " >&2", " | wc -c"])
            self.output(step, self.draw.choice(["string", "string", "number", "object", "array"]))
        elif way < 0.65:
            step["run"] = 'echo \'{"a": 1.0, "b": ["é", null], "n": 1e400, "a": "again"}\''
            for name in self.draw.sample(["a", "b", "n"], self.draw.randrange(1, 4)):
                if name not in self.outputs:
                    self.output(step, {"a": "string", "b": "array", "n": "number"}[name], name)
        elif way < 0.72:
            step["run"] = f"echo out; echo err >&2; exit {self.draw.choice([1, 2, 7, 126, 255])}"
        elif way < 0.77:
            step["run"] = self.draw.choice(["kill -9 $$", "no-such-program-at-all", "kill -TERM $$", "exit 3", "false",
                                            "printf 'é😀' >&2; exit 4", "printf '%5000s' x >&2; exit 5"])
        elif way < 0.87:
            mark = f"mark-{self.name}-{step['id']}"
            step["run"] = f"if [ -e {mark} ]; then echo came; else echo no >&2; : > {mark}; exit 9; fi"
            step["retry"] = {"attempts": self.draw.randrange(1, 4), "delay_seconds": 0}
        elif way < 0.89:
            step["run"] = self.draw.choice(["sleep 4", "sleep 4 & wait", "(sleep 4; true) | cat"])
            step["timeout"] = "1s"
            step.pop("retry", None)
        else:
            step["run"] = self.draw.choice(["true", "echo plain", "printf 'a\\r\\n'", "printf '\\n\\n'", "cat", "printf ' 5 '"])
            for name in ("stdout", "stderr", "exit_code"):
                if name not in self.outputs and self.chance(0.3):
                    self.output(step, "number" if name == "exit_code" else "string", name)
        if self.chance(0.1):
            step["shell"] = self.draw.choice(["/bin/bash", "/bin/sh", "bash", "/no/such/shell"])

    def state(self, step: dict) -> None:
        step["type"] = "state"
        key = self.draw.choice(self.kv) if self.kv and self.chance(0.6) else (
            f"{self.name}{self.draw.choice(['', '-é', ' x', '.y', '{{ v0 }}'])}{len(self.kv)}")
        self.kv = list(dict.fromkeys([*self.kv, key]))
        step["key"] = key
        if self.chance(0.55):
            step.update(action="set", inputs={"value": self.source()})
            if self.chance(0.4):
                self.output(step, "string")
        else:
            step["action"] = "get"
            if self.chance(0.5):
                step["default"] = yaml_value(self.draw)
            self.output(step, self.draw.choice(list(GOOD)))

    def export(self, step: dict) -> None:
        file = f"out/{self.name}/{step['id']}{self.draw.choice(['.txt', '.json', '', ' é'])}"
        step.update(type="export", input=self.draw.choice(self.outputs or ["nobody"]), path=file)
        if self.chance(0.1):
            step["path"] = self.draw.choice(["../outside", "/tmp/outside", "a/../../x", "."])
        if self.chance(0.3):
            step["content_type"] = "text/plain"
        if self.chance(0.4):
            self.output(step, self.draw.choice(["string", "string", "number"]))
        self.files.append(file)

    def words(self) -> str:
        inner = self.draw.choice([*self.names, "nobody"]) if self.chance(0.06) else self.draw.choice([*self.names, ""])
        return self.draw.choice(["plain", "é {{%s}}" % inner if inner else "é", "{{ %s }} and {{ a.b }}" % inner if inner else "x",
                                 "{{ }}", "{ {x} }", "a\nb"])

    def gate(self, step: dict) -> None:
        step.update(type="gate", show=self.words(), message=self.words())
        note = {"note": self.draw.choice(TEXTS)} if self.chance(0.5) else {}
        way = self.draw.random()
        self.decisions.append(
            ("cancel", note) if way < 0.1 else ("resume", {"approved": way > 0.2, **note}))

    def form(self, step: dict) -> None:
        step.update(type="input", message=self.words(), questions=[], outputs={})
        right, wrong = {}, []
        for number in range(self.draw.randrange(1, 4)):
            kind = self.draw.choice(["text", "select", "multi_select"])
            question = {"id": f"q{number}", "kind": kind, "prompt": self.draw.choice(TEXTS[:4])or "p"}
            question["prompt"] = question["prompt"].strip() or "p"
            if self.chance(0.4):
                question["optional"] = True
            if kind != "text":
                values = self.draw.sample(["a", "b", "é", "x y", "5"], self.draw.randrange(1, 4))
                question["options"] = [{"value": v, "label": v.upper(), **({"recommended": True} if self.chance(0.3) else {})}
                                       for v in values]
                if kind == "multi_select" and self.chance(0.3):
                    question["allow_other"] = True
                answer = self.draw.choice(values) if kind == "select" else self.draw.sample(
                    values, self.draw.randrange(1, len(values) + 1))
            else:
                answer = self.draw.choice([text for text in TEXTS if text.strip()])
            step["questions"].append(question)
            if not question.get("optional") or self.chance(0.6):
                right[question["id"]] = answer
            if self.chance(0.8):
                name = f"o{len(self.outputs)}"
                self.outputs.append(name)
                self.names[name] = "array" if kind == "multi_select" else "string"
                step["outputs"][name] = question["id"]
        for _ in range(self.draw.randrange(3)):
            wrong.append({**right, self.draw.choice(["q0", "q1", "zz"]): self.draw.choice(ODD)})
        self.decisions.append(("answer", [*wrong, right]))

    def command(self, step: dict) -> None:
        uses = self.draw.choice(["tool"] * 6 + ["configured", "with-secret", "words", "teardown-fails"] + (
            ["setup-fails", "missing", "missing-secret", "config-secret", "ghost"] if self.chance(0.2) else []))
        step.update(type="step", uses=f"capability/{uses}")
        self.tries(step)
        if self.chance(0.25):
            name = f"b{len(self.bindings)}"
            self.bindings[name] = {"uses": step["uses"], "description": "d"}
            if self.chance(0.5):
                self.bindings[name]["with"] = {"other": yaml_value(self.draw)}
            step["uses"] = f"binding/{name}"
        if self.chance(0.4):
            step["inputs"] = {f"in{n}": self.source() for n in range(self.draw.randrange(1, 3))}
        mode = self.draw.choice(["value", "value", "echo", "error", "flaky", "exit", "env"])
        step["with"] = {"mode": mode}
        kind = "string"
        if mode == "value":
            made = value(self.draw)
            step["with"]["value"] = made
            kind = TYPES.get(type(made), "string") if self.chance(0.8) else self.draw.choice([*GOOD, "artifact"])
        elif mode == "echo":
            # Sizes of what is echoed show in markers only.
            step["with"]["own"] = yaml_value(self.draw)
            kind = self.draw.choice(["object", "artifact"])
        elif mode == "error":
            step["with"]["error"] = {"code": self.draw.choice([1, -32000]), "message": self.draw.choice(TEXTS), "data": value(self.draw)}
        elif mode == "flaky":
            step["with"]["times"] = self.draw.randrange(1, 4)
            step["retry"] = {"attempts": self.draw.randrange(1, 4), "delay_seconds": 0}
        elif mode == "exit":
            step["with"].update(code=self.draw.choice([0, 3]), stderr="last words")
        else:
            step["with"]["name"] = self.draw.choice(["PLAIN", "TOKEN", "ORACLE_PLAIN"])
        if self.chance(0.85):
            self.output(step, kind)

    def python(self, step: dict) -> None:
        uses = self.draw.choice(["returns"] * 6 + ["echo", "echo", "typed", "typed-id"] + (
            ["typed-wrong", "typed-nothing"] if self.chance(0.1) else []))
        step.update({"type": "step", "uses": f"capability/{uses}"})
        self.tries(step)
        if uses == "returns":
            made = value(self.draw)
            step["with"] = {"value": self.draw.choice([repr(made)] * 5 + ["1/0", "{1: 2}", "(1, 2)", "float('nan')", "{'x'}", "b'x'"])}
            self.output(step, TYPES.get(type(made), "string"))
        else:
            if self.chance(0.6):
                step["inputs"] = {"in0": self.source()}
            if self.chance(0.7):
                self.output(step, "array" if "typed" in uses else "object")

    def workflow(self) -> dict:
        self.variables_and_inputs()
        kinds = [self.shell] * 6 + [self.state] * 3 + [self.gate] * 2 + [self.form] * 2 + [self.export] * 2 + [self.command] * 2
        if self.kind == "python":
            kinds = [self.python] * 4 + [self.shell, self.state]
        ids = self.draw.sample(["a", "b", "step one", "é", "s-1", "s.2", "F", "5", "null", "c", "d", "e"], self.draw.randrange(1, 7))
        steps = []
        for name in ids:
            step = {"id": name}
            self.draw.choice(kinds)(step)
            steps.append(step)
        if any("uses" in step for step in steps):
            # What the reference is told while it tears integrations down is repeated to it, and
            # must not meet the next pause.
            pauses = [step for step in steps if step["type"] in ("gate", "input")]
            steps = [step for step in steps if step not in pauses[1:]]
        return {**({"bindings": self.bindings} if self.bindings else {}), "steps": steps}

    # The scenario

    def scenario(self) -> Scenario:
        draw = self.draw
        plan = self.workflow()
        manifest = {"id": self.name, "name": self.name, "description": "drawn", "version": "1",
                    **({"inputs": self.inputs} if self.inputs else {})}
        mode = draw.choice(["hand_off", "prepared", "start", "start"])
        if mode == "hand_off" and any("uses" in step for step in plan["steps"]) and self.chance(0.9):
            mode = "prepared"  # Else nobody names the capabilities.
        project = change = None
        if self.kind == "plan":
            for _ in range(draw.choice([1, 1, 2, 3])):
                plan = damaged(draw, plan)
                plan = plan if isinstance(plan, dict) else {"steps": plan}
            bound(plan)
        plan_text = written(draw, plan)
        if self.kind == "text":
            plan_text = garbled(draw, plan_text)
        manifest_text = written(draw, manifest)
        if self.kind in ("plan", "text"):
            mode = draw.choice(["hand_off", "start"])
        elif self.kind == "manifest":
            mode = "start"
            if self.chance(0.6):
                manifest_text = written(draw, damaged(draw, manifest))
            else:
                manifest_text = garbled(draw, manifest_text)
        elif self.kind == "project":
            mode = "start"
            if self.chance(0.7):
                project = written(draw, damaged(draw, MAPPING))
            else:
                project = garbled(draw, PROJECT)
        elif self.kind == "python":
            mode = "start"
        elif self.kind in ("snapshot", "request"):
            mode, change = "changed", draw.random()
        return Scenario(
            self.name, "#!\n" + plan_text, act=Acts(self.kind, mode, self.decisions, project, change, draw.random() < 0.1),
            manifest=manifest_text, variables=self.variables, kv=tuple(self.kv), files=tuple(self.files),
            world={"project": "damaged", "python": "python"}.get(self.kind, "common"))


async def next_pause(stage, count: int) -> None:
    """Waits for that many pauses, or for the end."""
    def there():
        kinds = [event["kind"] for event in stage.events()]
        return sum(kind in PENDING for kind in kinds) >= count or any(kind in TERMINAL for kind in kinds)
    if not await stage.side.recorder.until(there, LIMIT):
        raise TimeoutError(f"{stage.id()}: pause {count} or the end expected, seen: "
                           f"{[event['kind'] for event in stage.events()]}")


class Acts:
    """Starts the run, answers at each of its pauses, and tries what does not fit there."""

    def __init__(self, kind: str, mode: str, decisions: list, project: str | None,
                 change: float | None, late: bool) -> None:
        self.kind, self.mode, self.decisions = kind, mode, decisions
        self.project, self.change, self.late = project, change, late

    async def __call__(self, stage) -> None:
        try:
            if self.project is not None:
                (stage.project / "charter.yml").write_text(self.project)
            if await self._begin(stage):
                await self._follow(stage)
        finally:
            if self.project is not None:
                (stage.project / "charter.yml").write_text(PROJECT)

    async def _begin(self, stage) -> bool:
        if self.mode == "start":
            return bool((await stage.start()).get("ok"))
        if self.mode == "hand_off":
            return await stage.hand_off()
        try:
            launch = prepare_launch(
                workflow_id=stage.scenario.name, project_path=stage.project,
                variables=dict(stage.scenario.variables), raw_variables={}, run_id=stage.id(),
                check_runtime=False)
        except Exception as error:
            # The reference's part of the work, on both sides; plan_oracle.py compares ours.
            stage.notes["not prepared"] = str(error)
            return False
        prepared = {"variables": launch.variables, "capabilities": launch.serialised_capabilities,
                    "workflow_snapshot": launch.workflow_snapshot}
        if self.mode == "changed":
            draw = random.Random(self.change)
            if self.kind == "snapshot":
                prepared["workflow_snapshot"] = damaged(draw, prepared["workflow_snapshot"])
                bound([prepared["workflow_snapshot"]])
            else:
                kept = {key: prepared[key] for key in ("variables", "capabilities")}
                prepared.update(damaged(draw, kept) if any(kept.values()) else {"variables": draw.choice(ODD)})
                prepared.update({key: ... for key in kept if key not in prepared})
        # Of its names JSON makes texts, too.
        return await stage.hand_off(**{str(key): value for key, value in prepared.items()})

    async def _follow(self, stage) -> None:
        for number in range(len(self.decisions) + 1):
            await next_pause(stage, number + 1)
            last = [e for e in stage.events() if e["kind"].startswith(("Run", "GatePending", "InputPending"))][-1]["kind"]
            if last.startswith("Run"):
                break
            if not await self._decide(stage, last, number):
                return
        if self.late:
            await self._late(stage)

    async def _decide(self, stage, kind: str, number: int) -> bool:
        """False when no drawn answer fits the form that damage has made: the run stays paused."""
        fitting = [d for d in self.decisions if (d[0] == "answer") == (kind == "InputPendingEvent")]
        seen = sum(e["kind"] == kind for e in stage.events())
        # Damage may have made or moved pauses.
        what, how = fitting[min(seen, len(fitting)) - 1] if fitting else ("resume", {"approved": True})
        if kind == "GatePendingEvent":
            if number % 2:
                await stage.submit({"q0": "x"})
            if what == "cancel":
                await stage.cancel(**how)
            else:
                await stage.resume(**how)
            return True
        # The reference takes the id again while it tears integrations down.
        if number % 2 and "uses:" not in stage.scenario.plan:
            await stage.start()
        for answers in how if what == "answer" else ({},):
            if (await stage.submit(answers)).get("ok"):
                return True
        return False

    async def _late(self, stage) -> None:
        await stage.send({"type": "run.resume", "run_id": stage.id(), "approved": True, "command_id": "late"})
        await stage.submit({"q0": "x"})


def cases(seed: int, first: int, count: int) -> list[Scenario]:
    return [Case(seed, number).scenario() for number in range(first, first + count)]
