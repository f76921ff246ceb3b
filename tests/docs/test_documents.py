"""Holds the documents to the program: what they name exists, and what they say to run runs.

    build/reference/bin/python tests/docs/test_documents.py [PART-OF-A-NAME]

Fenced blocks marked `sh run` are run by bash, in their order, in a copy of examples/project with a gateway
and a daemon; those marked `sh run PLACE` in the directory PLACE beside it, with a daemon of its own.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("CHARTER_BIN_DIR", ROOT / "build/release/bin"))
PROGRAM = BIN / "charter-daemon"
LIMIT = 60.0  # seconds for whatever is expected
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench/README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.M | re.S)
# Nothing of the environment the tests run in may configure a daemon.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("CHARTER_")}


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def code_of(text: str) -> list[str]:
    """Fenced blocks and code within lines; a line that ends with a backslash goes on."""
    fenced = [body.replace("\\\n", " ") for _, body in FENCE.findall(text)]
    return fenced + [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def said(*words: str) -> str:
    return subprocess.run([PROGRAM, *words], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout


def commands() -> dict[str, str]:
    """The help of each command, by name."""
    names = [name for name in said("complete", "--", "").split() if name[0].isalpha() and name != "help"]
    return {name: said(name, "--help") for name in names}


def options_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))


def commands_exist_with_their_options() -> None:
    helps = commands()
    assert len(helps) > 10, helps.keys()
    wrong = []
    for document in DOCUMENTS:
        for code in code_of(document.read_text()):
            for call in re.findall(r"(?<![\w/.@-])charter-daemon +([^\n|;&#>)]*)", code):
                words = call.split()
                if not re.fullmatch(r"[a-z]+", words[0] if words else ""):
                    continue  # COMMAND, an option of the program itself, a name in an error
                if words[0] in ("help", "listening", "starting", "complete"):
                    continue
                if words[0] not in helps:
                    wrong.append(f"{name_of(document)}: no command {words[0]}: {call}")
                    continue
                for option in options_of(call) - options_of(helps[words[0]]):
                    wrong.append(f"{name_of(document)}: {words[0]} has no {option}")
    assert not wrong, "\n".join(wrong)


def the_readme_names_every_command() -> None:
    table = (ROOT / "README.md").read_text().split("## Commands")[1].split("\n## ")[0]
    missing = commands().keys() - set(re.findall(r"`([a-z-]+)`", table))
    assert not missing, f"README.md has no row for {sorted(missing)}"


def variables_exist() -> None:
    known = set(re.findall(r"CHARTER_[A-Z_]+", "".join(commands().values())))
    assert len(known) > 30, known
    wrong = []
    for name in ("README.md", "docs/OPERATING.md", "docs/TROUBLESHOOTING.md", "docs/MOVING.md", "docs/BACKUP.md", "docs/GATEWAY.md"):
        for variable in set(re.findall(r"\bCHARTER_(?:DAEMON|GATEWAY)[A-Z_]*", (ROOT / name).read_text())) - known:
            wrong.append(f"{name}: {variable} is in no --help")
    assert not wrong, "\n".join(wrong)


def anchors_of(document: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", FENCE.sub("", document.read_text()), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links_lead_somewhere() -> None:
    wrong = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            place = (document.parent / file).resolve() if file else document
            if not place.exists():
                wrong.append(f"{name_of(document)}: {target}: no such file")
            elif anchor and anchor not in anchors_of(place):
                wrong.append(f"{name_of(document)}: {target}: no such heading")
    assert not wrong, "\n".join(wrong)


def each_code_has_its_advice() -> None:
    advice = (ROOT / "docs/TROUBLESHOOTING.md").read_text()
    protocol = (ROOT / "docs/PROTOCOL.md").read_text()
    gateway = (ROOT / "docs/GATEWAY.md").read_text()
    client = (ROOT / "docs/CLIENT.md").read_text()
    codes = set()
    for begin, end in (("\nCodes: ", "\n\n"), ("\nError codes: ", "\n\n")):
        codes |= set(re.findall(r"`([a-z]+_[a-z_]+|held|draining|undelivered)`", protocol.split(begin)[1].split(end)[0]))
    for begin, end in (("Codes besides those", "\n\n"), ("Refused at once are:", "\n\n")):
        codes |= set(re.findall(r"`([a-z]+_[a-z_]+|unauthorized)`", gateway.split(begin)[1].split(end)[0])) - {"command_id"}
    # And what the program has that the lists may have forgotten: the first words of refusals.
    for source in [*(ROOT / "supervisor").rglob("*.cpp"), *(ROOT / "worker").rglob("*.cpp")]:
        codes |= set(re.findall(r'(?:refused?|Refusal|code)[({ =]+"([a-z]+_[a-z_]+)"', source.read_text()))
    assert len(codes) > 35, codes
    table = set(re.findall(r"`([a-z_]+)`", "".join(line.split("|")[1] for line in advice.splitlines() if line.startswith("| `"))))
    missing = codes - table
    assert not missing, f"no advice for {sorted(missing)}"
    exits = re.findall(r"^\| (\d+) \|", client.split("## Exit codes")[1].split("\n## ")[0], re.M)
    advised = re.findall(r"^\| (\d+) \|", advice.split("## Exit codes")[1].split("\n## ")[0], re.M)
    assert exits and exits == advised, (exits, advised)


# ---------------------------------------------------------------- what documents say to run

class Stage:
    """A gateway, and daemons on projects in one directory; ends them all."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="charter-docs-"))
        self.project = self.place / "project"
        shutil.copytree(ROOT / "examples/project", self.project)
        self.children: list[subprocess.Popen] = []
        self.serving: dict[Path, subprocess.Popen] = {}
        said = self.begin("gateway", ["gateway", "--listen", "127.0.0.1:0", "--data", str(self.place / "gateway")], self.place)
        until(lambda: "listening on " in said.read_text(), "the gateway")
        self.url = re.search(r"http://[\d.:]+", said.read_text())[0]

    def begin(self, name: str, words: list[str], directory: Path) -> Path:
        log = self.place / f"{name}.log"
        with log.open("ab") as out:
            self.children.append(subprocess.Popen([PROGRAM, *words], cwd=directory, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        return log

    def serve(self, project: Path) -> None:
        """A daemon on the project, unless one serves."""
        if project in self.serving and self.serving[project].poll() is None:
            return
        self.begin(f"daemon-{project.name}", ["start", "--project-path", str(project), "--gateway", self.url], project)
        self.serving[project] = self.children[-1]
        until(lambda: self.ask(project, "status").returncode == 0, f"the daemon of {project}")

    def ask(self, project: Path, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, *words], cwd=project, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)

    def run(self, project: Path, name: str) -> dict:
        return json.loads(self.ask(project, "status", name, "--json").stdout)["run"]

    def run_block(self, script: str, project: Path) -> str:
        self.serve(project)
        path = f"{BIN}:{ENVIRONMENT['PATH']}"
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=project, env={**ENVIRONMENT, "PATH": path},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, f"{script}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def end(self) -> None:
        for project in self.serving:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.ask(project, "stop", "--runs")
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                child.wait(LIMIT)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.place, ignore_errors=True)


def until(condition, what: str) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit, f"waited too long for {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def stage():
    it = Stage()
    try:
        yield it
    finally:
        it.end()


def blocks_of(name: str) -> list[tuple[str, str]]:
    """Where to run each marked block (nothing: in the project), and the block."""
    marked = [(shlex.split(info), body) for info, body in FENCE.findall((ROOT / name).read_text())]
    return [(words[2] if len(words) > 2 else "", body) for words, body in marked if words[:2] == ["sh", "run"]]


def blocks_run(name: str) -> list[str]:
    with stage() as it:
        outputs = [it.run_block(body, it.place / where if where else it.project) for where, body in blocks_of(name)]
    assert outputs, f"{name} has nothing to run"
    return outputs


def operating_runs() -> None:
    outputs = blocks_run("docs/OPERATING.md")
    assert any("formats: ledger" in one for one in outputs) and '"holding":null' in outputs[-1], outputs


def troubleshooting_runs() -> None:
    blocks_run("docs/TROUBLESHOOTING.md")


def moving_runs() -> None:
    outputs = blocks_run("docs/MOVING.md")
    assert outputs[0].startswith("charter-daemon "), outputs


def a_restored_backup_holds_until_it_is_adopted() -> None:
    with stage() as it:
        it.serve(it.project)
        assert it.ask(it.project, "run", "release", "--var", "version=1.0", "--run-id", "waits").returncode == 0
        until(lambda: it.run(it.project, "waits")["state"] == "paused", "the gate")
        outputs = []
        for where, body in blocks_of("docs/BACKUP.md"):
            if where and where not in {project.name for project in it.serving}:
                # Its own gateway would be the original's; what is tried here is the daemon.
                assert not it.serving[it.project].poll(), "the original daemon ended badly"
            outputs.append(it.run_block(body, it.place / where if where else it.project))
            if where and len(outputs) == 3:
                refused = it.ask(it.place / where, "run", "release", "--var", "version=2.0")
                assert refused.returncode == 5, refused
        assert "holding" in outputs[2] and "another" in outputs[2], outputs[2]
        assert "waits" in outputs[2] and "waits" in outputs[3], outputs
        restored = it.place / "restored"
        assert it.ask(restored, "resume", "waits", "--approve").returncode == 0
        until(lambda: it.run(restored, "waits")["status"] == "completed", "the end of the restored run")


TESTS = [commands_exist_with_their_options, the_readme_names_every_command, variables_exist, links_lead_somewhere,
         each_code_has_its_advice, operating_runs, troubleshooting_runs, moving_runs, a_restored_backup_holds_until_it_is_adopted]


def main() -> int:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    for test in TESTS:
        if part not in test.__name__:
            continue
        began = time.monotonic()
        try:
            test()
        except Exception:
            traceback.print_exc()
            print(f"FAIL {test.__name__}")
            failed += 1
        else:
            print(f"ok   {test.__name__} ({time.monotonic() - began:.1f} s)")
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
