#pragma once

#include "hessq/core/random.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hessq::test {

/// Q diag(values) Q' with Q a product of four random reflections: n log n work to make, and products that round as
/// those of any matrix do, unlike those of a diagonal one.
inline SymmetricOperator reflected(const Vector& values, std::uint64_t seed) {
    const Index n = values.size();
    Matrix u = normal_vector(RandomStream(seed, 77), 4 * n).reshaped(n, 4);
    u.colwise().normalize();
    return SymmetricOperator(
        n,
        [values, u](MatrixView v) -> Matrix {
            Matrix y = v;
            for (Index k = 0; k < 4; ++k) y -= 2.0 * u.col(k) * (u.col(k).transpose() * y);
            y = values.asDiagonal() * y;
            for (Index k = 3; k >= 0; --k) y -= 2.0 * u.col(k) * (u.col(k).transpose() * y);
            return y;
        },
        "reflected");
}

/// A spectrum whose ends are hard to count.
struct HardSpectrum {
    std::string name;
    Index top, bottom;                           ///< pairs asked for
    std::function<Vector(std::uint64_t)> values; ///< ascending
};

inline Vector ascending_values(std::vector<double> list) {
    std::sort(list.begin(), list.end());
    return Eigen::Map<const Vector>(list.data(), static_cast<Index>(list.size()));
}

/// n eigenvalues: random ones in [0, 1], and at both ends levels that occur `copies[i]` times.
inline Vector with_multiplicities(Index n, const std::vector<Index>& copies, double gap, std::uint64_t seed,
                                  bool both_ends = true) {
    std::vector<double> list;
    for (std::size_t i = 0; i < copies.size(); ++i)
        for (Index c = 0; c < copies[i]; ++c) {
            const double level = gap * static_cast<double>(copies.size() - i);
            list.push_back(1.0 + level);
            if (both_ends) list.push_back(-level);
        }
    const RandomStream stream(seed, 78);
    for (std::uint64_t i = 0; static_cast<Index>(list.size()) < n; ++i) list.push_back(stream.uniform(i));
    return ascending_values(std::move(list));
}

inline std::vector<HardSpectrum> hard_spectra(Index n) {
    std::vector<HardSpectrum> all;
    for (const Index m : {2, 3, 4, 6, 8, 10}) {
        all.push_back({"multiplicity " + std::to_string(m), 5, 5, [=](std::uint64_t seed) {
                           return with_multiplicities(n, {m, m}, 0.3, seed);
                       }});
        all.push_back({"all " + std::to_string(m) + " copies wanted", m, m,
                       [=](std::uint64_t seed) { return with_multiplicities(n, {m}, 0.3, seed); }});
    }
    all.push_back({"multiplicities 4, 3, 2, 1", 10, 10, [n](std::uint64_t seed) {
                       return with_multiplicities(n, {4, 3, 2, 1}, 0.2, seed);
                   }});
    all.push_back({"multiplicities 1, 2, 3, 4", 10, 0, [n](std::uint64_t seed) {
                       return with_multiplicities(n, {1, 2, 3, 4}, 0.2, seed);
                   }});
    for (const double width : {1e-4, 1e-8, 1e-12})
        all.push_back({"clusters of 5, " + std::to_string(std::lround(-std::log10(width))) + " digits alike", 5, 5,
                       [=](std::uint64_t seed) {
                           Vector v = with_multiplicities(n, {5, 5}, 0.3, seed);
                           for (Index i = 0; i < n; ++i)
                               if (v(i) < 0.0 || v(i) > 1.0)
                                   v(i) += width * RandomStream(seed, 79).uniform(static_cast<std::uint64_t>(i));
                           return ascending_values({v.begin(), v.end()});
                       }});
    all.push_back({"zeros at the bottom", 3, 5, [n](std::uint64_t seed) {
                       Vector v = with_multiplicities(n, {2}, 0.3, seed, false);
                       v.head(n / 8).setZero();
                       v.tail(n - n / 8).array() += 0.02;
                       return v;
                   }});
    all.push_back({"rank 3", 3, 2, [n](std::uint64_t seed) {
                       std::vector<double> list(static_cast<std::size_t>(n), 0.0);
                       for (std::uint64_t i = 0; i < 3; ++i) list[i] = RandomStream(seed, 80).normal(i);
                       return ascending_values(std::move(list));
                   }});
    all.push_back({"identity plus rank 2", 4, 2, [n](std::uint64_t seed) {
                       std::vector<double> list(static_cast<std::size_t>(n), 1.0);
                       list[0] = list[1] = 2.0 + RandomStream(seed, 81).uniform(0);
                       return ascending_values(std::move(list));
                   }});
    all.push_back({"two ends alike, double", 4, 4, [n](std::uint64_t seed) {
                       std::vector<double> list;
                       for (std::uint64_t i = 0; static_cast<Index>(list.size()) + 4 <= n; ++i)
                           for (const double sign : {1.0, 1.0, -1.0, -1.0})
                               list.push_back(sign * std::pow(0.93, static_cast<double>(i)) *
                                              (1.0 + 0.01 * RandomStream(seed, 82).uniform(i)));
                       list.resize(static_cast<std::size_t>(n), 0.0);
                       return ascending_values(std::move(list));
                   }});
    all.push_back({"every level twice", 6, 6, [n](std::uint64_t seed) {
                       std::vector<double> list;
                       for (std::uint64_t i = 0; static_cast<Index>(list.size()) + 4 <= n; ++i)
                           for (const double sign : {1.0, 1.0, -1.0, -1.0})
                               list.push_back(sign * std::pow(0.5, static_cast<double>(i)) *
                                              (1.0 + 0.3 * RandomStream(seed, 83).uniform(i)));
                       list.resize(static_cast<std::size_t>(n), 0.0);
                       return ascending_values(std::move(list));
                   }});
    return all;
}

/// The claim of a certificate, held against the truth: the largest |values(k) - k-th eigenvalue| of the certified
/// pairs, in units of what it promises; 0 if there are none.
template <class Ends>
double worst_promise(const Ends& found, const Vector& ascending, double tolerance) {
    double squares = 0.0;
    for (const auto* end : {&found.top, &found.bottom})
        for (Index i = 0; i < end->values.size(); ++i)
            if (end->certified[static_cast<std::size_t>(i)]) squares += end->residuals(i) * end->residuals(i);
    const double promise = tolerance * found.norm + std::sqrt(squares) + 1e-13 * found.norm;
    const Index n = ascending.size();
    double worst = 0.0;
    for (Index i = 0; i < found.top.values.size(); ++i)
        if (found.top.certified[static_cast<std::size_t>(i)])
            worst = std::max(worst, std::abs(found.top.values(i) - ascending(n - 1 - i)) / promise);
    for (Index i = 0; i < found.bottom.values.size(); ++i)
        if (found.bottom.certified[static_cast<std::size_t>(i)])
            worst = std::max(worst, std::abs(found.bottom.values(i) - ascending(i)) / promise);
    return worst;
}

} // namespace hessq::test
