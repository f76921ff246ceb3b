"""The named differences: where our daemon answers otherwise than the reference, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """In the scenarios of that pattern the leaf at that path (a pattern, too) may be `ours` here
    and `reference` there: regular expressions over the whole leaf, `<nothing>` for one that is
    missing. With the path STORY they are held against what happened as a whole, one line a side
    (see compare.story), and the leaves may then differ as they like.

    One that does not occur although its scenarios ran is a failure, too, unless it is one of
    those that happen only `sometimes`."""

    scenario: str
    path: str
    ours: str
    reference: str
    reason: str
    sometimes: bool = False


STORY = "<story>"
RUN_ID = "run ids are checked, since the reference writes files of their names anywhere"
UNWRITABLE = (
    "a run whose first state cannot be written is refused with the same text, instead of failing "
    "without any state")
BAD_UTF8 = "what is no UTF-8 becomes U+FFFD instead of failing the step"
STATELESS = "a run that fails before its first step has a state that says so; the reference has none"
OWN_COPY = "the daemon keeps a state file of its own beside what it gives to a storage driver"
EXTRA_SAVE = (
    "a storage driver is told that the run has failed, too, where the reference leaves it running")
EVENT_STORE = "events go to the driver that the run is with, not to that of the daemon's start"
ODD_SEQ = "what is no integer of 64 bits is no stream_seq"
OWN_YAML = "libyaml has its own words for what is no YAML"
WHILE = "while (scanning|parsing) an? [a-z ]+"
NO_DICTIONARY = (r"refused \(.*capabilities\..*\.(config|env|config_secret_refs|env_secret_refs)"
                 r"\n  Input should be a valid dictionary.*")
DICTIONARIES = (
    "what has to be a dictionary in a capability is refused with its name, instead of failing with "
    "Python's complaint when the run begins")
BAD_ID = r"refused .*run.id: (it )?must match .*"

DIFFERENCES: list[Difference] = [
    Difference("handoff_raw_deep", STORY, r"refused \(Invalid JSON request\)", r"refused \(\)",
               "every bad request gets an answer; the reference drops the connection"),
    Difference("handoff_invalid_utf8", STORY, r"refused \(Invalid JSON request\)", r"refused \(\)",
               "every bad request gets an answer; the reference drops the connection"),
    Difference("handoff_large", STORY, r"ok \| run: StepStart StepComplete RunComplete, completed",
               r"refused \(Request too large\).*", "requests may have 64 MiB instead of 64 KiB"),
    Difference("handoff_unsafe_run_id_*", STORY, BAD_ID, "ok .*", RUN_ID),
    Difference("handoff_unicode_id", STORY, BAD_ID, "ok .*", RUN_ID),
    Difference("launch_un*_run_id", STORY, BAD_ID, "ok .*", RUN_ID),
    Difference("handoff_id_of_ended_run", STORY, r"ok \| refused .*(used before|already managed).*completed",
               r"ok \| ok \| .*", "an id names one run for ever; the reference overwrites its state"),
    # Its state file is the nested project's, where the scene does not look.
    Difference("handoff_nested_project", STORY, r"ok \| .*RunComplete, no state file",
               r"refused \(Project runtime is missing .*",
               "only what uses Python wants the project's virtual environment"),
    Difference("handoff_snapshot_nameless", STORY, r"refused \(workflow_id is required .*",
               r"ok \| run: RunFailed\(workflow_id is required .*", UNWRITABLE),
    Difference("handoff_snapshot_unknown_type", STORY, r"refused \(Step 'a': unknown type 'zz'.*",
               r"ok \| .*StepFailed\('a'\) .*",
               "snapshots are checked for what would make the interpreter complain in the middle"),
    Difference("handoff_snapshot_retry_odd", STORY, r"refused \(Step 'a': retry.attempts must .*",
               r"ok \| .*StepFailed\(can only concatenate .*",
               "snapshots are checked for what would make the interpreter complain in the middle"),
    Difference("input_value_date", STORY, r"refused \(Object of type date .*",
               r"ok \| run: RunFailed\(Object of type date .*", UNWRITABLE),
    Difference("launch_plan_date_id", STORY, r"refused internal_error\(Object of type date .*",
               r"ok \| run: RunFailed\(Object of type date .*", UNWRITABLE),
    Difference("document_scalar_2[4-7]", STORY, r"refused internal_error\(Object of type .*",
               r"ok \| run: RunFailed\(Object of type .*", UNWRITABLE),
    Difference("handoff_plan_alias_loop", "/answers/0/error", ".*inside what it stands for.*",
               "Each step must be a mapping", "an alias that holds itself has no end to expand"),
    Difference("shell_invalid_utf8", STORY, ".*RunComplete, completed",
               ".*StepFailed.*codec can't decode.*", BAD_UTF8),
    Difference("shell_escapes", STORY, ".*RunComplete, completed",
               ".*StepFailed.*surrogates not allowed.*", BAD_UTF8),
    Difference("input_surrogate", STORY, ".*RunComplete, completed",
               ".*StepFailed.*surrogates not allowed.*", BAD_UTF8),
    Difference("shell_sensitive_error", "*/error",
               "Shell step 'b' failed with exit code 9: <redacted: sensitive>",
               "Shell step 'b' failed with exit code 9: hunter2-long",
               "sensitive values known to the run are masked in error texts"),
    *(Difference(scenario, "/runs/run/state*", ".*", "<nothing>|NoneType None", STATELESS)
      for scenario in (
          "command_missing_program", "command_setup_fails", "command_setup_dies", "command_empty_command", "command_silent_program",
          "command_secret_gone_at_hand_off", "command_kinds_unknown", "command_without_kind",
          "handoff_capability_kind_odd", "handoff_capability_without_kind",
          "handoff_capability_not_given")),
    *(Difference(scenario, "*/error", ".*closed stdout unexpectedly during .*", "Connection lost",
                 "the reference notices by chance whether it may not write or cannot read any more",
                 sometimes=True)
      for scenario in ("command_*", "gen_*")),
    Difference("python_*", "/runs/run/state*", ".*", "<nothing>|NoneType None", STATELESS),
    # Which cases are hit by these is the generator's matter.
    Difference("damaged_*", STORY, ".*inside what it stands for.*", ".*",
               "an alias that holds itself has no end to expand", sometimes=True),
    *(Difference(scenario, STORY, r"refused .*\(Object of type .*",
                 r"ok \|.* run: RunFailed\(.*", UNWRITABLE, sometimes=True)
      for scenario in ("damaged_*", "gen_*")),
    Difference("handoff_no_dictionary_*", STORY, NO_DICTIONARY, "ok .*", DICTIONARIES),
    Difference("damaged_request_*", STORY, NO_DICTIONARY, r"ok \|.* run: RunFailed\(.*", DICTIONARIES,
               sometimes=True),
    Difference("damaged_*", STORY, ".*", r".*found character '\\t' that cannot start any token.*",
               "libyaml takes tabs in more places than PyYAML's own loader", sometimes=True),
    Difference("damaged_snapshot_*", STORY, r"refused \(.*(must|unknown|required|unhashable).*",
               r"ok \|.*(Step|Run)Failed.*",
               "snapshots are checked for what would make the interpreter complain in the middle",
               sometimes=True),
    Difference("damaged_snapshot_*", STORY, r"refused \(.*retry.attempts must be an integer >= 1.*",
               r"ok \|.*", "a step of a snapshot with less than one attempt is refused, instead of "
               "counting as done without having been tried", sometimes=True),
    Difference("damaged_snapshot_*", STORY, r"refused \(.*'(content_type|uses)' must be a string.*",
               r"ok \|.*", "a text that is none is refused in a snapshot as in a plan, also where its "
               "kind of step never looks at it", sometimes=True),
    Difference("damaged_snapshot_*", STORY, r"refused \(.*references unknown question.*",
               r"ok \|.*", "snapshots are checked for what would make the interpreter complain in the "
               "middle", sometimes=True),
    Difference("damaged_*", STORY, ".*", r"refused \(Request too large\).*",
               "requests of up to 64 MiB are taken", sometimes=True),
    Difference("damaged_*", "*/error", ".*<redacted: sensitive>.*", ".*",
               "sensitive values known to the run are masked in error texts", sometimes=True),
    *(Difference("damaged_*", path, f".*{WHILE}.*", f".*{WHILE}.*", OWN_YAML, sometimes=True)
      for path in ("/answers/*/error", "/answers/*/message", "*/error")),
    Difference("damaged_*", STORY, r"refused .*found unexpected ':'.*", r"ok \|.*",
               "libyaml wants a space behind ':' in plain words of a flow collection", sometimes=True),
    Difference("damaged_*", STORY, ".*", r"refused .*expected ',' or .*, but got '\?'.*",
               "libyaml takes '?' as a plain word in a flow collection", sometimes=True),
    Difference("damaged_*", "/answers/*/error", ".*", r".*expected ',' or .*, but got '\?'.*",
               "libyaml takes '?' as a plain word in a flow collection", sometimes=True),
    Difference("damaged_*", "/answers/*/error", ".*found unknown directive name.*",
               ".*expected '<document start>'.*", OWN_YAML, sometimes=True),
    # Where the reference has no state at all, after one RunFailed and nothing else.
    Difference("damaged_*", "/runs/run/state*", ".*", "<nothing>|NoneType None", STATELESS, sometimes=True),
    Difference("damaged_*", "*/error", ".*closed stdout unexpectedly during .*", "Connection lost",
               "the reference notices by chance whether it may not write or cannot read any more",
               sometimes=True),
    Difference("python_sensitive_error", "*/error", "<redacted: sensitive>", "hunter2-long",
               "sensitive values known to the run are masked in error texts"),
    Difference("python_returns_keys", "/runs/run/events/1/event/outputs/got/*",
               "int 3|<nothing>", "<nothing>|int 3",
               "a key that is None is 'null' on the wire as well, as in the state file"),
    Difference("driver_*", "/runs/run/state*", ".*", "<nothing>|NoneType None", OWN_COPY),
    *(Difference(f"driver_{scenario}", path, ours, reference, EXTRA_SAVE)
      for scenario in ("append_fails_*", "*save_fails_*", "*load_fails_second", "setup_fails",
                       "load_returns_*_second", "lacking_*")
      for path, ours, reference in (("/notes/order", "(.* )?failure( append)*", "(.* )?append"),
                                    ("/notes/failures*", ".*", "<nothing>|list \\[\\]"))),
    *(Difference("driver_append_fails_*", path, "int .*", "int .*",
                 "seq stays dense where an event store refuses an event")
      for path in ("/notes/calls/*/worker_seq", "/runs/run/events/*seq")),
    Difference("driver_gate_*ed", "/notes/order", ".* append load save append append",
               ".* append load load save append append", "a refusal needs no second look"),
    *(Difference("driver_append_returns_*", f"/runs/run/events/{number}/stream_seq",
                 "NoneType None", "7|bool True|int .*|float .*", ODD_SEQ) for number in range(3)),
    *(Difference(scenario, path, ".*", ".*", EVENT_STORE)
      for scenario in ("driver_configured_away", "driver_lacking_*", "driver_create_event_store_none")
      for path in ("/notes/order", "/notes/calls*", "/runs/run/events/*/stream_seq")),
    Difference("driver_secret_in_error", "*/error", ".*<redacted: sensitive>.*",
               ".*s3cret-value.*",
               "what the environment tells a driver is masked in error texts"),
    *(Difference("driver_held_is_*", f"/runs/run/{path}", ".*", ".*",
                 "a decision that has no effect announces the run again, as it begins a burst")
      for path in ("order/*", "announced/*")),
    *(Difference(scenario, STORY, rf"ok \| run: StepStart {ours}StepFailed\(no text\) RunFailed\(no text\), failed",
                 rf"ok \| run: StepStart {theirs}RunFailed\(no text\), failed",
                 "an error whose text cannot be made fails its step as any other, and is tried again")
      for scenario, ours, theirs in (
          ("python_raises_untellable", "", ""),
          ("python_raises_untellable_twice", r"StepRetry\(no text\) ", r"StepFailed\(no text\) "))),
    Difference("form_cancelled", STORY, r"ok \| run: InputPending RunCancelled, cancelled",
               r"ok \| run: InputPending RunFailed\(Current step 'f' is not a gate step\), paused",
               "cancelling at an input step cancels, instead of failing on the wire alone"),
    Difference("form_approved", STORY, r"ok \| ok \| run: InputPending StepComplete .*, completed",
               r"ok \| run: InputPending RunFailed\(Current step 'f' is not a gate step\), paused",
               "approval at an input step is ignored, instead of failing on the wire alone"),
    Difference("artifact_damaged", "*/error", ".*[.]json is damaged", "Expecting value: .*",
               "an artifact that cannot be read is named"),
    Difference("command_response_other_id", STORY, ".*with the id of another request.*",
               ".*RunComplete, completed", "ids of responses are compared"),
    # Of the generator's cases: which of them meet one is a matter of chance.
    Difference("gen_*", "/runs/run/state*", ".*", "<nothing>|NoneType None", STATELESS, True),
    Difference("gen_*", STORY, ".*", r".*found character '\\t' that cannot start any token.*",
               "libyaml takes tabs in more places than PyYAML's own loader", True),
    *(Difference("gen_*", path, ".*Invalid YAML: .*", ".*Invalid YAML: .*",
                 OWN_YAML, True)
      for path in ("/answers/*/error", "/answers/*/message", "*/error")),
    Difference("gen_*", STORY, r"refused \(.*inside what it stands for.*", ".*",
               "an alias that holds itself has no end to expand", True),
]
