"""Writes unicode_tables.cpp. Run it with a Python 3.11 (Unicode 14.0), whose classes they are."""

import unicodedata


def ranges(holds):
    found, start = [], None
    for point in range(0x110001):
        inside = point < 0x110000 and holds(chr(point))
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            found.append((start, point - 1))
            start = None
    return found


def table(name, entries):
    lines, line = [], " "
    for entry in entries:
        if len(line) + len(entry) + 2 > 100:
            lines.append(line)
            line = " "
        line += f" {entry},"
    lines.append(line)
    body = "\n".join(lines)
    return f"const CodeRange {name}[] = {{\n{body}\n}};\n" if "{" in entries[0] else (
        f"const char32_t {name}[] = {{\n{body}\n}};\n"
    )


def pairs(holds):
    return [f"{{0x{first:X}, 0x{last:X}}}" for first, last in ranges(holds)]


zeros = [f"0x{p:X}" for p in range(0x110000) if unicodedata.decimal(chr(p), None) == 0]
print("// Unicode", unicodedata.unidata_version, "as Python 3.11 classes it.")
print("// Made by make_unicode_tables.py; do not edit.")
print('#include "worker/json/unicode_tables.h"\n\nnamespace charter::worker {\n')
print("// clang-format off")
for name, entries in (
    ("kUnprintable", pairs(lambda c: not c.isprintable())),
    ("kAlphanumeric", pairs(str.isalnum)),
    ("kDigitZeros", zeros),
):
    print(table(name, entries))
    print(f"const std::size_t {name}Count = sizeof {name} / sizeof *{name};\n")
print("// clang-format on\n\n}  // namespace charter::worker")
