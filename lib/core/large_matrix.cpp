#include "hessq/core/large_matrix.hpp"

#include <cstdint>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace hessq {

Matrix large_matrix(Index rows, Index cols) {
    Matrix result(rows, cols);
#ifdef __linux__
    // Whole pages inside the matrix only. A request that is not granted changes nothing.
    constexpr std::uintptr_t page = 4096, worthwhile = 4 << 20;
    const auto begin = (reinterpret_cast<std::uintptr_t>(result.data()) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(result.data() + result.size()) / page * page;
    if (end > begin && end - begin >= worthwhile)
        (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
    return result;
}

void resize_large(Matrix& matrix, Index rows, Index cols) {
    if (matrix.rows() != rows || matrix.cols() != cols) matrix = large_matrix(rows, cols);
}

} // namespace hessq
