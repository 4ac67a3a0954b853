#include "hessq/estimators/probes.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <bit>

namespace hessq {
namespace {

constexpr std::uint64_t sign_stream = 0x70726f62657331;   // "probes1"
constexpr std::uint64_t normal_stream = 0x70726f62657332; // "probes2"
constexpr std::uint64_t one = std::bit_cast<std::uint64_t>(1.0);
constexpr Index signs_per_draw = 62; // what RandomStream::integer gives at most, in whole bits

void check(Index n, Index first, Index count, ProbeRows rows, const char* function) {
    require(n >= 1, function, "n must be at least 1", n);
    require(first >= 0, function, "first must be at least 0", first);
    require(count >= 0, function, "count must be at least 0", count);
    require(rows.begin >= 0 && rows.begin % signs_per_draw == 0, function, "rows must begin at a multiple of 62",
            rows.begin);
    require(rows.size >= 0 && rows.size <= n - rows.begin, function, "rows must be at most those from there to the end",
            rows.size);
}

void fill_signs(std::uint64_t seed, Index n, Index first, Index begin_row, Eigen::Ref<Matrix> z) {
    const RandomStream stream(seed, sign_stream);
    const Index draws = (n + signs_per_draw - 1) / signs_per_draw, begin = begin_row / signs_per_draw;
    parallel_for(z.cols(), [&](Index k) {
        double* const column = z.col(k).data();
        const Index offset = (first + k) * draws + begin;
        for (Index i = 0, d = 0; i < z.rows(); ++d) {
            // +1 with the next bit as its sign, in a loop that vectorizes.
            const auto bits = static_cast<std::uint64_t>(
                stream.integer(static_cast<std::uint64_t>(offset + d), Index{1} << signs_per_draw));
            const Index size = std::min(signs_per_draw, z.rows() - i);
            for (Index j = 0; j < size; ++j) column[i + j] = std::bit_cast<double>(one | bits >> j << 63);
            i += size;
        }
    });
}

void fill_normals(std::uint64_t seed, Index n, Index first, Index begin_row, Eigen::Ref<Matrix> z) {
    const RandomStream stream(seed, normal_stream);
    const Index draws = (n + 1) / 2, begin = begin_row / 2;
    parallel_for(z.cols(), [&](Index k) {
        const Index offset = (first + k) * draws + begin;
        for (Index i = 0; i < z.rows(); i += 2) {
            const auto [first_normal, second_normal] = stream.normal_pair(static_cast<std::uint64_t>(offset + i / 2));
            z(i, k) = first_normal;
            if (i + 1 < z.rows()) z(i + 1, k) = second_normal;
        }
    });
}

} // namespace

void sign_probes(std::uint64_t seed, Index first, Eigen::Ref<Matrix> z) {
    check(z.rows(), first, z.cols(), {0, z.rows()}, "sign_probes");
    fill_signs(seed, z.rows(), first, 0, z);
}

void normal_probes(std::uint64_t seed, Index first, Eigen::Ref<Matrix> z) {
    check(z.rows(), first, z.cols(), {0, z.rows()}, "normal_probes");
    fill_normals(seed, z.rows(), first, 0, z);
}

Matrix sign_probes(std::uint64_t seed, Index n, Index first, Index count, ProbeRows rows) {
    check(n, first, count, rows, "sign_probes");
    Matrix z = large_matrix(rows.size, count);
    fill_signs(seed, n, first, rows.begin, z);
    return z;
}

Matrix normal_probes(std::uint64_t seed, Index n, Index first, Index count, ProbeRows rows) {
    check(n, first, count, rows, "normal_probes");
    Matrix z = large_matrix(rows.size, count);
    fill_normals(seed, n, first, rows.begin, z);
    return z;
}

Matrix sign_probes(std::uint64_t seed, Index n, Index first, Index count) {
    return sign_probes(seed, n, first, count, {0, n});
}

Matrix normal_probes(std::uint64_t seed, Index n, Index first, Index count) {
    return normal_probes(seed, n, first, count, {0, n});
}

} // namespace hessq
