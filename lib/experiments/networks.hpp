#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// Networks small enough that everything about them is known: what E-b8, E-b11 and the experiments of essay (a) share.

namespace hessq {

/// P4: a 6-8-1 tanh network with squared loss on 400 samples, x ~ N(0, I), y = teacher(x) + label_noise xi. The teacher
/// is a network of the same shape whose weights have standard deviation 2 / sqrt(inputs): its units bend, but few
/// saturate.
///
/// Throws     std::invalid_argument if label_noise < 0.
Mlp teacher_network(const RandomStream& stream, double label_noise);

/// A network at a point, and the Hessian's resolved eigenpairs there (see resolved_directions).
struct NetworkAt {
    std::shared_ptr<const ModelObjective> loss;
    Vector parameters;
    Vector gradient = {};
    Matrix hessian = {};
    Vector lambda = {};     ///< ascending; can be negative where the point is no minimum
    Matrix directions = {}; ///< column k belongs to lambda(k)
};

/// Cost       One dense Hessian and its eigenvectors.
NetworkAt network_at(std::shared_ptr<const ModelObjective> loss, Vector parameters);

/// Students of teacher networks, trained from PyTorch's start to |g| <= 1e-6 by saddle-free and then damped Newton
/// steps. Student i is a pure function of (seed, stream, i). Those that stop earlier - the minimum of a unit that
/// saturates lies far out - are left out: the result holds the first `count` that converge, about four in five.
struct Students {
    std::vector<NetworkAt> trained;
    std::vector<NetworkAt> untrained; ///< the same networks where their training started
    Index stopped_early = 0;          ///< of those that were tried
};
Students train_students(Index count, double label_noise, std::uint64_t seed, std::uint64_t stream);

/// Moments of the full-batch gradient g over the cloud w + s z, z ~ N(0, I).
struct CloudMoments {
    Matrix mean = {};           ///< u_k'g, resolved directions x blocks of draws
    Matrix second_moment = {};  ///< (u_k'g)^2, the same
    Vector coordinates = {};    ///< g_i^2, all draws
    double linear_error = 0.0;  ///< sqrt(E |g - g(w) - H delta|^2 / E |H delta|^2)
    double typical_error = 0.0; ///< along one eigenvector, relative to both parts of g, so at most 1: the median

    Vector along() const;      ///< E (u_k'g)^2
    Vector covariance() const; ///< Var u_k'g
};

/// Cost       `draws` gradients and 2 n k flops each.
/// Throws     std::invalid_argument unless blocks >= 1 and draws >= 2 blocks.
CloudMoments gradient_cloud(const NetworkAt& network, double s, Index draws, Index blocks, const RandomStream& stream);

/// u_k'Sigma u_k from every tenth, say, of the samples, centered at the mean of all: directions x parts, so that their
/// mean is Sigma's own. The spread of the parts is what other samples would change, the network staying as it is.
///
/// Throws     std::invalid_argument unless 1 <= parts <= samples.
Matrix noise_by_parts(const NetworkAt& network, Index parts);

/// Metric M1 of w_k on |lambda_k|, without an error bar; NaN where there is no line to fit.
double cloud_exponent(const NetworkAt& network, VectorView w);

/// A trained network of the bundled problems: Adam (lr .01, batch 100) from the problem's start.
NetworkAt trained_bundled(const std::string& problem, Index steps, std::uint64_t seed);

} // namespace hessq
