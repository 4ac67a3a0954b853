#pragma once

#include "hessq/core/types.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace hessq {

/// Numbers that a computation can go on from, as one file: a line of text that says whose they are, the numbers with
/// the bits they have, and a checksum. It is replaced in one piece, so that whoever is interrupted leaves the old one.
class StateFile {
public:
    /// `owner` is one line that names the computation and everything that determines its result.
    StateFile(std::filesystem::path path, std::string owner) : path_(std::move(path)), owner_(std::move(owner)) {}

    /// The numbers; none if there is no file.
    ///
    /// Throws     InputError("<path>: expected ...; got ...") if the file is another computation's, or damaged.
    std::vector<double> load() const;

    /// Throws     InputError if it cannot be written.
    void save(const std::vector<double>& numbers) const;

private:
    std::filesystem::path path_;
    std::string owner_;
};

/// Appends to, and takes from, such numbers. A reader that asks for more than there is throws InputError.
class NumberWriter {
public:
    NumberWriter& add(double x);
    NumberWriter& add(Index x) { return add(static_cast<double>(x)); }
    NumberWriter& add(MatrixView m);
    const std::vector<double>& numbers() const { return numbers_; }

private:
    std::vector<double> numbers_;
};

class NumberReader {
public:
    explicit NumberReader(const std::vector<double>& numbers) : numbers_(numbers) {}
    double number();
    Index integer() { return static_cast<Index>(number()); }
    Matrix matrix();

private:
    const std::vector<double>& numbers_;
    std::size_t place_ = 0;
};

} // namespace hessq
