"""Takes out of an observation what differs between any two runs: times, ids, durations, places."""

import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?(Z|\+00:00)")
# The version is whatever the package index had when the reference was installed.
LIBRARY = re.compile(r"(errors\.pydantic\.dev)/[\d.]+/")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Normal:
    """Ids are numbered as they appear, so that a repeated one must repeat on both sides."""

    def __init__(self, places: dict[str, str]) -> None:
        self._places = places
        self._ids: dict[str, str] = {}

    def value(self, value, key=None):
        if isinstance(value, dict):
            items = value.items()
            if key == "resolved_capabilities":
                items = sorted(items)  # The reference's order is that of a set.
            return {self.text(k): self.value(v, k) for k, v in items}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if key == "duration_ms" and type(value) is int and value >= 0:
            return "<duration>"
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        for place, name in self._places.items():
            text = text.replace(place, name)
        text = TIME.sub(r"<time>\1", text)
        text = LIBRARY.sub(r"\1/<version>/", text)
        return UUID.sub(self._number, text)

    def _number(self, match: re.Match) -> str:
        return self._ids.setdefault(match[0], f"<id {len(self._ids) + 1}>")


def leaves(value, path: str = "") -> dict:
    """The leaves of a tree by path, in order; a leaf is (type, text), so 1, 1.0 and true differ."""
    if isinstance(value, dict) and value:
        found = {}
        for key, inner in value.items():
            found.update(leaves(inner, f"{path}/{key}"))
        return found
    if isinstance(value, list) and value:
        found = {}
        for index, inner in enumerate(value):
            found.update(leaves(inner, f"{path}/{index}"))
        return found
    return {path: value if isinstance(value, str) else f"{type(value).__name__} {value!r}"}


def errors(observed: dict) -> list[str]:
    """The error texts of an observation, in order."""
    found = []
    for answer in observed["answers"]:
        if isinstance(answer, dict):
            found += [answer[key] for key in ("error", "message") if answer.get(key)]
    for run in observed["runs"].values():
        found += [m["event"]["error"] for m in run["events"] if m["event"].get("error")]
        if run["state"] and run["state"]["value"].get("error"):
            found.append(run["state"]["value"]["error"])
    return [text for text in found if isinstance(text, str)]
