// hessq as a worker of the curvature benchmark, and the matrix-product peak of the machine. bench/run.py asks, this
// answers: a JSON list of words a line in, a JSON object a line out.
//
//     prepare FOLDER DATA WIDTH...      the network and its data, "digits" or "synthetic:SAMPLES"; writes inputs,
//     labels,
//                                       theta, vectors and, where the peers need it, hessian .npy, unless FOLDER is "-"
//     implementations WORK              ["hessq"], or [] where the work does not fit into memory
//     time WORK IMPLEMENTATION REPEATS  wall-clock and processor seconds of one repetition
//     agree WORK FILE [FIRST COUNT]...  max |theirs - ours| / max |ours|; the file holds these columns, or all
//     flops WORK                        operations that the method counts for, null where none is stated
//     versions, quit
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/datasets/npy.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

#include <algorithm>
#include <cblas.h>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hessq;

namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

constexpr Index peak_size = 2048;
constexpr Index largest_matrix = 20000; // n x n doubles: 3.2 GB
constexpr Index largest_eigen = 5000;   // 9 n^3 flops beyond this take minutes

struct Case {
    Mlp network;
    std::vector<Index> widths;
    Vector theta;
    Matrix vectors;
    SymmetricOperator hessian, gauss_newton;
    std::optional<Matrix> matrix; ///< what eigen decomposes

    Index n() const { return theta.size(); }
};

Dataset dataset(const std::string& name, Index features, Index classes) {
    if (name == "digits") return bundled_dataset("digits");
    constexpr std::string_view synthetic = "synthetic:";
    if (!name.starts_with(synthetic))
        throw std::invalid_argument("data: expected digits or synthetic:SAMPLES; got " + name);
    return synthetic_classification(std::stol(name.substr(synthetic.size())), features, classes, 1);
}

Case make_case(const std::string& data, std::vector<Index> widths) {
    Mlp network(dataset(data, widths.front(), widths.back()), {.hidden = {widths.begin() + 1, widths.end() - 1}});
    if (network.data().features() != widths.front() || network.outputs() != widths.back())
        throw std::invalid_argument("the first and last width must be those of the data");
    Vector theta = network.initial_parameters(0);
    // Where products are all that is possible, a block of 256 vectors would be a tenth of the memory.
    const Index columns = theta.size() <= 10 * largest_matrix / 2 ? 256 : 16;
    Matrix vectors(theta.size(), columns);
    fill_normal(RandomStream(0, 1), 0, vectors);
    SymmetricOperator hessian = network.hessian(theta), gauss_newton = network.gauss_newton(theta);
    return {std::move(network),
            std::move(widths),
            std::move(theta),
            std::move(vectors),
            std::move(hessian),
            std::move(gauss_newton),
            {}};
}

/// One column of numbers for every class of the benchmark: what it computes and what that has to cost.
struct Work {
    std::function<Matrix(Case&)> run;
    std::function<Json(const Case&)> flops;
    Index largest = 0; ///< largest n; 0: any
};

/// `first` flops a sample for each parameter of the first layer, `others` for each of the rest.
std::function<Json(const Case&)> per_parameter(double first, double others) {
    return [=](const Case& c) {
        const auto n0 = static_cast<double>((c.widths[0] + 1) * c.widths[1]), n = static_cast<double>(c.n());
        return Json((first * n0 + others * (n - n0)) * static_cast<double>(c.network.samples()));
    };
}

/// n_l^2 S / 2 within a layer, where both symmetries of its blocks save a half, and 2 S n_k n_l between two.
Json pair_flops(const Case& c) {
    double sum = 0.0, below = 0.0;
    for (std::size_t l = 0; l + 1 < c.widths.size(); ++l) {
        const auto nl = static_cast<double>((c.widths[l] + 1) * c.widths[l + 1]);
        sum += 0.5 * nl * nl + 2.0 * nl * below;
        below += nl;
    }
    return sum * static_cast<double>(c.network.samples());
}

Json no_count(const Case&) { return nullptr; }

const std::map<std::string, Work>& works() {
    const auto times = [](double k, const std::function<Json(const Case&)>& one) {
        return [=](const Case& c) { return Json(k * one(c).get<double>()); };
    };
    const auto hessian_flops = per_parameter(4, 12), gauss_newton_flops = per_parameter(4, 8);
    static const std::map<std::string, Work> all = {
        {"gradient",
         {[](Case& c) { return Matrix(c.network.value_and_gradient(c.theta).gradient); }, per_parameter(4, 6)}},
        {"product", {[](Case& c) { return c.hessian * c.vectors.leftCols(1); }, hessian_flops}},
        {"products_16", {[](Case& c) { return c.hessian * c.vectors.leftCols(16); }, times(16, hessian_flops)}},
        {"products_256",
         {[](Case& c) { return c.hessian * c.vectors.leftCols(256); }, times(256, hessian_flops), 5 * largest_matrix}},
        {"gauss_newton", {[](Case& c) { return c.gauss_newton * c.vectors.leftCols(1); }, gauss_newton_flops}},
        {"gauss_newton_16",
         {[](Case& c) { return c.gauss_newton * c.vectors.leftCols(16); }, times(16, gauss_newton_flops)}},
        {"per_sample_gradients",
         {[](Case& c) { return c.network.per_sample_gradients(c.theta, Batch::all(c.network.samples())); },
          per_parameter(3, 5), largest_matrix}},
        {"covariance", {[](Case& c) { return noise_covariance(c.network, c.theta); }, pair_flops, largest_matrix}},
        {"hessian", {[](Case& c) { return c.network.dense_hessian(c.theta); }, pair_flops, largest_matrix}},
        {"gauss_newton_matrix",
         {[](Case& c) { return c.network.dense_gauss_newton(c.theta); }, pair_flops, largest_matrix}},
        {"diagonal",
         {[](Case& c) { return Matrix(c.network.hessian_diagonal(c.theta).transpose()); }, no_count, largest_matrix}},
        {"eigen",
         {[](Case& c) {
              if (!c.matrix) c.matrix = c.network.dense_hessian(c.theta);
              return Matrix(symmetric_eigen(*c.matrix).values);
          },
          no_count, largest_eigen}},
        {"lanczos",
         {[](Case& c) {
              return Matrix(
                  extreme_eigenpairs(c.hessian, {.top = 10, .bottom = 0, .tolerance = 1e-10, .certify = false})
                      .top.values);
          },
          no_count, largest_matrix}},
    };
    return all;
}

const Work& find_work(const std::string& name) {
    const auto found = works().find(name);
    if (found == works().end()) throw std::invalid_argument("unknown work " + name);
    return found->second;
}

/// The product of two large matrices by what the library could use: Eigen as it is compiled here, one panel of columns
/// a thread, and OpenBLAS.
class Peak {
public:
    explicit Peak(int threads) : threads_(threads) {
        fill_normal(RandomStream(0, 2), 0, a_);
        fill_normal(RandomStream(0, 3), 0, b_);
    }

    void eigen() {
        parallel_for(threads_, [&](Index t) {
            const Index first = peak_size * t / threads_, end = peak_size * (t + 1) / threads_;
            c_.middleCols(first, end - first).noalias() = a_ * b_.middleCols(first, end - first);
        });
    }

    void openblas() {
        openblas_set_num_threads(threads_);
        constexpr int n = peak_size;
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, a_.data(), n, b_.data(), n, 0.0, c_.data(),
                    n);
        openblas_set_num_threads(1);
    }

private:
    int threads_;
    Matrix a_{peak_size, peak_size}, b_{peak_size, peak_size}, c_{peak_size, peak_size};
};

Json vector_units() {
    Json units = Json::array();
#ifdef __AVX512F__
    units.push_back("AVX-512");
#endif
#ifdef __AVX2__
    units.push_back("AVX2");
#endif
#ifdef __FMA__
    units.push_back("FMA");
#endif
#ifdef __SSE2__
    units.push_back("SSE2");
#endif
#ifdef __ARM_NEON
    units.push_back("NEON");
#endif
    return units;
}

class Worker {
public:
    explicit Worker(int threads) : threads_(threads), limit_(threads) {}

    Json answer(const Words& words) {
        const auto word = [&](std::size_t k) -> const std::string& {
            if (k >= words.size()) throw std::invalid_argument("request too short");
            return words[k];
        };
        const std::string& request = word(0);
        if (request == "prepare") return prepare(word(1), word(2), {words.begin() + 3, words.end()});
        if (request == "implementations") return {{"implementations", implementations(word(1))}};
        if (request == "time") return time(word(1), word(2), std::stoi(word(3)));
        if (request == "agree") return agree(word(1), word(2), {words.begin() + 3, words.end()});
        if (request == "flops") return {{"flops", flops(word(1))}};
        if (request == "versions") return versions();
        throw std::invalid_argument("unknown request " + request);
    }

private:
    Case& current() {
        if (!case_) throw std::invalid_argument("no case is prepared");
        return *case_;
    }

    Json prepare(const std::string& folder, const std::string& data, const Words& widths) {
        std::vector<Index> numbers;
        for (const std::string& w : widths) numbers.push_back(std::stol(w));
        if (numbers.size() < 2) throw std::invalid_argument("a network has at least two widths");
        reference_.reset();
        case_.reset();
        Case& c = case_.emplace(make_case(data, std::move(numbers)));
        if (folder != "-") {
            const std::filesystem::path path = folder;
            std::filesystem::create_directories(path);
            const Matrix& targets = c.network.data().targets;
            Vector labels(targets.cols());
            for (Index s = 0; s < targets.cols(); ++s) {
                Index label = 0;
                if (targets.rows() > 1) targets.col(s).maxCoeff(&label);
                labels(s) = targets.rows() > 1 ? static_cast<double>(label) : targets(0, s);
            }
            save_npy(path / "inputs.npy", c.network.data().inputs.transpose());
            save_npy_vector(path / "labels.npy", labels);
            save_npy_vector(path / "theta.npy", c.theta);
            save_npy(path / "vectors.npy", c.vectors);
            if (c.n() <= largest_eigen) {
                c.matrix = c.network.dense_hessian(c.theta);
                save_npy(path / "hessian.npy", *c.matrix);
            }
        }
        return {{"parameters", c.n()}, {"samples", c.network.samples()}};
    }

    Json implementations(const std::string& work) {
        if (work == "peak") return {"Eigen", "OpenBLAS"};
        const Work& w = find_work(work);
        if (w.largest > 0 && current().n() > w.largest) return Json::array();
        return {"hessq"};
    }

    Json time(const std::string& work, const std::string& implementation, int repeats) {
        std::function<void()> run;
        if (work == "peak") {
            if (!peak_) peak_.emplace(threads_);
            if (implementation == "Eigen")
                run = [&] { peak_->eigen(); };
            else
                run = [&] { peak_->openblas(); };
        } else {
            const Work& w = find_work(work);
            run = [&] { (void)w.run(current()); };
        }
        reference_.reset();
        const auto begin = std::chrono::steady_clock::now();
        const std::clock_t begin_cpu = std::clock();
        for (int r = 0; r < repeats; ++r) run();
        const double cpu = static_cast<double>(std::clock() - begin_cpu) / CLOCKS_PER_SEC;
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        return {{"seconds", seconds / repeats}, {"cpu", cpu / repeats}, {"scale", 1.0}};
    }

    Json agree(const std::string& work, const std::string& file, const Words& columns) {
        if (!reference_ || reference_->first != work) {
            reference_.reset();
            reference_.emplace(work, find_work(work).run(current()));
        }
        const Matrix& ours = reference_->second;
        const Matrix theirs = load_npy(file);
        std::vector<std::pair<Index, Index>> ranges;
        for (std::size_t k = 0; k + 1 < columns.size(); k += 2)
            ranges.emplace_back(std::stol(columns[k]), std::stol(columns[k + 1]));
        if (ranges.empty()) ranges.emplace_back(0, ours.cols());
        Index at = 0;
        double difference = 0.0;
        for (const auto& [first, count] : ranges) {
            if (theirs.rows() != ours.rows() || at + count > theirs.cols() || first + count > ours.cols())
                throw std::invalid_argument(fmt::format("{}: expected {} x {} numbers; got {} x {}", file, ours.rows(),
                                                        ours.cols(), theirs.rows(), theirs.cols()));
            difference = std::max(difference,
                                  (theirs.middleCols(at, count) - ours.middleCols(first, count)).cwiseAbs().maxCoeff());
            at += count;
        }
        if (at != theirs.cols()) throw std::invalid_argument(file + ": has more columns than were said");
        // A NaN must not pass as agreement: JSON writes it as null.
        const double scale = ours.cwiseAbs().maxCoeff();
        return {{"difference", theirs.allFinite() && ours.allFinite() ? Json(difference / scale) : Json(nullptr)}};
    }

    Json flops(const std::string& work) {
        if (work == "peak") return 2.0 * std::pow(static_cast<double>(peak_size), 3);
        return find_work(work).flops(current());
    }

    static Json versions() {
#ifdef __clang__
        const std::string compiler = fmt::format("clang++ {}", __clang_version__);
#else
        const std::string compiler = fmt::format("g++ {}", __VERSION__);
#endif
        return {{"compiler", compiler},
                {"vector units compiled for", vector_units()},
                {"versions",
                 {{"Eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
                  {"OpenBLAS", fmt::format("{} ({} kernels)", openblas_get_config(), openblas_get_corename())}}}};
    }

    int threads_;
    ThreadLimit limit_;
    std::optional<Case> case_;
    std::optional<Peak> peak_;
    std::optional<std::pair<std::string, Matrix>> reference_; ///< the last work that was compared
};

} // namespace

int main(int argc, char** argv) {
    const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
    if (threads < 1) {
        std::cerr << "usage: curvature THREADS, with requests on standard input (bench/run.py writes them)\n";
        return 2;
    }
    Worker worker(threads);
    std::string line;
    while (std::getline(std::cin, line)) {
        Json reply;
        try {
            const auto words = Json::parse(line).get<Words>();
            if (words == Words{"quit"}) break;
            reply = worker.answer(words);
        } catch (const std::exception& error) {
            reply = {{"error", error.what()}};
        }
        std::cout << reply.dump() << std::endl;
    }
}
