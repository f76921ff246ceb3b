#include "worker/integrations/bridge/program.h"

namespace charter::worker {

// Read to the byte, since what follows on the pipe is the first request.
std::vector<std::string> bridge_command(const std::string& interpreter, const char* part) {
  const std::string size = std::to_string(kBridgeProgram.size());
  return {interpreter, "-c",
          "import os\n"
          "text = b''\n"
          "while len(text) < " +
              size +
              ":\n"
              "    chunk = os.read(0, " +
              size +
              " - len(text))\n"
              "    if not chunk: raise SystemExit(1)\n"
              "    text += chunk\n"
              "exec(compile(text, 'charter_bridge.py', 'exec'))\n",
          part};
}

}  // namespace charter::worker
