#include "eager_products.hpp"

// Eigen's operators by their names: ours would call itself.
namespace hessq::products {

Matrix times(MatrixView a, MatrixView b) { return a.operator*(b); }
Matrix transposed_times(MatrixView a, MatrixView b) { return a.transpose().operator*(b); }
Matrix times_transposed(MatrixView a, MatrixView b) { return a.operator*(b.transpose()); }
Vector apply(MatrixView a, VectorView x) { return a.operator*(x); }
Vector apply_transposed(MatrixView a, VectorView x) { return a.transpose().operator*(x); }

} // namespace hessq::products
