"""What a scenario is, and the list of all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

SCENARIOS: dict[str, "Scenario"] = {}


@dataclass
class Scenario:
    """`plan` is plan.yml's text, or the steps' alone; `inputs` those of the manifest, as YAML.

    `act` is what is done on each side; without one the run is handed off and followed to its next
    pause or end. `kv` and `files` name the keys and files that are compared afterwards, `place` is
    a file's path in the project with `@` for the scenario's name. A scenario with a `world` other
    than "common" runs in the project of that name. `needs` names what makes it count as skipped
    while our daemon refuses it by name.
    """

    name: str
    plan: str | None = None
    act: Callable[..., Awaitable[None]] | None = None
    inputs: str = ""
    variables: dict = field(default_factory=dict)
    manifest: str | None = None
    place: dict[str, str] = field(default_factory=dict)
    kv: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    world: str = "common"
    needs: str = ""

    def documents(self) -> dict[str, str]:
        """The files of its workflow and its own ones, by path."""
        found = {path.replace("@", self.name): text for path, text in self.place.items()}
        folder = f"workflows/{self.name}"
        if self.plan is not None:
            whole = self.plan.lstrip().startswith(("steps:", "bindings:", "#!"))
            found[f"{folder}/plan.yml"] = (
                self.plan.replace("#!\n", "") if whole else "steps:\n" + self.plan)
        if self.plan is not None or self.manifest is not None:
            found[f"{folder}/manifest.yml"] = self.manifest or (
                f"id: {self.name}\nname: {self.name}\ndescription: of the oracle\nversion: '1'\n"
                + (f"inputs:\n{self.inputs}" if self.inputs else ""))
        return found


def case(name: str, plan: str | None = None, **rest) -> None:
    """Registers a scenario that only runs."""
    if name in SCENARIOS:
        raise ValueError(f"two scenarios are called {name}")
    SCENARIOS[name] = Scenario(name, plan, **rest)


def acts(plan: str | None = None, **rest):
    """Registers the decorated function as a scenario of its name."""

    def register(function):
        case(function.__name__, plan, act=function, **rest)
        return function

    return register
