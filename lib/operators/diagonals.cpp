#include "hessq/operators/diagonals.hpp"

namespace hessq {

Vector row_norms(MatrixView h) { return h.rowwise().norm(); }

} // namespace hessq
