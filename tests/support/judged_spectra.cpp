#include "support/judged_spectra.hpp"

#include "hessq/core/random.hpp"

#include <cmath>
#include <utility>

namespace hessq::test {

Matrix without_column(const Matrix& m, Index i) {
    Matrix rest(m.rows(), m.cols() - 1);
    rest << m.leftCols(i), m.rightCols(m.cols() - 1 - i);
    return rest;
}

/// sqrt(n) times the Walsh-Hadamard transform of each column, in place; n is a power of 2.
static void hadamard(Matrix& v) {
    const Index n = v.rows();
    for (Index k = 0; k < v.cols(); ++k) {
        double* const x = v.col(k).data();
        for (Index half = 1; half < n; half *= 2)
            for (Index i = 0; i < n; i += 2 * half)
                for (Index j = i; j < i + half; ++j) {
                    const double a = x[j], b = x[j + half];
                    x[j] = a + b;
                    x[j + half] = a - b;
                }
    }
}

RotatedSpectrum::RotatedSpectrum(Vector values, std::uint64_t seed) : values_(std::move(values)) {
    for (std::uint64_t d = 0; d < 3; ++d) signs_.push_back(sign_vector(RandomStream(seed, d), values_.size()));
}

Matrix RotatedSpectrum::to_eigenbasis(Matrix v) const {
    for (const Vector& d : signs_) {
        v.array().colwise() *= d.array();
        hadamard(v);
    }
    return v / std::pow(static_cast<double>(v.rows()), 1.5);
}

Matrix RotatedSpectrum::from_eigenbasis(Matrix v) const {
    for (auto d = signs_.rbegin(); d != signs_.rend(); ++d) {
        hadamard(v);
        v.array().colwise() *= d->array();
    }
    return v / std::pow(static_cast<double>(v.rows()), 1.5);
}

SymmetricOperator RotatedSpectrum::matrix() const {
    return SymmetricOperator(
        values_.size(),
        [*this](MatrixView v) -> Matrix { return from_eigenbasis(values_.asDiagonal() * to_eigenbasis(v)); }, "A");
}

std::vector<NamedSpectrum> judged_spectra(Index n) {
    const auto make = [n](auto f) -> Vector {
        return Vector::NullaryExpr(n, [&](Index i) -> double { return f(static_cast<double>(i)); });
    };
    const auto last = static_cast<double>(n - 1);
    return {{"flat", make([last](double i) { return 1.0 + 2.0 * i / last; })},
            {"i^-2", make([](double i) { return 1.0 / ((i + 1.0) * (i + 1.0)); })},
            {"0.9^i", make([](double i) { return std::pow(0.9, i); })},
            {"0.7^i", make([](double i) { return std::pow(0.7, i); })},
            {"step", make([](double i) { return i < 50.0 ? 1.0 : 1e-3; })},
            {"huge step", make([](double i) { return i < 50.0 ? 1.0 : 1e-8; })},
            {"indefinite", make([last](double i) { return 2.2 * i / last - 1.0; })},
            {"+-1/i", make([](double i) { return (std::fmod(i, 2.0) == 0.0 ? 1.0 : -1.0) / (i + 1.0); })},
            {"rank 20", make([](double i) { return i < 20.0 ? 1.0 + i / 20.0 : 0.0; })}};
}

} // namespace hessq::test
