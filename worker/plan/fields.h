// Which fields a mapping of a plan may have.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "worker/json/value.h"
#include "worker/plan/problems.h"

namespace charter::worker {

using FieldNames = std::initializer_list<std::string_view>;

// A problem for each field not among `allowed`, sorted by name. `where` ("top level") is added
// when it is not empty.
void check_unknown(const Object& raw, FieldNames allowed, const std::string& context,
                   Problems& problems, std::string_view where = {});

// A problem for each field of `forbidden` that is there; `kind` is "gate steps" and so on.
void check_forbidden(const Object& raw, FieldNames forbidden, const std::string& context,
                     std::string_view kind, Problems& problems);

}  // namespace charter::worker
