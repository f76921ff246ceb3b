"""Retries and timeouts of shell steps."""

from oracle.scenario import case

TRIES = "  - {id: a, type: shell, run: '%s', retry: {attempts: %d, delay_seconds: %s}%s}\n"
case("retry_succeeds", TRIES % ("echo x >> tries-@.txt; test $(wc -l < tries-@.txt) = 3".replace("@", "one"), 3, "0", ", outputs: {exit_code: number}"), files=("tries-one.txt",))
case("retry_exhausted", TRIES % ("echo bad >&2; exit 7", 3, "0", ""))
case("retry_once", TRIES % ("exit 7", 1, "0", ""))
case("retry_delay", TRIES % ("exit 7", 2, "0.25", ""))
case("retry_delay_float", TRIES % ("exit 7", 2, "0.0", ""))
case("retry_unknown_source", TRIES % ("true", 2, "0", ", inputs: {v: {from: nobody}}"))
case("retry_mapping", TRIES % ("echo x >> tries-two.txt; echo text", 2, "0", ", outputs: {a: string, b: string}"), files=("tries-two.txt",))
case("retry_not_for_types", TRIES % ("echo x >> tries-three.txt; echo 5", 3, "0", ", outputs: {a: string}"), files=("tries-three.txt",))
case("retry_default_delay", "  - {id: a, type: shell, run: 'echo x >> tries-four.txt; test $(wc -l < tries-four.txt) = 2', retry: {attempts: 2}}\n")
case("timeout_expires", "  - {id: a, type: shell, run: sleep 30, timeout: 1s}\n")
case("timeout_in_time", "  - {id: a, type: shell, run: echo x, timeout: 30s, outputs: {stdout: string}}\n")
case("timeout_and_retry", "  - {id: a, type: shell, run: 'echo x >> tries-five.txt; test $(wc -l < tries-five.txt) = 2 || sleep 30', timeout: 1s, retry: {attempts: 2, delay_seconds: 0}}\n", files=("tries-five.txt",))
case("timeout_exhausted", "  - {id: a, type: shell, run: sleep 30, timeout: 1s, retry: {attempts: 2, delay_seconds: 0}}\n")
case("timeout_ignores_term", "  - {id: a, type: shell, run: 'trap \"\" TERM; sleep 30 & wait; sleep 30', timeout: 1s}\n")
case("timeout_output_held", "  - {id: a, type: shell, run: 'echo x; sleep 30 & true', timeout: 1s, outputs: {stdout: string}}\n")
case("timeout_then_next", "  - {id: a, type: shell, run: echo one, timeout: 1m, outputs: {one: string}}\n  - {id: b, type: shell, run: sleep 9, timeout: 1s}\n")
