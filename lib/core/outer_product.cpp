#include "hessq/core/outer_product.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace hessq {
namespace {

constexpr Index panel = 256;

Index panels(Index rows) { return (rows + panel - 1) / panel; }
Index panel_rows(Index rows, Index p) { return std::min(panel, rows - p * panel); }

} // namespace

void add_outer_product(Eigen::Ref<Matrix> sum, MatrixView f) {
    const Index n = f.rows();
    require(sum.rows() == n && sum.cols() == n, "add_outer_product",
            "the sum must be square with as many rows as the factor (" + std::to_string(n) + ")",
            std::to_string(sum.rows()) + " x " + std::to_string(sum.cols()));
    std::vector<std::pair<Index, Index>> tiles;
    for (Index q = 0; q < panels(n); ++q)
        for (Index p = q; p < panels(n); ++p) tiles.emplace_back(p, q);
    parallel_for(static_cast<Index>(tiles.size()), [&](Index t) {
        const auto [p, q] = tiles[static_cast<std::size_t>(t)];
        const Index rows = panel_rows(n, p), cols = panel_rows(n, q);
        auto tile = sum.block(p * panel, q * panel, rows, cols);
        if (p == q)
            tile.selfadjointView<Eigen::Lower>().rankUpdate(f.middleRows(p * panel, rows));
        else
            tile.noalias() += f.middleRows(p * panel, rows) * f.middleRows(q * panel, cols).transpose();
    });
}

void mirror_lower_triangle(Eigen::Ref<Matrix> a) {
    a.triangularView<Eigen::StrictlyUpper>() = a.transpose().triangularView<Eigen::StrictlyUpper>();
}

Matrix outer_product(MatrixView f) {
    Matrix result = Matrix::Zero(f.rows(), f.rows());
    add_outer_product(result, f);
    mirror_lower_triangle(result);
    return result;
}

SymmetricOperator outer_product_operator(Matrix f, std::string name) {
    const Index n = f.rows();
    const auto factor = std::make_shared<const Matrix>(std::move(f));
    return SymmetricOperator(
        n,
        [factor](MatrixView v) {
            // First F'V by panels of columns of F, then F (F'V) by panels of rows: no sum crosses a task.
            Matrix inner(factor->cols(), v.cols());
            parallel_for(panels(factor->cols()), [&](Index p) {
                const Index cols = panel_rows(factor->cols(), p);
                inner.middleRows(p * panel, cols).noalias() = factor->middleCols(p * panel, cols).transpose() * v;
            });
            Matrix result(v.rows(), v.cols());
            parallel_for(panels(v.rows()), [&](Index p) {
                const Index rows = panel_rows(v.rows(), p);
                result.middleRows(p * panel, rows).noalias() = factor->middleRows(p * panel, rows) * inner;
            });
            return result;
        },
        std::move(name));
}

} // namespace hessq
