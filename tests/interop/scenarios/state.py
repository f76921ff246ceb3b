"""State steps: get and set, defaults, types, references."""

from oracle.scenario import acts, case


def put(key: str, source: str, more: str = "", name: str = "p") -> str:
    return f"  - {{id: {name}, type: state, action: set, key: '{key}', inputs: {{value: {source}}}{more}}}\n"


def get(key: str, kind: str = "string", more: str = "", name: str = "g") -> str:
    return f"  - {{id: {name}, type: state, action: get, key: '{key}', outputs: {{got_{name}: {kind}}}{more}}}\n"


case("state_set", put("k1", "{value: 5}"), kv=("k1",))
case("state_set_output", put("k2", "{value: [1, é]}", ", outputs: {done: string}"), kv=("k2",))
case("state_set_get", put("k3", "{value: {a: [1.0, null, yes]}}") + get("k3", "object"), kv=("k3",))
case("state_get_default", get("no1", more=", default: dflt"))
case("state_get_default_object", get("no2", "object", ", default: {a: 1}"))
case("state_get_nothing", get("no3"))
case("state_get_default_mismatch", get("no4", "number", ", default: text"))
case("state_get_mismatch", put("k5", "{value: text}") + get("k5", "number"), kv=("k5",))
case("state_set_variable", put("k6", "{from: v}"), variables={"v": {"x": "y"}}, kv=("k6",))
case("state_set_output_of_step", "  - {id: a, type: shell, run: echo 7, outputs: {n: number}}\n" + put("k7", "n"), kv=("k7",))
case("state_set_unknown", put("k8", "{from: nobody}"), kv=("k8",))
case("state_twice", put("k9", "{value: 1}") + put("k9", "{value: 2}", name="p2") + get("k9", "number"), kv=("k9",))
case("state_unicode_key", put("schlüssel \U0001f511", "{value: ok}") + get("schlüssel \U0001f511"), kv=("schlüssel \U0001f511",))
case("state_big_number", put("k10", "{value: 123456789012345678901234567890}") + get("k10", "number"), kv=("k10",))
case("state_nan", "  - {id: a, type: shell, run: echo NaN, outputs: {n: number}}\n" + put("k11", "n"))
case("state_null", put("k12", "{value: null}") + get("k12", "string"), kv=("k12",))
case("state_sensitive", put("k13", "{value: hush-hush, sensitive: true}") + get("k13"), kv=("k13",))
case("state_fifty", "".join(put(f"f{n}", f"{{value: {n}}}", name=f"p{n}") for n in range(50)), kv=("f0", "f25", "f49"))
case("state_large", put("k14", "{from: v}") + get("k14", "string"), variables={"v": "x" * 20000}, kv=("k14",))
case("state_key_templates", put("{{ v }}", "{value: 1}"), variables={"v": "x"}, kv=("{{ v }}", "x"))
case("state_set_output_type", put("k15", "{value: 1}", ", outputs: {done: number}"), kv=("k15",))


@acts(put("k16", "{from: v}") + "  - {id: w, type: gate, show: s, message: m}\n" + get("k16"), kv=("k16",))
async def state_across_a_gate(s):
    await s.run(variables={"v": "kept"})
    await s.resume()
    await s.end()
