// From nodes to the value PyYAML's safe constructor makes of them.
#pragma once

#include <boost/system/result.hpp>

#include "worker/json/value.h"
#include "worker/yaml/node.h"
#include "worker/yaml/reader.h"

namespace charter::worker {

// Changes the document: merge keys are replaced by what they stand for.
[[nodiscard]] boost::system::result<Value, YamlError> construct_yaml(YamlDocument& document,
                                                                     const YamlSource& source,
                                                                     const YamlLimits& limits);

}  // namespace charter::worker
