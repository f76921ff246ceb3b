"""Asks the reference and this project the same questions about plans, and compares the answers.

    build/reference/bin/python tests/interop/plan_oracle.py [--probe PROGRAM] [--show N]
        [--random N --seed S] [NAME…]

Compared are verdicts, codes, error texts, values, snapshots, hand-offs and initial run states, over
the corpus of plan_cases.py. Differences that are meant are in DIFFERENCES, each with its reason;
any other makes the exit code 1. A NAME runs only the cases whose name contains it; --random adds
that many plans with random damage.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
import plan_cases  # noqa: E402
import yaml  # noqa: E402
from charter_cli.cli import _parse_raw_vars, _parse_vars  # noqa: E402
from charter_core import launch as launch_module  # noqa: E402
from charter_core import runtime  # noqa: E402
from charter_core.exceptions import WorkflowValidationError  # noqa: E402
from charter_core.schema import WorkflowDefinition  # noqa: E402

# (what it matches, reason). A rule sees the case's name, the reference's and our answer.
DIFFERENCES = [
    (lambda n, r, o: o.get("text", "").startswith("This version of charter-daemon does not run: "),
     "the engine does not run it yet: refused by name"),
    (lambda n, r, o: "code" in r and r["code"] == o.get("code") and is_syntax(r) and is_syntax(o),
     "the TOML parser has its own words, and libyaml takes some damage for another than PyYAML"),
    (lambda n, r, o: n == "hand-off storage" and r.get("code") == "internal_error",
     "whether a driver can be bound is asked of an interpreter, which the probe does not start"),
    (lambda n, r, o: "inside what it stands for" in o.get("text", ""),
     "an alias inside what it stands for cannot be stored as JSON: refused at once"),
    (lambda n, r, o: repr(o) == re.sub(r"(attempts\W+)\d{19,}", r"\g<1>9223372036854775807", repr(r)),
     "more than 2^63-1 attempts count as that many"),
    (lambda n, r, o: n == "yaml surrogate", "libyaml refuses escapes of lone surrogates"),
    (lambda n, r, o: "!!set" in n and "repr" in r and "repr" in o, "a set's order is arbitrary"),
    (lambda n, r, o: "late" in r and o.get("text") == r["late"],
     "what the reference accepts and then fails with before the first step is refused at once"),
    (lambda n, r, o: n.startswith("snapshot") and "text" not in r and bool(re.search(
        r"must be a (string|mapping)$|unknown type '|unhashable type|retry\.\w+ must be|"
        r"references unknown question", o.get("text", ""))),
     "a snapshot that no plan can make and whose run would fail is refused at once"),
]


def is_syntax(answer):
    text = answer.get("text", "")
    return bool(re.search(r"in \"[^\"]*\", (line \d+|position)|\(at line \d+|: line \d+ column|^not JSON", text))


def failure(error):
    return {"code": getattr(error, "code", None) or "internal_error", "text": str(error)}


# ------------------------------------------------------------------ the reference's answers
def ask_yaml(case, root):
    try:
        return {"repr": repr(yaml.safe_load(case["text"]))}
    except yaml.YAMLError as error:
        return {"code": "document", "text": str(error)}
    except Exception as error:
        return {"code": "value", "text": str(error)}


def wire(value):
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, list):
        return [wire(item) for item in value]
    return {k: wire(v) for k, v in value.items()} if isinstance(value, dict) else value


def ask_json(case, root):
    try:
        value = json.loads(case["text"])
    except json.JSONDecodeError as error:
        return {"code": "json", "text": str(error)}
    text = json.dumps(wire(value), ensure_ascii=False, separators=(",", ":"))
    return {"repr": repr(value), "python": json.dumps(value), "state": json.dumps(value, indent=2),
            "wire": re.sub("[\ud800-\udfff]", "\ufffd", text),
            "audit": json.dumps(value, separators=(",", ":"), sort_keys=True)}


def ask_plan(case, root):
    try:
        return {"repr": repr(WorkflowDefinition.from_yaml(case["text"], workflow_id=case["id"]).to_dict())}
    except Exception as error:
        return failure(error)


def ask_snapshot(case, root):
    try:
        workflow = WorkflowDefinition.from_snapshot(json.loads(json.dumps(case["snapshot"])))
    except Exception as error:
        return {"code": "snapshot", "text": str(error)}
    try:
        return {"repr": repr(workflow.to_dict())}
    except Exception as error:
        return {"late": str(error)}  # by then the run is accepted


def prepared(case, root):
    variables = case["variables"]
    raw = launch_module._to_raw_variables(variables)
    if case["text"]:
        pairs = tuple(f"{k}={v}" for k, v in variables.items())
        variables, raw = _parse_vars(pairs), _parse_raw_vars(pairs)
    with mock.patch.object(launch_module, "_preflight_capability_secrets"):
        return launch_module.prepare_launch(
            workflow_id=case["id"], project_path=root, variables=variables, raw_variables=raw,
            run_id="RUN", check_runtime=False)


def ask_launch(case, root):
    try:
        ready = prepared(case, root)
    except Exception as error:
        return failure(error)
    order = [s.uses for s in ready.workflow.steps if s.uses]
    capabilities = dict(sorted(ready.serialised_capabilities.items(), key=lambda kv: order.index(kv[0])))
    return {"workflow_id": ready.workflow_id, "workflow_path": str(ready.workflow_path),
            "variables": repr(ready.variables), "capabilities": repr(capabilities),
            "snapshot": repr(ready.workflow_snapshot)}


class FirstState:
    """A state store that keeps what a run saves first."""

    def __init__(self):
        self.text = None

    async def save(self, state):
        state.status = "pending"
        state.created_at = state.updated_at = "TIME"
        self.text = json.dumps(state.to_dict(), indent=2)
        raise KeyboardInterrupt


def first_state(run):
    store = FirstState()
    events = runtime.start(run._workflow, run._request.variables, {}, state_store=store, run_id="RUN",
                           runtime_dependencies=run._runtime_dependencies, metadata=run._metadata().model_dump())
    with mock.patch("charter_core.runner._bind_workflow"):
        try:
            asyncio.run(events.__anext__())
        except KeyboardInterrupt:
            return {"state": store.text, "workflow_path": str(run._workflow_path)}
        except Exception as error:
            return {"state": None, "late": str(error)}


def ask_prepare(case, root):
    early = True
    try:
        if case["kind"] == "launch":
            ready = prepared(case, root)
            early = False
            request = {"workflow_id": ready.workflow_id, "workflow_path": str(ready.workflow_path),
                       "variables": ready.variables, "capabilities": ready.serialised_capabilities,
                       "workflow_snapshot": ready.workflow_snapshot}
        else:
            request = {"workflow_id": case["id"], "workflow_path": os.path.join(root, case["path"]),
                       "variables": case["variables"], "capabilities": case["capabilities"],
                       "workflow_snapshot": case["snapshot"]}
        request = runtime.StartRunRequest(type="start_run", run_id="RUN", **request)
        path = Path(request.workflow_path).resolve()
        if not path.is_relative_to(root):
            raise RuntimeError(f"Workflow path '{path}' is outside daemon project '{root}'")
        with mock.patch.object(runtime, "activate_project_env"):
            run = runtime.ManagedRun(None, request)
    except Exception as error:
        return {**failure(error), "prepared": not early}
    return first_state(run)


# ------------------------------------------------------------------ putting the questions
def write_tree(root, files):
    shutil.rmtree(root, ignore_errors=True)
    # What `charter install` leaves: nothing here is about its absence.
    venv = root / ".charter/.venv/bin"
    venv.mkdir(parents=True)
    (venv / "python").touch()
    (root / ".charter/install-state.json").write_text('{"requirements": []}')
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_text(content, encoding="utf-8")


def question(op, case, root):
    asked = {"op": op, **case, "root": str(root)}
    asked.pop("files", None)
    if op == "prepare":
        for field in ("variables", "capabilities", "snapshot"):
            value = asked.get(field, {})
            asked[field] = None if value is None else json.dumps(value)
        if case["kind"] == "launch":
            asked["snapshot"] = None
        else:
            asked["path"] = os.path.join(str(root), case["path"])
    return json.dumps(asked)


class Oracle:
    def __init__(self, probe):
        self.process = subprocess.Popen([probe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.counts = Counter()
        self.reasons = Counter()
        self.unlisted = []

    def ask(self, name, op, case, root):
        if "files" in case:
            write_tree(root, case["files"])
        self.process.stdin.write(question(op, case, root) + "\n")
        self.process.stdin.flush()
        ours = json.loads(self.process.stdout.readline())
        self.compare(name, globals()[f"ask_{op}"](case, root), ours)

    def compare(self, name, theirs, ours):
        self.counts["cases"] += 1
        if "text" in theirs:
            syntax = "syntax " if is_syntax(theirs) else ""
            self.counts[f"{syntax}texts"] += 1
            self.counts[f"equal {syntax}texts"] += theirs["text"] == ours.get("text")
        if theirs == ours:
            self.counts["equal"] += 1
            return
        for matches, reason in DIFFERENCES:
            if matches(name, theirs, ours):
                self.reasons[reason] += 1
                return
        self.unlisted.append((name, theirs, ours))

    def report(self, show):
        for name, theirs, ours in self.unlisted[:show]:
            print(f"\n{name}\n  reference {ascii(theirs)}\n  ours      {ascii(ours)}")
        counts = self.counts
        print(f"{counts['cases']} cases, {counts['equal']} with equal answers")
        print(f"error texts equal: {counts['equal texts']} of {counts['texts']}"
              f" ({100 * counts['equal texts'] / max(1, counts['texts']):.1f} %); of syntax errors"
              f" {counts['equal syntax texts']} of {counts['syntax texts']}")
        for reason, count in self.reasons.most_common():
            print(f"  {count:5} {reason}")
        print(f"{len(self.unlisted)} differences that are not listed")
        return 1 if self.unlisted else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--probe", default="build/release/bin/plan_probe")
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("--random", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*")
    # The secret that bindings of the cases name: what is compared ends before it is looked up there.
    os.environ.setdefault("NAME", "value")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="plan-oracle-")).resolve()
    try:
        oracle = Oracle(options.probe)
        drawn = plan_cases.random_cases(options.random, options.seed)
        scalars = plan_cases.random_scalars(options.random, options.seed)
        for name, op, case in itertools.chain(plan_cases.all_cases(), drawn, scalars):
            if not options.names or any(part in name for part in options.names):
                oracle.ask(name, op, case, root / "project")
        return oracle.report(options.show)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
