#pragma once

#include "hessq/core/types.hpp"

#include <string>

namespace hessq {

/// "w = (2.5, -1, 0, 0, ...)", for messages.
std::string point_text(VectorView w);

} // namespace hessq
