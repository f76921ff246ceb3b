"""What is measured. Each part gets a fresh scene and returns its figures by name."""

import time
from dataclasses import dataclass, field
from statistics import median
from typing import Callable

from scene import Scene, Setting

IDLE_SECONDS = 2
CPU_SECONDS = 10
PAUSE_SECONDS = 0.5
CLIENTS = (1, 4, 32)


@dataclass
class Numbers:
    """How much is measured; --scale makes it less."""

    hand_off: int = 300
    loaded: int = 200
    one_step: int = 1000
    state: int = 40
    executing: int = 100
    paused: int = 500
    backlog: int = 100
    python: int = 40

    def scaled(self, scale: float) -> "Numbers":
        return Numbers(**{name: max(8, int(value * scale)) for name, value in vars(self).items()})


def clients_of(count: int) -> str:
    return f"{count} client" + ("s" if count > 1 else "")


def warm_up(scene: Scene) -> None:
    """The first runs pay for what is read and cached once."""
    scene.load("one", "warm", 1, 10)
    scene.wait_for_ends("warm", 10)


def idle(scene: Scene, numbers: Numbers) -> dict:
    time.sleep(IDLE_SECONDS)
    return {"idle memory (PSS), MB": scene.pss_mb(),
            f"idle CPU over {CPU_SECONDS} s, ms": scene.cpu_ms(CPU_SECONDS)}


def hand_off(scene: Scene, numbers: Numbers) -> dict:
    """One-step runs handed off by 1, 4 and 32 clients."""
    warm_up(scene)
    figures = {}
    for clients in CLIENTS:
        done = scene.load("one", f"h{clients}", clients, numbers.hand_off)
        scene.wait_for_ends(f"h{clients}", numbers.hand_off)
        for share in ("p50", "p99"):
            figures[f"hand-off, {clients_of(clients)}, {share}, ms"] = done[f"{share}_ms"]
    return figures


def loaded(clients: int) -> Callable:
    """Clients hand off 50-step runs while those they handed off before execute."""

    def part(scene: Scene, numbers: Numbers) -> dict:
        warm_up(scene)
        done = scene.load("fifty", "f", clients, numbers.loaded)
        return {f"hand-off under load, {clients_of(clients)}, {share}, ms": done[f"{share}_ms"]
                for share in ("p50", "p99")}

    return part


def one_step(scene: Scene, numbers: Numbers) -> dict:
    """From the first hand-off to the last run's terminal event at the gateway."""
    warm_up(scene)
    done = scene.load("one", "o", 4, numbers.one_step)
    ends = scene.wait_for_ends("o", numbers.one_step)
    return {"one-shell-step runs/s": numbers.one_step / ((max(ends) - done["first_ns"]) / 1e9)}


def state(protocol: str) -> Callable:
    """Runs of 50 `set` steps: events that reached the gateway per second."""

    def part(scene: Scene, numbers: Numbers) -> dict:
        warm_up(scene)
        done = scene.load("state", "k", 4, numbers.state)
        ends = scene.wait_for_ends("k", numbers.state)
        seconds = (max(ends) - done["first_ns"]) / 1e9
        return {f"state events/s, {protocol}": len(scene.record.arrivals("k")) / seconds}

    return part


def executing(scene: Scene, numbers: Numbers) -> dict:
    """Runs whose step sleeps: what they cost beside the step."""
    warm_up(scene)
    before = scene.pss_mb()
    scene.load("sleep", "x", 4, numbers.executing)
    scene.wait_for(scene.record.starts, "x", numbers.executing)
    time.sleep(IDLE_SECONDS)
    return {"executing runs, memory each, MB": (scene.pss_mb() - before) / numbers.executing,
            f"executing runs, CPU over {CPU_SECONDS} s, ms": scene.cpu_ms(CPU_SECONDS)}


def paused(scene: Scene, numbers: Numbers) -> dict:
    """Runs that wait at their gates."""
    warm_up(scene)
    before = scene.pss_mb()
    scene.load("gate", "g", 4, numbers.paused)
    scene.wait_for(scene.record.pauses, "g", numbers.paused)
    time.sleep(IDLE_SECONDS)
    return {"paused runs, processes": scene.processes(),
            "paused runs, memory above idle, MB": scene.pss_mb() - before,
            f"paused runs, CPU over {CPU_SECONDS} s, ms": scene.cpu_ms(CPU_SECONDS)}


def backlog(protocol: str) -> Callable:
    """Runs that end while the gateway is away: events per second once the daemon is back on it."""

    def part(scene: Scene, numbers: Numbers) -> dict:
        warm_up(scene)
        scene.lose_gateway()
        scene.load("state", "b", 4, numbers.backlog)
        scene.wait_for_state_files("b", numbers.backlog)
        scene.return_gateway()
        scene.wait_for_ends("b", numbers.backlog)
        arrivals = scene.record.arrivals("b")
        seconds = (max(arrivals) - scene.record.connected()) / 1e9
        return {f"backlog events/s, {protocol}": len(arrivals) / seconds}

    return part


def python(scene: Scene, numbers: Numbers) -> dict:
    """Runs of one Python step, one after the other: the first, then each at once when the one
    before has ended, then each after a pause."""
    cold = scene.run_ms("python", "cold")
    behind = [scene.run_ms("python", f"n{i}") for i in range(numbers.python)]
    apart = []
    for i in range(numbers.python):
        time.sleep(PAUSE_SECONDS)
        apart.append(scene.run_ms("python", f"a{i}"))
    return {"Python run, the first, ms": cold,
            "Python run right behind another, p50, ms": median(behind),
            f"Python run {PAUSE_SECONDS} s behind another, p50, ms": median(apart)}


@dataclass
class Part:
    measure: Callable[[Scene, Numbers], dict]
    setting: Setting = field(default_factory=Setting)


CAPNP = Setting(protocol="capnp")
PARTS = {
    "idle": Part(idle), "hand-off": Part(hand_off), "loaded": Part(loaded(4)),
    "loaded-32": Part(loaded(32)), "one-step": Part(one_step), "state": Part(state("stock JSON")),
    "state-capnp": Part(state("Cap'n Proto"), CAPNP),
    "python": Part(python), "executing": Part(executing, Setting(max_runs=1000)), "paused": Part(paused),
    "backlog": Part(backlog("stock JSON")), "backlog-capnp": Part(backlog("Cap'n Proto"), CAPNP),
}
