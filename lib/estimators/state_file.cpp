#include "state_file.hpp"

#include "hessq/core/require.hpp"

#include <bit>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

constexpr std::string_view first_line = "hessq-estimate 1";

std::uint64_t checksum(const std::vector<double>& numbers) {
    std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a, eight bytes at a time
    for (const double x : numbers) hash = (hash ^ std::bit_cast<std::uint64_t>(x)) * 0x100000001b3;
    return hash;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& expected, const std::string& got) {
    throw InputError(fmt::format("{}: expected {}; got {}", path.string(), expected, got));
}

} // namespace

std::vector<double> StateFile::load() const {
    if (!std::filesystem::exists(path_)) return {};
    std::ifstream in(path_, std::ios::binary);
    std::string line;
    if (!in || !std::getline(in, line) || line != first_line)
        refuse(path_, "a file of a hessq estimate", "another file");
    std::getline(in, line);
    if (line != owner_) refuse(path_, "the state of \"" + owner_ + "\"", "that of \"" + line + "\"");
    std::uint64_t head[2] = {0, 0};
    in.read(reinterpret_cast<char*>(head), sizeof head);
    const auto position = in.tellg();
    in.seekg(0, std::ios::end);
    const auto bytes = in ? static_cast<std::uint64_t>(in.tellg() - position) : 0;
    if (!in || head[0] > bytes || head[0] * sizeof(double) != bytes)
        refuse(path_, "all of its numbers", "a damaged file");
    in.seekg(position);
    std::vector<double> numbers(static_cast<std::size_t>(head[0]));
    in.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(bytes));
    if (!in || checksum(numbers) != head[1]) refuse(path_, "numbers that fit their checksum", "a damaged file");
    return numbers;
}

void StateFile::save(const std::vector<double>& numbers) const {
    std::filesystem::path part = path_;
    part += ".part";
    {
        std::ofstream out(part, std::ios::binary);
        const std::uint64_t head[2] = {numbers.size(), checksum(numbers)};
        out << first_line << '\n' << owner_ << '\n';
        out.write(reinterpret_cast<const char*>(head), sizeof head);
        out.write(reinterpret_cast<const char*>(numbers.data()),
                  static_cast<std::streamsize>(numbers.size() * sizeof(double)));
        if (!out.flush()) refuse(path_, "a place that can be written to", "an error");
    }
    std::filesystem::rename(part, path_);
}

NumberWriter& NumberWriter::add(double x) {
    numbers_.push_back(x);
    return *this;
}

NumberWriter& NumberWriter::add(MatrixView m) {
    add(m.rows()).add(m.cols());
    for (Index j = 0; j < m.cols(); ++j)
        for (Index i = 0; i < m.rows(); ++i) numbers_.push_back(m(i, j));
    return *this;
}

double NumberReader::number() {
    if (place_ >= numbers_.size()) throw InputError("the state of an estimate: expected more numbers; got its end");
    return numbers_[place_++];
}

Matrix NumberReader::matrix() {
    const Index rows = integer(), cols = integer();
    if (rows < 0 || cols < 0 || rows * cols > static_cast<Index>(numbers_.size() - place_))
        throw InputError("the state of an estimate: expected a matrix; got its end");
    const Matrix m = Eigen::Map<const Matrix>(numbers_.data() + place_, rows, cols);
    place_ += static_cast<std::size_t>(m.size());
    return m;
}

} // namespace hessq
