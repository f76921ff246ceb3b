// From libyaml's events to nodes.
#pragma once

#include <boost/system/result.hpp>

#include "worker/yaml/node.h"
#include "worker/yaml/reader.h"

namespace charter::worker {

[[nodiscard]] boost::system::result<YamlDocument, YamlError> compose_yaml(std::string_view text,
                                                                          const YamlSource& source,
                                                                          const YamlLimits& limits);

}  // namespace charter::worker
