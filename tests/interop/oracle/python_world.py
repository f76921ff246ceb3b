"""The project whose integrations are Python: its modules, its packages and its capabilities."""

import sys

TOOLS = '''
import asyncio, os, sys, time
from charter_core.depends import Depends
from charter_integration_sdk import WorkflowIntegration
from pydantic import BaseModel


class Base(WorkflowIntegration):
    def __init__(self): pass


class Echo(Base):
    async def execute(self, step, context):
        print("printed, not answered", flush=True)
        return {"step": [step.id, step.uses, step.with_config, step.outputs, step.inputs],
                "context": [context.variables, context.outputs, context.named_outputs,
                            context.inputs]}


class Returns(Base):
    """What the step's `value` evaluates to."""
    async def execute(self, step, context):
        return eval(step.with_config["value"])


class Acts(Base):
    """Executes the step's `code`."""
    tries = 0

    async def execute(self, step, context):
        self.tries += 1
        scope = {**globals(), "self": self, "step": step, "context": context}
        exec("async def act():\\n" + "".join(f"  {line}\\n" for line in
                                             step.with_config["code"].splitlines()), scope)
        return await scope["act"]()


class Plain(Base):
    def execute(self, step, context):
        return {"not": "awaitable"}


class Config(BaseModel):
    size: int
    name: str = "nobody"
    deep: dict = {}


class Typed(WorkflowIntegration):
    config: Config

    async def execute(self, step, context):
        return [self.config.size, self.config.name, self.config.deep, step.with_config]


class TypedWithId(WorkflowIntegration):
    config: Config

    def __init__(self, config, capability_id):
        super().__init__(config)
        self.id = capability_id

    async def execute(self, step, context):
        return [self.id, self.config.size]


class Keyed(Base):
    def __init__(self, size, name="nobody", capability_id="nothing"):
        self.made = [size, name, capability_id]

    async def execute(self, step, context):
        return self.made


class Demanding(Base):
    requires_outputs = True

    async def execute(self, step, context):
        return 1


class SetupFails(Base):
    async def setup(self, run_id):
        raise ValueError("no setup for é")

    async def execute(self, step, context):
        return 1


class TeardownFails(Base):
    async def teardown(self):
        raise ValueError("no teardown today")

    async def execute(self, step, context):
        return 1


class RunId(Base):
    async def setup(self, run_id):
        self.run_id = run_id

    async def execute(self, step, context):
        return self.run_id


async def shared():
    yield ["shared"]


def plain():
    return ["plain"]


async def awaited():
    return ["awaited"]


class Needs(Base):
    first = Depends(shared)
    second = Depends(plain)
    third = Depends(awaited)

    async def execute(self, step, context):
        self.first.append(step.id)
        return [self.first, self.second, self.third]


class NeedsToo(Needs):
    fourth = Depends(shared)

    async def execute(self, step, context):
        return [self.first, self.fourth, self.first is self.fourth]


async def broken():
    raise LookupError("nothing to depend on")


class NeedsBroken(Base):
    what = Depends(broken)

    async def execute(self, step, context):
        return 1


class NoExecute(WorkflowIntegration):
    pass


class ConstructorFails(Base):
    def __init__(self):
        raise OSError(2, "nothing to construct")

    async def execute(self, step, context):
        return 1


made = Acts()
a_number = 5
'''

BACKENDS = '''
class Vault:
    def __init__(self, alias, config, root):
        self.alias, self.config, self.root = alias, config, root

    @classmethod
    def bind_backend(cls, alias, config, project_root):
        if config.get("fails"):
            raise config_errors[config["fails"]]("cannot be bound")
        return None if config.get("nothing") else cls(alias, config, project_root)

    def resolve(self, key):
        if key == "absent":
            raise ValueError(f"there is no '{key}' here.")
        if key == "own":
            from charter_core.exceptions import SecretReferenceError
            raise SecretReferenceError("an error of its own.")
        if key == "broken":
            raise LookupError("the backend fell over")
        if key == "number":
            return 5
        return f"{self.alias} has {key} with {self.config} in {self.root.is_dir()}"


class Unbindable:
    pass


config_errors = {"value": ValueError, "other": OSError}
a_number = 5
'''

ENTRY_POINTS = """[charter.integrations]
acme-keyed = acme:Keyed
acme-made = acme:made
acme-number = acme:a_number
acme-absent = acme:absent
acme-no-module = no_such_module:X

[charter.secret_backends]
vault = acme_backends:Vault
unbindable = acme_backends:Unbindable
number = acme_backends:a_number
"""

CHARTER = """name: python
secrets:
  sources:
    default: {kind: vault}
    vault: {kind: " vault ", url: "https://é", deep: {b: [1, null], a: 2.0}}
    nobody: {kind: no-such-backend}
    number: {kind: number}
    unbindable: {kind: unbindable}
    nothing: {kind: vault, nothing: true}
    fails: {kind: vault, fails: value}
    breaks: {kind: vault, fails: other}
  bindings:
    api/token: {source: env, key: ORACLE_SECRET}
    api/missing: {source: env, key: ORACLE_NO_SUCH}
    v/deep: {source: vault, key: a/deep/key}
    v/plain: plain-key
    v/absent: {source: vault, key: absent}
    v/own: {source: vault, key: own}
    v/broken: {source: vault, key: broken}
    v/number: {source: vault, key: number}
    v/nobody: {source: nobody, key: k}
    v/a-number: {source: number, key: k}
    v/unbindable: {source: unbindable, key: k}
    v/nothing: {source: nothing, key: k}
    v/fails: {source: fails, key: k}
    v/breaks: {source: breaks, key: k}
capabilities:
  echo: {python: "tools:Echo"}
  returns: {python: "tools:Returns"}
  acts: {python: "tools:Acts"}
  plain: {python: "tools:Plain"}
  typed: {python: "tools:Typed", with: {size: 3, name: é, deep: {a: [1, {b: null}]}}}
  typed-wrong: {python: "tools:Typed", with: {size: many, name: 5}}
  typed-nothing: {python: "tools:Typed"}
  typed-extra: {python: "tools:Typed", with: {size: 1, more: 2}}
  typed-id: {python: "tools:TypedWithId", with: {size: 4}}
  typed-secret: {python: "tools:Typed", with: {size: 1, name: {from_secret: api/token}, deep: {a: [x, {from_secret: api/token}]}}}
  typed-missing-secret: {python: "tools:Typed", with: {size: 1, name: {from_secret: api/missing}}}
  all-secret: {python: "tools:Keyed", with: {from_secret: api/token}}
  keyed: {python: "tools:Keyed", with: {size: 4, name: x}}
  keyed-more: {python: "tools:Keyed", with: {size: 4, more: x}}
  keyed-nothing: {python: "tools:Keyed"}
  demanding: {python: "tools:Demanding"}
  setup-fails: {python: "tools:SetupFails"}
  teardown-fails: {python: "tools:TeardownFails"}
  run-id: {python: "tools:RunId"}
  needs: {python: "tools:Needs"}
  needs-too: {python: "tools:NeedsToo"}
  needs-broken: {python: "tools:NeedsBroken"}
  no-execute: {python: "tools:NoExecute"}
  constructor-fails: {python: "tools:ConstructorFails"}
  made: {python: "tools:made"}
  made-configured: {python: "tools:made", with: {a: 1}}
  number: {python: "tools:a_number"}
  absent: {python: "tools:Absent"}
  no-module: {python: "no_such_module:X"}
  no-colon: {python: "tools"}
  two-colons: {python: "tools:Echo:X"}
  nested: {python: "tools:Echo.execute"}
  syntax: {python: "syntax_error:X"}
  raises: {python: "raises_at_import:X"}
  packaged: {python: "package.inner:Inner"}
  beside: {python: "beside:Beside"}
  entry-keyed: {uses: acme-keyed, with: {size: 7}}
  entry-made: {uses: acme-made}
  entry-made-configured: {uses: acme-made, with: {a: 1}}
  entry-number: {uses: acme-number}
  entry-absent: {uses: acme-absent}
  entry-no-module: {uses: acme-no-module}
  entry-unknown: {uses: nobody-knows}
  command: {command: ["%(python)s", integration.py]}
  command-secret: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: v/deep}}}
  command-absent: {command: ["%(python)s", integration.py], env: {TOKEN: {from_secret: v/absent}}}
  secret-two: {python: "tools:Keyed", with: {size: {from_secret: v/deep}, name: {from_secret: v/nobody}, more: {from_secret: v/absent}}}
""" % {"python": sys.executable} + "".join(
    f'  secret-{name}: {{python: "tools:Keyed", with: {{size: {{from_secret: v/{name}}}}}}}\n'
    for name in ("deep", "plain", "unbound", "absent", "own", "broken", "number", "nobody",
                 "a-number", "unbindable", "nothing", "fails", "breaks"))

PACKAGES = ".charter/.venv/lib/python%d.%d/site-packages" % sys.version_info[:2]

PYTHON_FILES = {
    "tools.py": TOOLS,
    "syntax_error.py": "def broken(:\n",
    "raises_at_import.py": "raise KeyError('at import')\n",
    "package/__init__.py": "",
    "package/inner.py": "from tools import Base\nfrom . import other\n\n\nclass Inner(Base):\n"
                        "    async def execute(self, step, context):\n        return other.VALUE\n",
    "package/other.py": "VALUE = 'from the other module'\n",
    f"{PACKAGES}/acme.py": TOOLS,
    f"{PACKAGES}/acme_backends.py": BACKENDS,
    f"{PACKAGES}/acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
    f"{PACKAGES}/acme-1.0.dist-info/entry_points.txt": ENTRY_POINTS,
}
