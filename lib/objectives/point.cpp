#include "point.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hessq {

std::string point_text(VectorView w) {
    constexpr Index shown = 4;
    std::string text;
    for (Index i = 0; i < std::min(shown, w.size()); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", w(i));
    return fmt::format("w = ({}{})", text, w.size() > shown ? ", ..." : "");
}

} // namespace hessq
