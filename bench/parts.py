"""What is measured. Each part gets a fresh scene and returns its figures by name."""

import time

from scene import Scene

IDLE_SECONDS = 2
HAND_OFF_RUNS = 300
LOADED_RUNS = 200
ONE_STEP_RUNS = 1000
STATE_RUNS = 40


def warm_up(scene: Scene) -> None:
    """The first runs pay for what is read and cached once."""
    scene.load("one", "warm", 1, 10)
    scene.wait_for_ends("warm", 10)


def idle(scene: Scene) -> dict:
    time.sleep(IDLE_SECONDS)
    return {"idle memory (PSS), MB": scene.pss_mb()}


def hand_off(scene: Scene) -> dict:
    """One-step runs handed off by 1, 4 and 32 clients."""
    warm_up(scene)
    figures = {}
    for clients in (1, 4, 32):
        prefix = f"h{clients}"
        done = scene.load("one", prefix, clients, HAND_OFF_RUNS)
        scene.wait_for_ends(prefix, HAND_OFF_RUNS)
        who = f"{clients} client" + ("s" if clients > 1 else "")
        figures[f"hand-off, {who}, p50, ms"] = done["p50_ms"]
        figures[f"hand-off, {who}, p99, ms"] = done["p99_ms"]
    return figures


def loaded(scene: Scene) -> dict:
    """Four clients hand off 50-step runs while those they handed off before execute."""
    warm_up(scene)
    done = scene.load("fifty", "f", 4, LOADED_RUNS)
    return {
        "hand-off, 4 clients, 50-step runs executing, p50, ms": done["p50_ms"],
        "hand-off, 4 clients, 50-step runs executing, p99, ms": done["p99_ms"],
    }


def one_step(scene: Scene) -> dict:
    """From the first hand-off to the last run's terminal event at the gateway."""
    warm_up(scene)
    done = scene.load("one", "o", 4, ONE_STEP_RUNS)
    ends = scene.wait_for_ends("o", ONE_STEP_RUNS)
    return {"one-shell-step runs/s": ONE_STEP_RUNS / ((max(ends) - done["first_ns"]) / 1e9)}


def state(scene: Scene) -> dict:
    """Runs of 50 `set` steps: events that reached the gateway per second."""
    warm_up(scene)
    done = scene.load("state", "k", 4, STATE_RUNS)
    ends = scene.wait_for_ends("k", STATE_RUNS)
    seconds = (max(ends) - done["first_ns"]) / 1e9
    return {"state events/s": scene.record.events("k") / seconds}


PARTS = {"idle": idle, "hand-off": hand_off, "loaded": loaded, "one-step": one_step,
         "state": state}
