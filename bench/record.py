"""What the recording gateway has received, read as its file grows."""

from pathlib import Path

TERMINAL = (b'"RunCompleteEvent"', b'"RunFailedEvent"', b'"RunCancelledEvent"')


class Record:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.lines: list[bytes] = []

    def read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += lines

    def arrivals(self, prefix: str, *kinds: bytes, since: int = 0) -> list[int]:
        """When events of runs of that prefix arrived, in nanoseconds; of these kinds, or all, in
        the lines from `since` on."""
        run = f'"{prefix}-'.encode()
        found = [line for line in self.lines[since:] if run in line and b'"run.event"' in line
                 and (not kinds or any(kind in line for kind in kinds))]
        return [int(line.split(b" ", 1)[0]) for line in found]

    def connected(self) -> int:
        """When the latest connection was made."""
        return max(int(line.split(b" ", 1)[0]) for line in self.lines if b" !open" in line)

    def ends(self, prefix: str, since: int = 0) -> list[int]:
        return self.arrivals(prefix, *TERMINAL, since=since)

    def starts(self, prefix: str) -> list[int]:
        return self.arrivals(prefix, b'"StepStartEvent"')

    def pauses(self, prefix: str) -> list[int]:
        return self.arrivals(prefix, b'"GatePendingEvent"')
