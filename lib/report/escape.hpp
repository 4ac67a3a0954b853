#pragma once

#include <string>
#include <string_view>

namespace hessq {

/// Text as it stands in HTML or SVG, between tags or in a quoted attribute. Control characters, which neither allows,
/// become U+FFFD.
std::string escape_html(std::string_view text);

} // namespace hessq
