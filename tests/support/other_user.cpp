// A process that the daemon's user can neither signal nor end: a test that is root makes a copy of
// this program setuid root, and a step starts it. It becomes root altogether, since a process may
// be signalled by whoever started it as long as it only has root's rights.
#include <unistd.h>

int main() {
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return 1;
  for (;;) pause();
}
