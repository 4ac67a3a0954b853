#include "hessq/estimators/probes.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>

namespace hessq {
namespace {

constexpr std::uint64_t sign_stream = 0x70726f62657331;   // "probes1"
constexpr std::uint64_t normal_stream = 0x70726f62657332; // "probes2"
constexpr Index signs_per_draw = 62;                      // what RandomStream::integer gives at most, in whole bits

void check(Index n, Index first, Index count, const char* function) {
    require(n >= 1, function, "n must be at least 1", n);
    require(first >= 0, function, "first must be at least 0", first);
    require(count >= 0, function, "count must be at least 0", count);
}

} // namespace

Matrix sign_probes(std::uint64_t seed, Index n, Index first, Index count) {
    check(n, first, count, "sign_probes");
    const RandomStream stream(seed, sign_stream);
    const Index draws = (n + signs_per_draw - 1) / signs_per_draw;
    Matrix z(n, count);
    parallel_for(count, [&](Index k) {
        double* const column = z.col(k).data();
        for (Index d = 0; d < draws; ++d) {
            Index bits =
                stream.integer(static_cast<std::uint64_t>((first + k) * draws + d), Index{1} << signs_per_draw);
            const Index begin = d * signs_per_draw, end = std::min(n, begin + signs_per_draw);
            for (Index i = begin; i < end; ++i, bits >>= 1) column[i] = (bits & 1) != 0 ? 1.0 : -1.0;
        }
    });
    return z;
}

Matrix normal_probes(std::uint64_t seed, Index n, Index first, Index count) {
    check(n, first, count, "normal_probes");
    const RandomStream stream(seed, normal_stream);
    const Index draws = (n + 1) / 2;
    Matrix z(n, count);
    parallel_for(count, [&](Index k) {
        for (Index d = 0; d < draws; ++d) {
            const auto [one, other] = stream.normal_pair(static_cast<std::uint64_t>((first + k) * draws + d));
            z(2 * d, k) = one;
            if (2 * d + 1 < n) z(2 * d + 1, k) = other;
        }
    });
    return z;
}

} // namespace hessq
