#!/bin/sh
# A capability of workflows: counts the lines of the files in a folder. It speaks JSON-RPC 2.0 over
# its standard input and output, one object a line, and is asked `setup` first, `execute` for each
# step that uses it, and `teardown` last.

# first NAME, last NAME: the text of the first or last member of that name in $line. Members come in
# a fixed order, the request's own id first and the step's inputs last.
first() {
  rest=${line#*"\"$1\":\""}
  printf %s "${rest%%\"*}"
}
last() {
  rest=${line##*"\"$1\":\""}
  printf %s "${rest%%\"*}"
}

result() { printf '{"jsonrpc":"2.0","id":"%s","result":%s}\n' "$id" "$1"; }
refuse() { printf '{"jsonrpc":"2.0","id":"%s","error":{"message":"%s"}}\n' "$id" "$1"; }

tally() {
  separator=
  printf '{"folder":"%s","files":[' "$1"
  find "$1" -type f | sort | while read -r file; do
    printf '%s{"path":"%s","lines":%d}' "$separator" "$file" "$(wc -l <"$file")"
    separator=,
  done
  printf ']}'
}

while IFS= read -r line; do
  id=$(first id)
  if [ "$(first method)" != execute ]; then
    result '{}'
    continue
  fi
  folder=$(last folder)
  if [ -d "$folder" ]; then
    result "{\"value\":$(tally "$folder")}"
  else
    refuse 'no such folder'
  fi
done
