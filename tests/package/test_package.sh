#!/bin/bash
# The packages, in a root with nothing but Debian's base system: the tarball from an odd directory, the
# Debian package with what apt brings for it, an upgrade under a run, and what a purge leaves.
# It wants root, to make a root directory. The last line is the count.
#
#   tests/package/test_package.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

passed=0
root=
ok() {
  passed=$((passed + 1))
  printf 'ok   %s\n' "$*"
}
fail() {
  printf 'FAIL %s\n' "$*"
  [[ ! -s $root/tmp/daemon.log ]] || tail -n 20 "$root/tmp/daemon.log"
  echo "$passed passed, 1 failed"
  exit 1
}

# within SECONDS COMMAND…: until it succeeds.
within() {
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < limit)) || fail "waited too long for: $*"
    sleep 0.1
  done
}

if (($(id -u) != 0)); then
  echo "not run: only root can make a root directory"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi

# Mounts and processes of what follows end with it.
if [[ ${1-} != inside ]]; then
  mkdir -p build
  scripts/package >build/package.log 2>&1 || {
    tail -n 20 build/package.log
    fail "scripts/package"
  }
  scripts/build release next_charter-daemon next_charter-worker >/dev/null
  exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" inside
fi

packages=$PWD/build/package
base=$packages/root
deb=$(echo "$packages"/*.deb)
needs=$(dpkg-deb -f "$deb" Depends)

# The base system, with the packages that ours depends on fetched and not installed; kept for next time.
if [[ ! -e $base/needs || $(<"$base/needs") != "$needs" ]]; then
  rm -rf --one-file-system "$base"
  debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$base" \
    >"$packages/debootstrap.log" || fail "debootstrap ($packages/debootstrap.log)"
  chroot "$base" apt-get clean
  cp "$deb" "$base/tmp/charter-daemon.deb"
  chroot "$base" apt-get install -q -y --no-install-recommends --download-only /tmp/charter-daemon.deb \
    >"$packages/download.log" 2>&1 || fail "apt-get ($packages/download.log)"
  rm "$base/tmp/charter-daemon.deb"
  printf '%s' "$needs" >"$base/needs"
fi

root=$(mktemp -d)
trap 'umount --recursive --lazy "$root" && rmdir "$root"' EXIT
mount -t tmpfs -o mode=0755 charter-package "$root"
cp -a "$base/." "$root"
mount --bind /proc "$root/proc"
mount -t tmpfs charter-dev "$root/dev"
for device in null zero random urandom tty; do
  read -r major minor < <(stat -c '%Hr %Lr' "/dev/$device")
  mknod -m 0666 "$root/dev/$device" c "$major" "$minor"
done
ln -s /proc/self/fd "$root/dev/fd"
chroot "$root" useradd --system --create-home --home-dir /srv/charter charter
shop=/srv/charter/shop
cp -r examples/project "$root$shop"
mkdir "$root$shop/workflows/slow"
sed 's/watch/slow/' examples/project/workflows/watch/manifest.yml >"$root$shop/workflows/slow/manifest.yml"
cat >"$root$shop/workflows/slow/plan.yml" <<'END'
steps:
  - {id: begin, type: shell, run: echo begun >> log}
  - {id: hold, type: shell, run: 'while [ ! -e go ]; do sleep 0.1; done; echo held >> log'}
  - {id: end, type: shell, run: echo ended >> log}
END
chroot "$root" chown -R charter: /srv/charter

as_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive)
as_user=(chroot "$root" env -i PATH=/usr/bin:/bin HOME=/srv/charter
  setpriv --reuid=charter --regid=charter --init-groups env -C "$shop")
program=
ours() { "${as_user[@]}" "$program" "$@"; }
answers() { ours status >/dev/null 2>&1; }
# What it does, or how it has ended; steps have such members, too, behind those of the run.
state_is() {
  local run
  run=$(ours status "$1" --json)
  [[ ${run%%\"steps\"*} =~ \"stat(e|us)\":\"$2\" ]]
}
# Events from the first to number $2, each once.
events_are() { [[ $(ours events "$1" --json | grep -o '"seq":[0-9]*' | cut -d: -f2) == "$(seq 0 "$2")" ]]; }
files() {
  (cd "$root" && find . \( -path ./proc -o -path ./dev -o -path ./srv -o -path ./tmp -o -path './var/cache/*' \
    -o -path './var/log/*' -o -path './var/lib/dpkg/*' -o -path './var/lib/apt/*' \) -prune -o -print | sort)
}
# dpkg COMMAND FILE…, the files as the root has them; what it says is in its log.
manage() {
  "${as_root[@]}" sh -c 'dpkg $*' dpkg "$@" >"$root/tmp/dpkg.log" 2>&1 || fail "dpkg $*: $(<"$root/tmp/dpkg.log")"
}

begin() {
  "${as_user[@]}" "$program" start --project-path . --gateway "$gateway" >>"$root/tmp/daemon.log" 2>&1 &
  daemon=$!
  within 20 answers
}
end() {
  ours stop >/dev/null
  wait "$daemon" || fail "the daemon has not stopped well"
}
# first_session NAME: what a first day has, with whatever `program` is.
first_session() {
  "${as_user[@]}" "$program" gateway --listen 127.0.0.1:0 --data /srv/charter/gateway >"$root/tmp/gateway.log" 2>&1 &
  gateway_pid=$!
  within 20 grep -q 'listening on http' "$root/tmp/gateway.log"
  gateway=$(grep -o 'http://[0-9.:]*' "$root/tmp/gateway.log" | tail -n 1)
  begin
  ours run release --var version=1.0 --run-id first >/dev/null
  within 20 state_is first paused
  ours list | grep -q '^first ' || fail "$1: list does not show the run"
  ours resume first --approve --note fine >/dev/null
  within 20 state_is first completed
  ours run watch --run-id second >/dev/null
  within 20 state_is second executing
  ours kill second --grace 1 >/dev/null
  state_is second cancelled || fail "$1: kill has not ended the run"
  ok "$1: one run is approved, one killed"
}
end_gateway() {
  kill "$gateway_pid"
  wait "$gateway_pid" || fail "the gateway has not ended well"
  rm -rf "$root/srv/charter/gateway" "$root$shop/.charter"
}

# The tarball needs none of the packages that ours depends on.
mkdir -p "$root/srv/odd place"
tar -xzf "$packages"/*.tar.gz -C "$root/srv/odd place"
mv "$root/srv/odd place"/charter-daemon-* "$root/srv/odd place/here"
program="/srv/odd place/here/bin/charter-daemon"
first_session "the tarball, in '/srv/odd place'"
end
end_gateway

# The Debian package, with what apt has found that it needs.
before=$(files)
cp "$deb" "$root/tmp/charter-daemon.deb"
needed=()
for file in "$root"/var/cache/apt/archives/*.deb; do
  name=$(dpkg-deb -f "$file" Package)
  [[ $name == charter-daemon ]] || needed+=("$name")
done
"${as_root[@]}" dpkg -i /tmp/charter-daemon.deb >/dev/null 2>&1 && fail "it can be installed without what it needs"
"${as_root[@]}" dpkg --purge charter-daemon >/dev/null 2>&1
manage -i '/var/cache/apt/archives/*.deb' /tmp/charter-daemon.deb
ok "it can be installed with what it says it needs, and not without"
program=/usr/bin/charter-daemon
for file in /usr/share/man/man1/charter-daemon-start.1.gz /lib/systemd/system/charter-daemon@.service \
  /lib/systemd/user/charter-daemon@.socket /usr/share/bash-completion/completions/charter-daemon \
  /usr/share/doc/charter-daemon/copyright; do
  [[ -s $root$file ]] || fail "$file is missing"
done
grep -q '^ExecStart=/usr/bin/charter-daemon start' "$root/lib/systemd/system/charter-daemon@.service" ||
  fail "the unit starts another program"
first_session "the Debian package"

# An upgrade by a package of the next version, while a run executes and its daemon serves.
next=$root/tmp/next
dpkg-deb -R "$deb" "$next"
cp build/release/bin/next/charter-daemon "$next/usr/bin/"
cp build/release/bin/next/charter-worker "$next/usr/libexec/charter-daemon/"
sed -i 's/^Version: .*/&+next/' "$next/DEBIAN/control"
dpkg-deb --root-owner-group --build "$next" "$root/tmp/next.deb" >/dev/null
ours run slow --run-id third >/dev/null
held() { [[ $(ours events third) == *hold*started* ]]; }
within 20 held
[[ $(ours status third --json) =~ \"guardian_pid\":([0-9]+) ]] || fail "no guardian"
guardian=${BASH_REMATCH[1]}
manage -i /tmp/next.deb
answers || fail "the old daemon does not answer after the upgrade"
end
begin
[[ $(ours --version) == 'charter-daemon next'* ]] || fail "the program is not the next one"
[[ $(ours status third --json) =~ \"guardian_pid\":$guardian[,}] ]] || fail "the run has another process now"
touch "$root$shop/go"
within 20 state_is third completed
[[ $(<"$root$shop/log") == $'begun\nheld\nended' ]] || fail "steps of the run: $(<"$root$shop/log")"
events_are third 6 || fail "the run's events are not 0 to 6: $(ours events third)"
state_is first completed || fail "the next version does not know what the last one did"
ok "an upgrade leaves the run that executes alone"
end
end_gateway

echo CHARTER_GATEWAY_DAEMON_TOKEN=secret >"$root/etc/charter-daemon/srv-shop.env"
manage --purge charter-daemon
! grep -i warning "$root/tmp/dpkg.log" || fail "purge warns"
manage --purge "${needed[@]}"
left=$(comm -13 <(echo "$before") <(files))
[[ -z $left ]] || fail "a purge leaves: $left"
[[ $(files) == "$before" ]] || fail "a purge takes along: $(comm -23 <(echo "$before") <(files))"
ok "a purge leaves nothing"

echo "$passed passed, 0 failed"
