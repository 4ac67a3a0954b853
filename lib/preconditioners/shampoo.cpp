#include "hessq/preconditioners/shampoo.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace hessq {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// eps I + sum_t A_t A_t', or its diagonal, and what its powers need.
class Side {
public:
    Side(Index size, double eps, Index largest) : dense_(size <= largest) {
        if (dense_)
            sum_ = eps * Matrix::Identity(size, size);
        else
            diagonal_ = Vector::Constant(size, eps);
    }

    void add(const Matrix& a) {
        if (dense_)
            sum_ += a * a.transpose();
        else
            diagonal_ += a.rowwise().squaredNorm();
    }

    void decompose() {
        if (dense_) eigen_ = symmetric_eigen(sum_);
    }

    /// The matrix to a power, ready to be multiplied by.
    struct Power {
        Matrix dense;
        Vector diagonal; ///< if there is no `dense`

        Matrix operator*(MatrixView a) const {
            return diagonal.size() > 0 ? Matrix(diagonal.asDiagonal() * a) : Matrix(dense * a);
        }
    };
    Power to_the(double exponent) const {
        if (!dense_) return {{}, diagonal_.array().pow(exponent)};
        const Vector powers = eigen_.values.array().pow(exponent);
        return {eigen_.vectors * powers.asDiagonal() * eigen_.vectors.transpose(), {}};
    }

private:
    bool dense_;
    Matrix sum_;
    Vector diagonal_;
    SymmetricEigen eigen_;
};

class Shampoo final : public Preconditioner {
public:
    Shampoo(const ParameterLayout& layout, const ShampooPreconditionerOptions& options)
        : layout_(layout), options_(options) {
        for (const ParameterGroup& group : layout.groups) {
            left_.emplace_back(group.rows, options.eps, options.largest);
            right_.emplace_back(group.cols, options.eps, options.largest);
        }
    }

    std::string name() const override { return "shampoo"; }

    void observe(VectorView g) override {
        require_size(g.size(), layout_.dimension(), "shampoo preconditioner", "the gradient");
        require_finite(g, "shampoo preconditioner: the gradient");
        for (std::size_t k = 0; k < left_.size(); ++k) {
            const ParameterGroup& group = layout_.groups[k];
            const Matrix matrix = Eigen::Map<const RowMajor>(g.data() + group.offset, group.rows, group.cols);
            left_[k].add(matrix);
            left_[k].decompose();
            if (group.cols == 1) continue;
            right_[k].add(matrix.transpose());
            right_[k].decompose();
        }
        ++steps_;
    }

    SymmetricOperator matrix() const override { return to_the(1.0, "shampoo"); }
    SymmetricOperator inverse() const override { return to_the(-1.0, "shampoo inverse"); }
    SymmetricOperator inverse_sqrt() const override { return to_the(-0.5, "shampoo inverse square root"); }

private:
    SymmetricOperator to_the(double exponent, std::string operator_name) const {
        require(steps_ >= 1, "shampoo preconditioner", "at least one gradient must have been observed", steps_);
        const double power = exponent * options_.power;
        std::vector<Side::Power> left, right; // of a vector only the left one is used
        for (std::size_t k = 0; k < left_.size(); ++k) {
            const bool is_vector = layout_.groups[k].cols == 1;
            left.push_back(left_[k].to_the(is_vector ? 2.0 * power : power));
            right.push_back(is_vector ? Side::Power{} : right_[k].to_the(power));
        }
        return SymmetricOperator(
            layout_.dimension(),
            [layout = layout_, left = std::move(left), right = std::move(right)](MatrixView v) {
                Matrix result(v.rows(), v.cols());
                for (Index j = 0; j < v.cols(); ++j)
                    for (std::size_t k = 0; k < left.size(); ++k) {
                        const ParameterGroup& group = layout.groups[k];
                        Matrix layer =
                            Eigen::Map<const RowMajor>(v.col(j).data() + group.offset, group.rows, group.cols);
                        layer = left[k] * layer;
                        if (group.cols > 1) layer = (right[k] * layer.transpose()).transpose().eval();
                        Eigen::Map<RowMajor>(result.col(j).data() + group.offset, group.rows, group.cols) = layer;
                    }
                return result;
            },
            std::move(operator_name));
    }

    ParameterLayout layout_;
    ShampooPreconditionerOptions options_;
    std::vector<Side> left_, right_; ///< for each group
    Index steps_ = 0;
};

} // namespace

std::unique_ptr<Preconditioner> shampoo_preconditioner(const ParameterLayout& layout,
                                                       const ShampooPreconditionerOptions& options) {
    const std::string_view function = "shampoo_preconditioner";
    require(layout.dimension() >= 1, function, "the layout must have at least one parameter", layout.dimension());
    require(options.eps > 0.0, function, "eps must be greater than 0", options.eps);
    require(options.power > 0.0, function, "power must be greater than 0", options.power);
    require(options.largest >= 1, function, "largest must be at least 1", options.largest);
    return std::make_unique<Shampoo>(layout, options);
}

} // namespace hessq
