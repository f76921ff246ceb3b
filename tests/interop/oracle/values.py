"""Values, texts and scalars that a generator draws from: the usual ones and those at the edges."""

import random

TEXTS = [
    "word", "two words", "", " ", "é", "日本語", "😀 and more", "it's", 'say "so"', "a\nb", "tab\there", "back\\slash",
    "{{ name }}", "$HOME", "null", "true", "5", "1e3", "yes", "2024-01-02", "~", "- x", "# no comment", "a: b",
    "\u2028", "\u0085", "\x7f", "trailing ", "\ufeffmark", "x" * 300, "é" * 5000, "long " * 2000, "0x1F", "=", "<<",
]
NUMBERS = [
    0, 1, -1, 5, 2**31, 2**53 + 1, -2**63, 2**64, 10**30, -10**40, 0.0, -0.0, 1.0, 0.1, 1e16, 1e15, 123456789.123456789,
    1e-5, 0.0001, 5e-324, 1.7976931348623157e308, 1e22, 2.5e-10,
]
# As they stand in YAML; what they mean is the matter.
SCALARS = """yes No ON off TRUE y n tRue ~ null Null NULL 017 0_7 0x1F 0b101 1_000 +1 1:30 190:20:30 08 0o17 _1 1.0e+3
1.e+3 .5 5. 1_0.5 1:30.5 .inf -.INF .nan 1e3 1.0e3 +.5 -.5 -0 +0 00 1:60 -1:30 1__0 1.2.3 1,000 99999999999999999999
!!str|5 !!int|"7" !!float|"1.5" !!bool|"yes" !!null|"" !|5 "yes" 'null' "\\x41\\u00e9" 1.5E-3 .1_2 1_. 0.""".split()
SCALARS = [scalar.replace("|", " ") for scalar in SCALARS]
# What has no place in JSON, or in YAML.
ODD_SCALARS = ["2024-01-02", "2024-01-02T10:00:00Z", "!!binary aGk=", "!!set {a, }", "=", "!foo 5", "!!int x", "0x", "*nobody",
               "{[1]: 2}", "@x", "'x", '"\\q"', "2024-13-02", "[", "}", "`x", "%x", "!!timestamp x", "&a"]
ODD = [None, "", " ", "x", 5, 0, -1, 1.5, True, False, [], ["x"], {}, {"a": 1}, [None], [[]], {"": 1}, 10**25,
       "a/b", "../x", "/abs", " pad ", "capability/x", "binding/", "é", "x" * 200]


def raw(scalar: str) -> str:
    """A word that `written` turns into that scalar as it stands."""
    return f"RAW{scalar.encode().hex()}RAW"


def value(draw: random.Random, depth: int = 2):
    """A value as JSON can hold it."""
    kind = draw.random()
    if depth and kind < 0.14:
        return [value(draw, depth - 1) for _ in range(draw.randrange(4))]
    if depth and kind < 0.28:
        return {draw.choice(["a", "b", "é", "", "x y", "5", "A"]): value(draw, depth - 1)
                for _ in range(draw.randrange(4))}
    if kind < 0.6:
        return draw.choice(TEXTS)
    return draw.choice(NUMBERS) if kind < 0.9 else draw.choice([None, True, False])


def yaml_value(draw: random.Random):
    """One that a document may hold, as well."""
    return raw(draw.choice(SCALARS)) if draw.random() < 0.3 else value(draw)
