"""Export steps and artifact outputs: files, envelopes, references, what loads them again."""

from oracle.scenario import acts, case


def export(source: str, path: str, more: str = "", name: str = "e") -> str:
    return f"  - {{id: {name}, type: export, input: {source}, path: '{path}'{more}}}\n"


def make(text: str, kind: str = "string", name: str = "made") -> str:
    return f"  - id: m-{name}\n    type: shell\n    run: |-\n      printf '%s' '{text}'\n    outputs: {{{name}: {kind}}}\n"


def exports(name: str, plan: str, *files: str, **rest) -> None:
    case(f"export_{name}", plan, files=files, needs="export", **rest)


def artifacts(name: str, plan: str, *files: str, **rest) -> None:
    case(f"artifact_{name}", plan, files=files, needs="artifact", **rest)


exports("text", make("hello é") + export("made", "out/text.txt"), "out/text.txt")
exports("object", make('{"b": [1.0, 1e16, null], "a": "é😀"}', "object") + export("made", "out/object.json"), "out/object.json")
exports("empty_containers", make('{"b": [], "a": {}}', "object") + export("made", "out/empty.json"), "out/empty.json")
exports("number", make("12.50", "number") + export("made", "out/number"), "out/number")
exports("boolean", make("true", "boolean") + export("made", "out/boolean"), "out/boolean")
exports("nan", make("[NaN, Infinity]", "array") + export("made", "out/nan"), "out/nan")
exports("path_output", make("x") + export("made", "out/deep/er/file.txt", ", outputs: {where: string}"), "out/deep/er/file.txt")
exports("path_output_used", make("x") + export("made", "out/used.txt", ", outputs: {where: string}") + "  - {id: z, type: shell, run: 'cat \"$w\"', inputs: {w: where}, outputs: {stdout: string}}\n", "out/used.txt")
exports("path_output_wrong_type", make("x") + export("made", "out/wrong.txt", ", outputs: {where: number}"), "out/wrong.txt")
exports("unknown", make("x") + export("nobody", "out/unknown.txt"), "out/unknown.txt")
exports("variable_is_no_output", export("v", "out/variable.txt"), "out/variable.txt", variables={"v": "x"})
exports("dotted", make('{"a": 1}', "object") + export("made.a", "out/dotted.txt"), "out/dotted.txt")
exports("escapes", make("x") + export("made", "../outside.txt"))
exports("escapes_deeper", make("x") + export("made", "a/../../outside.txt"))
exports("absolute", make("x") + export("made", "/tmp/charter-outside.txt"))
exports("inner_dots", make("x") + export("made", "out/a/../b.txt"), "out/b.txt")
exports("by_link", "  - {id: l, type: shell, run: 'ln -s /tmp leads-out'}\n" + make("x") + export("made", "leads-out/charter-outside.txt"))
exports("onto_folder", make("x") + "  - {id: d, type: shell, run: mkdir -p out/folder}\n" + export("made", "out/folder"))
exports("below_file", make("x") + "  - {id: d, type: shell, run: mkdir -p out; echo > out/a-file}\n" + export("made", "out/a-file/x.txt"))
exports("over_existing", make("new") + "  - {id: d, type: shell, run: 'mkdir -p out; echo older-and-longer > out/over.txt'}\n" + export("made", "out/over.txt"), "out/over.txt")
exports("text_type_of_object", make("[1]", "array") + export("made", "out/typed.txt", ", content_type: text/plain"), "out/typed.txt")
exports("text_type_of_number", make("1", "number") + export("made", "out/typed2.txt", ", content_type: text/plain"), "out/typed2.txt")
exports("text_type", make("x") + export("made", "out/typed3.txt", ", content_type: text/markdown"), "out/typed3.txt")
exports("other_type", make("[1]", "array") + export("made", "out/typed4.txt", ", content_type: application/json"), "out/typed4.txt")
exports("mode", make("x") + export("made", "out/mode.txt") + "  - {id: z, type: shell, run: 'stat -c %a out/mode.txt out', outputs: {stdout: string}}\n")
exports("unicode_path", make("x") + export("made", "out/fäil \U0001f600.txt", ", outputs: {where: string}"), "out/fäil \U0001f600.txt")
exports("newlines", make("a\r\n\nb") + export("made", "out/newlines.txt"), "out/newlines.txt")
exports("sensitive", "  - {id: m, type: shell, run: printf hush-hush, outputs: {made: {type: string, sensitive: true}}}\n" + export("made", "out/hush.txt", ", outputs: {where: {type: string, sensitive: true}}"), "out/hush.txt")
exports("after_failure", "  - {id: m, type: shell, run: exit 1, outputs: {made: string}}\n" + export("made", "out/never.txt"), "out/never.txt")

SHOW = "  - {id: z, type: shell, run: 'printf %s \"$v\"', inputs: {v: {from: made}}, outputs: {stdout: string}}\n"
SPEC = "{type: artifact, name: report.json, content_type: application/x-report}"
artifacts("object", make('{"b": [1.0, 1e16, "é"], "a": null}', "artifact"))
artifacts("list", make("[1, 2, 3]", "artifact"))
artifacts("text", make("words é", "artifact"))
artifacts("number", make("1.50", "artifact"))
artifacts("null", make("null", "artifact"))
artifacts("named", make('{"x": 1}', SPEC))
artifacts("named_only", make('{"x": 1}', "{type: artifact, name: only.json}"))
artifacts("typed_only", make('[1]', "{type: artifact, content_type: text/x}"))
artifacts("sensitive", make('{"x": 1}', "{type: artifact, sensitive: true}"))
artifacts("two", "  - id: m\n    type: shell\n    run: |-\n      echo '{\"one\": [1], \"two\": {}}'\n    outputs: {one: artifact, two: artifact}\n")
artifacts("builtin", "  - {id: m, type: shell, run: echo text, outputs: {stdout: artifact, exit_code: number}}\n")
artifacts("loaded", make('{"b": [1.0], "a": "é"}', "artifact") + SHOW)
artifacts("loaded_path", make('{"b": [1.0, {"c": 5}]}', "artifact") + SHOW.replace("from: made", "from: made.b.1.c"))
artifacts("reference_path", make('{"b": 1}', "artifact") + SHOW.replace("from: made", "from: made.kind"))
artifacts("not_named", make('{"b": 1}', "artifact") + "  - {id: z, type: shell, run: echo x, inputs: {v: {value: made}}, outputs: {stdout: string}}\n")
artifacts("in_gate", make('{"b": 1}', "artifact") + "  - {id: g, type: gate, show: made, message: '{{ made }}'}\n")
artifacts("exported", make('{"b": 1}', "artifact") + export("made", "out/artifact.json"), "out/artifact.json")
artifacts("exported_text", make("words", "artifact") + export("made", "out/artifact.txt"), "out/artifact.txt")
artifacts("of_get", "  - {id: g, type: state, action: get, key: no-key, default: [1], outputs: {made: artifact}}\n" + SHOW)
artifacts("into_set", make('{"b": 1}', "artifact") + "  - {id: p, type: state, action: set, key: akey, inputs: {value: made}}\n", kv=("akey",))
artifacts("nan", make("[NaN]", "artifact"))
artifacts("infinite", make("1e400", "artifact"))
artifacts("large", "  - {id: m, type: shell, run: 'head -c 100000 /dev/zero | tr \"\\0\" x', outputs: {made: artifact}}\n" + SHOW.replace("printf %s \"$v\"", "printf %s \"$v\" | wc -c"))
artifacts("unsorted_keys", make('{"z": 1, "ä": 2, "a": {"y": 1, "b": 2}, "10": 1, "9": 2}', "artifact"))
artifacts("retried", "  - {id: m, type: shell, run: 'echo NaN', retry: {attempts: 3, delay_seconds: 0}, outputs: {made: artifact}}\n")


@acts(make('{"b": [1, 2]}', "artifact") + "  - {id: g, type: gate, show: s, message: '{{ made }}'}\n" + SHOW, needs="artifact")
async def artifact_across_a_gate(s):
    await s.run()
    await s.resume()
    await s.end()


@acts(make('{"b": [1, 2]}', "artifact") + "  - {id: g, type: gate, show: s, message: m}\n" + SHOW, needs="artifact")
async def artifact_gone(s):
    """What was stored is removed while the run waits."""
    await s.run()
    for file in (s.project / f".charter/runs/{s.id()}.artifacts").glob("*.json"):
        file.unlink()
    await s.resume()
    await s.end()


@acts(make('{"b": [1, 2]}', "artifact") + "  - {id: g, type: gate, show: s, message: m}\n" + SHOW, needs="artifact")
async def artifact_damaged(s):
    await s.run()
    for file in (s.project / f".charter/runs/{s.id()}.artifacts").glob("*.json"):
        file.write_text('{"half": ')
    await s.resume()
    await s.end()
