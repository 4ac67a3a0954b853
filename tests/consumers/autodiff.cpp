// Derivatives of the program's own function, by the one header that brings in Boost. Part of one of the programs only:
// it takes as long to compile as all the rest.
#include <hessq/objectives/autodiff.hpp>

#include <cstdlib>

using namespace hessq;

namespace {

/// Made before main, and perhaps before the library's own objects.
const bool right = [] {
    const AutodiffObjective objective(2, [](const auto& w) { return w(0) * w(0) + 3.0 * w(1) * w(1); });
    if (objective.dense_hessian(Vector::Ones(2)) != Matrix{{2.0, 0.0}, {0.0, 6.0}}) std::abort();
    return true;
}();

} // namespace
