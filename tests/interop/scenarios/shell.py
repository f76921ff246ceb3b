"""Shell steps: outputs, their types, failures, output that is odd or large, environment."""

from oracle.scenario import acts, case


def step(run: str, more: str = "", name: str = "a") -> str:
    return f"  - id: {name}\n    type: shell\n    run: |-\n" + "".join(
        f"      {line}\n" for line in run.split("\n")) + (f"    {more}\n" if more else "")


OUT = "outputs: {%s}"
case("shell_nothing", step("true"))
case("shell_many", "".join(step(f"echo {n}", name=f"s{n}") for n in range(12)))
case("shell_builtins", step("echo out; echo err >&2", OUT % "stdout: string, stderr: string, exit_code: number"))
case("shell_trailing", step(r"printf 'a\r\n\nb \r\n\r\n\n'", OUT % "stdout: string"))
case("shell_json_object", step("""echo '{"a": 1, "b": [true, null], "c": "x"}'""", OUT % "a: number, b: array"))
case("shell_json_single", step("""echo '{"a": {"b": 2}}'""", OUT % "whole: object"))
case("shell_json_named", step("""echo '{"a": {"b": 2}}'""", OUT % "a: object"))
case("shell_json_builtin_mix", step("""echo '{"n": 5}'""", OUT % "stdout: string, n: number, exit_code: number"))
case("shell_text", step("echo hello there", OUT % "t: string"))
case("shell_number_text", step("echo 007", OUT % "t: string"))
case("shell_number", step("echo 12.50", OUT % "t: number"))
case("shell_exponent", step("echo '[1e3, 1E-7, 1.0, -0, -0.0, 1e16, 123456789012345678, 0.1]'", OUT % "t: array"))
case("shell_big_integer", step("echo 123456789012345678901234567890123456789012345678901234567890", OUT % "t: number"))
case("shell_nan", step("echo '[NaN, Infinity, -Infinity, 1E400]'", OUT % "t: array"))
case("shell_nan_chain", step("echo NaN", OUT % "t: number") + step("printf %s \"$v\"", "inputs: {v: t}\n    outputs: {stdout: string}", "b"))
case("shell_duplicate_keys", step("""echo '{"a": 1, "a": 2}'""", OUT % "w: object"))
case("shell_not_quite_json", step("echo '{a: 1}'", OUT % "t: string"))
case("shell_empty", step("true", OUT % "t: string"))
case("shell_spaces", step("echo '  \"x\"  '", OUT % "t: string"))
case("shell_unicode", step("printf '\\303\\251 \\360\\237\\230\\200 \\342\\200\\250'", OUT % "t: string"))
case("shell_escapes", step(r"""printf '%s' '"\ud83d\ude00 \u00e9 \n \u0000 \/ \ud800"'""", OUT % "t: string"))
case("shell_control", step(r"printf 'a\001b\033[0m\177'", OUT % "t: string"))
case("shell_null", step("echo null", OUT % "t: string"))
case("shell_no_outputs_kept", step("echo '{\"x\": 1}'"))
for kind, text in {"string": "5", "number": "true", "boolean": "1", "array": "{}", "object": "[]"}.items():
    case(f"shell_type_{kind}", step(f"echo '{text}'", OUT % f"t: {kind}"))
case("shell_types_right", step("""echo '{"s": "x", "n": 1.5, "b": false, "l": [], "o": {}}'""",
     OUT % "s: string, n: number, b: boolean, l: array, o: object"))
case("shell_multiple_text", step("echo hello", OUT % "a1: string, b1: string"))
case("shell_multiple_list", step("echo '[1]'", OUT % "a1: string, b1: string"))
case("shell_multiple_null", step("echo null", OUT % "a1: string, b1: string"))
case("shell_missing_key", step("""echo '{"b1": "x"}'""", OUT % "a1: string, b1: string, c1: string"))
case("shell_fails", step("exit 3"))
case("shell_fails_stderr", step("echo out; echo 'bad thing' >&2; exit 1"))
case("shell_fails_stdout", step("echo only out; exit 255"))
case("shell_fails_late", step("true") + step("exit 2", name="b") + step("true", name="c"))
case("shell_signal_kill", step("kill -KILL $$"))
case("shell_signal_term", step("kill -TERM $$"))
case("shell_signal_segv", step("kill -SEGV $$"))
case("shell_command_missing", step("no-such-command-at-all"))
case("shell_syntax_error", step("if then"))
case("shell_long_stderr", step("head -c 300000 /dev/zero | tr '\\0' e >&2; exit 4"))
case("shell_long_both", step("head -c 400000 /dev/zero | tr '\\0' e >&2; head -c 400000 /dev/zero | tr '\\0' o", OUT % "stdout: string, stderr: string"))
case("shell_8192", step("head -c 8192 /dev/zero | tr '\\0' x", OUT % "t: string"))
case("shell_8193", step("head -c 8193 /dev/zero | tr '\\0' x", OUT % "t: string"))
case("shell_8193_utf8", step("head -c 8190 /dev/zero | tr '\\0' x; printf '\\303\\251\\303\\251'", OUT % "t: string"))
case("shell_list_marker", step("printf '['; head -c 9000 /dev/zero | tr '\\0' '\\n' | sed 's/.*/1,/'; printf '2]'", OUT % "t: array"))
case("shell_mb_marker", step("head -c 1048576 /dev/zero | tr '\\0' x", OUT % "t: string"))
case("shell_1023_kb", step("head -c 1048575 /dev/zero | tr '\\0' x", OUT % "t: string"))
case("shell_bash", step("echo $BASH_VERSION | grep -c . ; echo ${0##*/}", "shell: bash\n    outputs: {stdout: string}"))
case("shell_shell_path", step("echo ${0##*/}", "shell: /bin/bash\n    outputs: {stdout: string}"))
case("shell_shell_missing", step("true", "shell: /no/such/shell"))
case("shell_shell_unknown_name", step("true", "shell: nosuchshell"))
case("shell_run_number", "  - {id: a, type: shell, run: 5}\n")
case("shell_id_number", "  - {id: 5, type: shell, run: echo x, outputs: {stdout: string}}\n")
case("shell_id_odd", "  - {id: 'é / \"', type: shell, run: echo x, outputs: {stdout: string}}\n")
case("shell_stdin_is_empty", step("cat", OUT % "stdout: string"))
case("shell_own_session", step("test $(ps -o sid= -p $$) = $$ && echo leader", OUT % "stdout: string"))
case("shell_cwd", step("pwd", OUT % "stdout: string"))
case("shell_path_first", step("echo \"${PATH%%:*}\"", OUT % "stdout: string"))
case("shell_environment", step("env | grep -v -e ^CHARTER_ -e ^_= -e ^PWD= -e ^OLDPWD= -e ^SHLVL= | sort", OUT % "stdout: string"))
case("shell_mask_and_signals", step("umask; grep -E '^Sig(Ign|Blk)' /proc/self/status", OUT % "stdout: string"))
case("shell_descriptors", step("ls /proc/self/fd | tr '\\n' ' '", OUT % "stdout: string"))
case("shell_background_output", step("(sleep 0.2; echo late) & echo early", OUT % "stdout: string"))
case("shell_multiline", step("x=1\nif [ $x = 1 ]; then\n  echo yes\nfi", OUT % "stdout: string"))
case("shell_sensitive_output", step("echo hush", "outputs: {t: {type: string, sensitive: true}}"))
case("shell_sensitive_big", step("head -c 9000 /dev/zero | tr '\\0' x", "outputs: {t: {type: string, sensitive: true}}"))
case("shell_exit_code_output", step("exit 0", OUT % "exit_code: number"))
case("shell_stderr_only", step("echo warn >&2", OUT % "stderr: string"))
case("shell_lone_stdout_json", step("echo '{\"a\":1}'", OUT % "stdout: string"))


@acts(step("printf %s \"$v\"", "inputs: {v: secret}\n    outputs: {t: {type: string, sensitive: true}}")
      + step("echo \"$w\" >&2; exit 9", "inputs: {w: {from: t, sensitive: true}}", "b"),
      variables={"secret": "hunter2-long"})
async def shell_sensitive_error(s):
    await s.run()


@acts(step("printf '\\377\\376x'", OUT % "t: string"))
async def shell_invalid_utf8(s):
    await s.run()
