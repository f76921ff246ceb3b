// What `dev` keeps in a project, under .charter/dev: the gateway's data, the token, and while it
// runs a file that logs a browser in.
#pragma once

#include <string>

#include "client/outcome.h"

namespace charter::client {

struct DevPlace {
  std::string directory;   // absolute, mode 0700
  std::string gateway;     // the gateway's data
  std::string token_file;  // mode 0600
  std::string login_file;  // an HTML file, mode 0600, which leads to the page with the token
  std::string token;       // never printed
};

// Makes what is missing, the token included, which stays the project's. Refuses a directory that is
// another user's; a token that others could read is replaced.
[[nodiscard]] Expected<DevPlace> prepare_dev_place(const std::string& root);

// Writes the login file for the page at `url`. The token goes this way because an address on a
// command line can be read by every user of the machine.
[[nodiscard]] Expected<void> write_login_file(const DevPlace& place, const std::string& url);
// When nobody serves that address any more, whoever takes it must not be sent the token.
void remove_login_file(const DevPlace& place);

// "file:///a%20b/open.html"
[[nodiscard]] std::string file_url(const std::string& path);

}  // namespace charter::client
