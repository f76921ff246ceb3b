"""How inputs find their values: kinds, paths, indexes, variables, what reaches the environment."""

from oracle.scenario import case

SHOW = "  - id: z\n    type: shell\n    run: printf %%s \"$v\"\n    inputs: {v: %s}\n    outputs: {stdout: string}\n"
MAKE = "  - {id: m, type: shell, run: 'echo ''%s''', outputs: {made: %s}}\n"
OBJECT = MAKE % ('{"a": {"b": [10, {"c": "deep"}]}, "a.b": "dotted", "": "empty", "5": "five"}', "object")
LIST = MAKE % ("[[1, 2], [3, 4]]", "array")

for name, source in {
    "plain_word": "word", "from_word": "{from: name}", "value_text": "{value: name}", "auto_name": "name",
    "auto_dotted_unknown": "no.such", "auto_number": "5", "auto_float": "1.50", "auto_list": "[1, a]",
    "auto_map_value": "{value: {a: 1, b: [x, null]}}", "auto_null": "null", "auto_bool": "yes",
    "from_unknown": "{from: nothing}", "from_unknown_dotted": "{from: nothing.x}", "step_id": "m",
    "from_dotted_variable": "{from: map.k}", "auto_dotted_variable": "map.k", "auto_missing_field": "map.zz",
    "auto_not_traversable": "name.x", "from_bool": "{from: yes_no}", "unicode": "café",
    "sensitive": "{from: name, sensitive: true}", "sensitive_value": "{value: tell, sensitive: true}",
    "value_big": "{value: 12345678901234567890123}", "value_float": "{value: 1.0e+20}",
    "value_date": "{value: 2024-01-02}", "value_nan": "{value: .nan}", "empty": "''",
    "empty_from": "{from: ''}", "spaces": "' name '", "float_var": "{from: ratio}", "null_var": "{from: nil}",
}.items():
    case(f"input_{name}", MAKE % ("made", "string") + SHOW % source, variables={
        "name": "a value", "map": {"k": "inner", "x y": 1}, "yes_no": True, "ratio": 0.1, "nil": None})
for name, path in {
    "deep": "made.a.b.1.c", "whole": "made", "map": "made.a", "index": "made.a.b.0", "missing": "made.q",
    "past_end": "made.a.b.2", "negative": "made.a.b.-1", "no_index": "made.a.b.x", "plus": "made.a.b.+1",
    "underscore": "made.a.b.0_1", "padded": "'made.a.b. 1 '", "arabic": "made.a.b.١", "leaf": "made.a.b.0.x",
    "empty_segment": "made.", "double_dot": "made..a", "digit_key": "made.5", "huge": "made.a.b.99999999999999999999",
}.items():
    case(f"path_{name}", OBJECT + SHOW % f"{{from: {path}}}")
case("path_list", LIST + SHOW % "made.1.0")
case("input_output_wins", MAKE % ("from the step", "string") + SHOW % "{from: made}", variables={"made": "variable"})
case("input_dotted_variable_name", SHOW % "{from: x.y}", variables={"x.y": "whole name", "x": {"y": "walked"}})
case("input_unset_variable", SHOW % "missing")
case("input_json_forms", SHOW % "{from: data}", variables={"data": {"é": ["ü\u2028", "\ud83d\ude00", 1.0, 1e16, True, None, "\x7f\x01"]}})
case("input_path_replaced", "  - {id: a, type: shell, run: echo $PATH, inputs: {PATH: {value: /bin}}, outputs: {stdout: string}}\n")
case("input_equals_in_name", "  - {id: a, type: shell, run: 'true', inputs: {'a=b': {value: x}}}\n")
case("input_empty_name", "  - {id: a, type: shell, run: 'true', inputs: {'': {value: x}}}\n")
case("input_nul", "  - {id: a, type: shell, run: 'true', inputs: {a: v}}\n", variables={"v": "a\0b"})
case("input_audit_8193", SHOW % ("{value: " + "x" * 8193 + "}"))
case("input_audit_list", SHOW % ("{value: [" + "é, " * 2000 + "x]}"))
case("input_surrogate", SHOW % "v2", variables={"v2": "\ud800"})
case("input_many", "  - {id: a, type: shell, run: 'echo $b$c$d', inputs: {b: one, c: two, d: {value: 3}}, outputs: {stdout: string}}\n", variables={"one": 1, "two": "zwei"})
