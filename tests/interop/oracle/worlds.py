"""The projects that scenarios live in: their files but for the workflows, by world."""

import sys

from oracle.driver_world import DRIVER_FILES, charter
from oracle.python_world import CHARTER as PYTHON, PYTHON_FILES

INTEGRATION = '''
import json, os, sys, time

def answer(request, value):
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **value}), flush=True)

started = 0
for line in sys.stdin:
    request = json.loads(line)
    method, params = request["method"], request.get("params")
    if method != "execute":
        if method == "setup" and os.environ.get("SETUP") == "fails":
            answer(request, {"error": {"code": -32000, "message": "no setup today"}})
        elif method == "setup" and os.environ.get("SETUP") == "dies":
            sys.stderr.write("dying in setup"); sys.stderr.flush(); os._exit(3)
        elif method == "teardown" and os.environ.get("TEARDOWN") == "fails":
            answer(request, {"error": {"code": -32000, "message": "no teardown today"}})
        else:
            answer(request, {"result": {"unexpected": [1, 2]}})
        continue
    started += 1
    step = params["step"]
    config = step["with"]
    mode = config.get("mode", "echo")
    if mode == "echo":
        answer(request, {"result": {"value": params}})
    elif mode == "value":
        answer(request, {"result": {"value": config["value"]}})
    elif mode == "input":
        answer(request, {"result": {"value": params["context"]["inputs"].get("it")}})
    elif mode == "env":
        answer(request, {"result": {"value": os.environ.get(config["name"])}})
    elif mode == "id":
        answer(request, {"result": {"value": request["id"]}})
    elif mode == "raw":
        print(config["text"].replace("ID", request["id"]), flush=True)
    elif mode == "error":
        answer(request, {"error": config["error"]})
    elif mode == "exit":
        sys.stderr.write(config.get("stderr", "")); sys.stderr.flush(); os._exit(config["code"])
    elif mode == "close":
        os.close(1); time.sleep(60)
    elif mode == "flaky":
        if started < config["times"]:
            answer(request, {"error": {"code": 1, "message": f"try {started}"}})
        else:
            answer(request, {"result": {"value": f"at try {started} with id {request['id']}"}})
    elif mode == "once":
        # Hangs until somebody has been here before, in whatever process.
        if os.path.exists(config["file"]):
            answer(request, {"result": {"value": f"came back with id {request['id']}"}})
        else:
            open(config["file"], "w").close(); time.sleep(60)
    elif mode == "sleep":
        time.sleep(config["seconds"]); answer(request, {"result": {"value": "slept"}})
'''

COMMON = """name: oracle
secrets:
  bindings:
    api/token: {source: env, key: ORACLE_SECRET}
    api/empty: {source: env, key: ORACLE_EMPTY}
    api/missing: {source: env, key: ORACLE_NO_SUCH}
capabilities:
  tool: {command: ["%(python)s", integration.py]}
  configured:
    command: ["%(python)s", integration.py]
    with: {mode: value, value: from the project, other: {a: 1}}
  setup-fails: {command: ["%(python)s", integration.py], env: {SETUP: fails}}
  setup-dies: {command: ["%(python)s", integration.py], env: {SETUP: dies}}
  teardown-fails: {command: ["%(python)s", integration.py], env: {TEARDOWN: fails}}
  words: {command: "'%(python)s' integration.py"}
  quotes: {command: "'%(python)s integration.py"}
  nothing: {command: ""}
  entry: {uses: no-such-entry-point}
  missing: {command: [./no-such-program]}
  with-secret: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: api/token}, PLAIN: p}}
  empty-secret: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: api/empty}}}
  missing-secret: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: api/missing}}}
  unbound-secret: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: api/nobody}}}
  config-secret:
    command: ["%(python)s", integration.py]
    with: {mode: value, value: {from_secret: api/token}}
  silent: {command: ["true"]}
"""

TEXT = COMMON % {"python": sys.executable}
PLAIN = "id: w\nname: w\ndescription: d\nversion: '1'\n"
STEP = "steps:\n  - {id: a, type: shell, run: 'true'}\n"


def _world(charter: str, **files: str) -> dict[str, str]:
    return {"charter.yml": charter, "integration.py": INTEGRATION, **files}


WORLDS = {
    "common": _world(TEXT),
    # Whose integrations are Python.
    "python": _world(PYTHON, **PYTHON_FILES),
    # Whose gateway is lost.
    "reconnect": _world(TEXT),
    # Whose charter.yml is damaged, in one way after the other.
    "damaged": _world(TEXT),
    # Whose run state a storage driver has.
    "driver": _world(charter(), **DRIVER_FILES),
    # Changed by its scenarios while the daemon runs, one after the other.
    "shifting": _world("name: shifting\ncapabilities: {}\n"),
}
