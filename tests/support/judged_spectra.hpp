#pragma once

#include "hessq/core/symmetric_operator.hpp"

#include <string>
#include <vector>

namespace hessq::test {

/// What is left of a block of probes without one of them.
Matrix without_column(const Matrix& m, Index i);

/// A = Q diag(values) Q' with Q' = H D H D' H D'' / n^(3/2), H Hadamard's matrix and D random signs: a random basis for
/// the estimators, which see sums of many signs, and a product in n log n.
class RotatedSpectrum {
public:
    RotatedSpectrum(Vector values, std::uint64_t seed);

    Matrix to_eigenbasis(Matrix v) const;
    Matrix from_eigenbasis(Matrix v) const;
    SymmetricOperator matrix() const;
    const Vector& values() const { return values_; }

private:
    Vector values_;
    std::vector<Vector> signs_;
};

struct NamedSpectrum {
    std::string name;
    Vector values;
};

/// The spectra on which error bars are judged: as published for XTrace, and what Hessians add to them.
std::vector<NamedSpectrum> judged_spectra(Index n);

} // namespace hessq::test
