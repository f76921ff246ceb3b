"""Damages documents: their trees before they are written, or their text after it."""

import copy
import random

from oracle.values import ODD, ODD_SCALARS, raw

# Names that scenarios share would make them change each other's outcome.
SHARED = ("key", "path", "id")


def places(tree, path: tuple = ()):
    """The path of each place in it."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


def misspelt(draw: random.Random, key):
    if not isinstance(key, str) or not key:
        return draw.choice([5, "zz"])
    at = draw.randrange(len(key))
    return draw.choice([key + "s", key[:at] + key[at + 1:], key.title(), f" {key}", f"{key[:at]}_{key[at:]}"])


def damaged(draw: random.Random, tree):
    """The tree with one place of it changed."""
    tree = copy.deepcopy(tree)
    every = list(places(tree))
    if not every:
        return draw.choice(ODD)
    path = draw.choice(every)
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    key, way = path[-1], draw.random()
    if way < 0.2:
        del holder[key]
    elif way < 0.35 and isinstance(holder, dict):
        pairs = [(misspelt(draw, k) if k == key else k, v) for k, v in holder.items()]
        holder.clear()
        holder.update(pairs)
    elif way < 0.45 and isinstance(holder, dict):
        holder[draw.choice(["zz", "type", "run", "message", "with", "default", "id", "uses", "é", 5])] = draw.choice(ODD)
    elif way < 0.55 and isinstance(holder, list):
        holder.insert(draw.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    elif way < 0.62:
        other = tree
        for step in draw.choice(every):
            other = other[step]
        holder[key] = copy.deepcopy(other)
    elif way < 0.72:
        holder[key] = raw(draw.choice(ODD_SCALARS))
    else:
        fitting = [odd for odd in ODD if key not in SHARED or not isinstance(odd, str)]
        holder[key] = draw.choice(fitting)
    return tree


def garbled(draw: random.Random, text: str) -> str:
    """The text with a character, a line or an indentation changed."""
    lines = text.split("\n")
    row = draw.randrange(len(lines))
    line, way = lines[row], draw.randrange(9)
    at = draw.randrange(len(line) + 1)
    if way == 0:
        lines[row] = line[:at] + draw.choice(list(":-#{}[],&*!|>'\"%@`\t ?") + ["é", "\x01", "\n"]) + line[at:]
    elif way == 1:
        lines[row] = line[:at] + line[at + 1:]
    elif way == 2:
        lines.insert(row, line)
    elif way == 3:
        del lines[row]
    elif way == 4:
        lines[row] = " " * draw.randrange(1, 4) + line
    elif way == 5:
        lines[row] = line.lstrip() if line != line.lstrip() else "\t" + line
    elif way == 6:
        lines = lines[:row] + [line[:at]]
    elif way == 7:
        lines.insert(row, draw.choice(["---", "...", "%YAML 1.1", "zz: 1", "<<: 5", "? x", "- x", "&a", "a: *a", "key: &k {<<: *k}"]))
    else:
        other = draw.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
    return "\n".join(lines)
