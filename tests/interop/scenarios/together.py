"""Runs beside each other, and what a gateway is told again when it has been away."""

from oracle.scenario import acts

STEPS = ("  - {id: a, type: shell, run: 'echo \"one $n\"', inputs: {n: n}, outputs: {one: string}}\n"
         "  - {id: g, type: gate, show: '{{ one }}', message: go on}\n"
         "  - {id: b, type: shell, run: 'sleep 0.2; echo \"two $n\"', inputs: {n: n}, outputs: {two: string}}\n")


@acts(STEPS, variables={"n": 0})
async def together_interleaved(s):
    """Four runs of one workflow; each is decided while others execute."""
    names = [f"r{n}" for n in range(4)]
    for n, name in enumerate(names):
        await s.hand_off(name, variables={"n": n})
    for name in reversed(names):
        await s.pause(name)
        await s.resume(name, note=f"for {name}")
    for name in names:
        await s.end(name)


@acts(STEPS, variables={"n": 0})
async def together_some_end_otherwise(s):
    names = ["approved", "refused", "cancelled", "left"]
    for name in names:
        await s.hand_off(name)
    for name in names:
        await s.pause(name)
    await s.resume("approved")
    await s.resume("refused", approved=False, note="no")
    await s.cancel("cancelled", note="not now")
    for name in names[:3]:
        await s.end(name)


@acts(STEPS, variables={"n": 5}, world="reconnect")
async def reconnect_at_a_gate(s):
    await s.run()
    await s.lose_gateway()
    await s.resume(note="after a while")
    await s.end()


@acts(STEPS.replace("sleep 0.2", "until [ -e told-again ]; do sleep 0.05; done"),
      variables={"n": 5}, world="reconnect")
async def reconnect_in_a_step(s):
    """The step lasts as long as the daemon stays away: after several losses that may be seconds."""
    await s.run()
    await s.resume()
    await s.until("StepStartEvent", count=2)
    await s.lose_gateway()
    (s.project / "told-again").touch()
    await s.end()


@acts(STEPS, variables={"n": 5}, world="reconnect")
async def reconnect_after_the_end(s):
    """What has ended and arrived is not told again; the run beside it is."""
    await s.run("ended")
    await s.resume("ended")
    await s.end("ended")
    await s.run("waits")
    await s.lose_gateway("waits")
    await s.resume("waits")
    await s.end("waits")

