#pragma once

#include "hessq/core/types.hpp"

#include <concepts>

// In a source that sees this header, a product of matrices is a matrix, computed by functions that are compiled once.
// Eigen's is an expression, whose evaluation is compiled anew for each pair of operand types and for what it is
// assigned to: half of the compile time of sources that combine many small matrices. Not for the library's hot paths:
// there noalias() and the scale of a product belong to Eigen's expression.

namespace hessq {
namespace products {

Matrix times(MatrixView a, MatrixView b);            ///< A B
Matrix transposed_times(MatrixView a, MatrixView b); ///< A'B
Matrix times_transposed(MatrixView a, MatrixView b); ///< A B'
Vector apply(MatrixView a, VectorView x);            ///< A x
Vector apply_transposed(MatrixView a, VectorView x); ///< A'x

template <class E>
inline constexpr bool is_transpose = false;
template <class E>
inline constexpr bool is_transpose<Eigen::Transpose<E>> = true;

template <class E>
concept Expression = std::derived_from<E, Eigen::MatrixBase<E>> && std::same_as<typename E::Scalar, double>;
template <class E>
concept AnyMatrix =
    Expression<E> && E::RowsAtCompileTime != 1 && E::ColsAtCompileTime != 1 && E::SizeAtCompileTime == Eigen::Dynamic;
template <class E>
concept AnyVector = Expression<E> && E::RowsAtCompileTime != 1 && E::ColsAtCompileTime == 1;

} // namespace products

template <products::AnyMatrix A, products::AnyMatrix B>
Matrix operator*(const A& a, const B& b) {
    if constexpr (products::is_transpose<A>)
        return products::transposed_times(a.nestedExpression(), b);
    else if constexpr (products::is_transpose<B>)
        return products::times_transposed(a, b.nestedExpression());
    else
        return products::times(a, b);
}

template <products::AnyMatrix A, products::AnyVector X>
Vector operator*(const A& a, const X& x) {
    if constexpr (products::is_transpose<A>)
        return products::apply_transposed(a.nestedExpression(), x);
    else
        return products::apply(a, x);
}

} // namespace hessq
