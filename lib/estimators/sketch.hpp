#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/probes.hpp"
#include "hessq/estimators/xtrace.hpp"
#include "state_file.hpp"

#include <cstdint>
#include <string_view>

namespace hessq {

enum class SketchProbes { signs, normals };

/// The range that A gives to random vectors: A Omega = Q R, Q orthonormal, grown block by block.
class Sketch {
public:
    Sketch() = default;
    Sketch(SketchProbes law, std::uint64_t seed) : law_(law), seed_(seed) {}

    Index size() const { return r_.cols(); }
    Index multiplied() const { return multiplied_; } ///< columns of A Q that are there
    auto q() const { return q_.leftCols(size()); }   ///< n x k
    auto aq() const { return aq_.leftCols(multiplied_); }
    const Matrix& r() const { return r_; } ///< k x k, upper triangular
    /// Some rows of the probes first, ..., first + count - 1.
    Matrix omega(Index first, Index count, ProbeRows rows) const;

    /// Takes the memory for so many probes at once.
    void reserve(Index n, Index size);
    /// `count` more probes, for as many products. Q and R of the former ones stay as they are, to the last bit.
    /// Returns    The products A Omega of the new ones, which grown() has.
    Matrix grow(const SymmetricOperator& a, Index count, std::string_view function);
    const Matrix& grown() const { return grown_; } ///< the probes of the last block
    /// The missing columns of A Q, in blocks; at most so many of them.
    void multiply_q(const SymmetricOperator& a, Index block, std::string_view function, Index at_most);

    /// Column i is the unit vector s_i with range(A Omega without omega_i) = Q (I - s_i s_i') R^k.
    Matrix left_out() const;

    void save(NumberWriter& out) const;
    void load(NumberReader& in);

private:
    SketchProbes law_ = SketchProbes::signs;
    std::uint64_t seed_ = 0;
    Matrix q_, aq_; ///< with room for more columns
    Matrix r_;
    Matrix grown_;
    Index multiplied_ = 0;
};

/// Throws     std::invalid_argument if an option is out of range.
void check_options(const XTraceOptions& options, std::string_view function);

/// Whether n products, which leave nothing to chance, are no more than what these probes take.
inline bool gives_all(const XTraceOptions& options, Index products_a_probe, Index dimension) {
    return products_a_probe * options.samples >= dimension;
}

/// A sketch of options.samples probes with all of A Q, for twice as many products.
Sketch multiplied_sketch(const SymmetricOperator& a, SketchProbes law, const XTraceOptions& options,
                         std::string_view function);

/// A Omega, options.block vectors at a time.
Matrix products_with(const SymmetricOperator& a, MatrixView omega, const XTraceOptions& options,
                     std::string_view function);

/// Estimates t_i, each with probe i left out of the range and used for what is outside it, and their means f_i when the
/// probe is left out altogether. f_i is the estimate that k - 1 probes would give.
struct LeaveOneOut {
    Vector estimates;
    Vector without; ///< of each probe
    double rounding = 0.0;

    double value() const { return estimates.mean(); }
    /// The spread of the estimates over sqrt(k): too small, because they share their ranges.
    double spread() const;
    /// Tukey's jackknife over probes, sqrt((k - 1) / k sum_i (f_i - mean f)^2): by the inequality of Efron and Stein
    /// its square is on average at least the variance with k - 1 probes.
    double jackknife() const;
};

/// XTrace from a sketch with A Q. `scaled`: what is outside the range counts with the length that it should have.
LeaveOneOut xtrace_estimates(const Sketch& sketch, bool scaled, std::string_view function);

/// XNysTrace from the products Y = A Omega alone, of a positive semidefinite A.
LeaveOneOut xnystrace_estimates(MatrixView omega, MatrixView y, std::string_view function);

/// The Nystrom approximation F of A + shift I that XNysTrace and XNysDiag share.
struct Nystrom {
    Matrix c; ///< Y M^-1, n x k
    Matrix m_inverse;
    Matrix y; ///< A Omega + shift Omega
    double shift = 0.0;
};
Nystrom nystrom(MatrixView omega, MatrixView y, std::string_view function);

/// mean_i |(I - Q_i Q_i') A omega_i|^2, Q_i without omega_i: |(I - P) A|_F^2 with one probe less.
double left_over(const Sketch& sketch);
/// The same with the first `head` probes as the range and the others for what is outside it.
double left_over(const Sketch& sketch, Index head);

} // namespace hessq
