#include "hessq/core/random.hpp"

#include <Random123/philox.h>
#include <cmath>
#include <numbers>
#include <numeric>
#include <tuple>
#include <utility>

namespace hessq {
namespace {

double to_unit(std::uint64_t bits) {
    // The middle of one of 2^52 equal cells: exact in a double, and never an end point.
    return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52;
}

} // namespace

RandomStream::Draw RandomStream::draw(std::uint64_t index) const {
    using Generator = r123::Philox4x32;
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const Generator::ctr_type counter = {{low(index), high(index), low(stream_), high(stream_)}};
    const Generator::key_type key = {{low(seed_), high(seed_)}};
    const Generator::ctr_type out = Generator{}(counter, key);
    return {std::uint64_t{out[0]} << 32 | out[1], std::uint64_t{out[2]} << 32 | out[3]};
}

double RandomStream::uniform(std::uint64_t index) const { return to_unit(draw(index).first); }

double RandomStream::normal(std::uint64_t index) const {
    const Draw bits = draw(index);
    const double radius = std::sqrt(-2.0 * std::log(to_unit(bits.first)));
    return radius * std::cos(2.0 * std::numbers::pi * to_unit(bits.second));
}

std::pair<double, double> RandomStream::normal_pair(std::uint64_t index) const {
    const Draw bits = draw(index);
    const double radius = std::sqrt(-2.0 * std::log(to_unit(bits.first)));
    const double angle = 2.0 * std::numbers::pi * to_unit(bits.second);
    return {radius * std::cos(angle), radius * std::sin(angle)};
}

double RandomStream::sign(std::uint64_t index) const { return draw(index).first >> 63 ? 1.0 : -1.0; }

Index RandomStream::integer(std::uint64_t index, Index count) const {
    return static_cast<Index>(draw(index).first % static_cast<std::uint64_t>(count));
}

Vector normal_vector(const RandomStream& stream, Index size, std::uint64_t offset) {
    return Vector::NullaryExpr(size, [&](Index i) { return stream.normal(offset + static_cast<std::uint64_t>(i)); });
}

Vector sign_vector(const RandomStream& stream, Index size, std::uint64_t offset) {
    return Vector::NullaryExpr(size, [&](Index i) { return stream.sign(offset + static_cast<std::uint64_t>(i)); });
}

std::uint64_t fill_normal(const RandomStream& stream, std::uint64_t offset, Matrix& block) {
    double* const out = block.data();
    const Index size = block.size();
    for (Index i = 0; i + 1 < size; i += 2) std::tie(out[i], out[i + 1]) = stream.normal_pair(offset++);
    if (size % 2 == 1) out[size - 1] = stream.normal(offset++);
    return offset;
}

std::vector<Index> random_permutation(const RandomStream& stream, Index count) {
    std::vector<Index> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), Index{0});
    for (Index i = count - 1; i > 0; --i)
        std::swap(order[static_cast<std::size_t>(i)],
                  order[static_cast<std::size_t>(stream.integer(static_cast<std::uint64_t>(i), i + 1))]);
    return order;
}

} // namespace hessq
