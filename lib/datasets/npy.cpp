#include "hessq/datasets/npy.hpp"

#include "elements.hpp"
#include "file.hpp"
#include "labels.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hessq {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

struct Header {
    ElementType type;
    bool fortran_order;
    std::vector<Index> shape;
    std::size_t size; ///< bytes before the first number
};

// A value of the header, which is a Python dictionary:
// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
std::string_view header_value(std::string_view header, std::string_view key) {
    const std::size_t found = header.find(fmt::format("'{}':", key));
    if (found == std::string_view::npos) return {};
    std::string_view value = header.substr(found + key.size() + 3);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (value.starts_with('(')) return value.substr(0, std::min(value.find(')'), value.size() - 1) + 1);
    return value.substr(0, value.find_first_of(",}"));
}

// "'<f8'" and the like.
std::optional<ElementType> element_type(std::string_view descr) {
    if (descr.size() != 5 || descr.front() != '\'' || descr.back() != '\'') return std::nullopt;
    if (std::string_view("<>|=").find(descr[1]) == std::string_view::npos) return std::nullopt;
    const std::endian order = descr[1] == '<'   ? std::endian::little
                              : descr[1] == '>' ? std::endian::big
                                                : std::endian::native;
    const ElementType type{descr[2], descr[3] - '0', order};
    return is_known(type) ? std::optional(type) : std::nullopt;
}

// "(3, 4)", "(3,)" or "()".
std::optional<std::vector<Index>> shape_of(std::string_view text) {
    if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
    std::vector<Index> shape;
    const char* at = text.data() + 1;
    const char* end = text.data() + text.size() - 1;
    while (at != end) {
        Index extent = 0;
        const auto [stop, error] = std::from_chars(at, end, extent);
        if (error != std::errc() || extent < 0) return std::nullopt;
        shape.push_back(extent);
        at = stop;
        if (at != end && *at++ != ',') return std::nullopt;
        while (at != end && *at == ' ') ++at;
    }
    return shape;
}

Header parse_header(std::string_view bytes, const std::filesystem::path& file) {
    if (!bytes.starts_with(magic) || bytes.size() < magic.size() + 4)
        throw file_error(file, "a NumPy array file (.npy)",
                         bytes.empty() ? "an empty file" : in_quotes(bytes.substr(0, magic.size())));
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
    const std::size_t version = byte(6);
    if (version < 1 || version > 3) throw file_error(file, "format version 1, 2 or 3", fmt::format("{}", version));
    std::size_t length = byte(8) | byte(9) << 8;
    std::size_t begin = 10;
    if (version >= 2) {
        begin = 12;
        if (bytes.size() < begin) throw file_error(file, "a NumPy header", "the end of the file");
        length |= byte(10) << 16 | byte(11) << 24;
    }
    if (length > bytes.size() - begin)
        throw file_error(file, fmt::format("a NumPy header of {} bytes", length),
                         fmt::format("{} bytes", bytes.size() - begin));
    const std::string_view text = bytes.substr(begin, length);

    const std::string_view descr = header_value(text, "descr");
    const std::optional<ElementType> type = element_type(descr);
    if (!type) throw file_error(file, "numbers of type f4, f8, i1 to i8, u1 to u8 or b1", in_quotes(descr));
    const std::string_view order = header_value(text, "fortran_order");
    if (order != "True" && order != "False")
        throw file_error(file, "fortran_order True or False in the NumPy header", in_quotes(order));
    const std::string_view shape_text = header_value(text, "shape");
    const std::optional<std::vector<Index>> shape = shape_of(shape_text);
    if (!shape || shape->empty() || shape->size() > 2)
        throw file_error(file, "an array of one or two dimensions", "shape " + in_quotes(shape_text));
    return {*type, order == "True", *shape, begin + length};
}

class OutputFile {
public:
    explicit OutputFile(const std::filesystem::path& file) : file_(file), stream_(std::fopen(file.c_str(), "wb")) {
        if (!stream_) fail();
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() {
        if (stream_) std::fclose(stream_);
    }

    void write(const void* bytes, std::size_t size) {
        // An empty matrix has no address, and fwrite must not be given a null pointer.
        if (size > 0 && std::fwrite(bytes, 1, size, stream_) != size) fail();
    }
    // A full disk may show only when the last buffer is written.
    void close() {
        if (std::fclose(std::exchange(stream_, nullptr)) != 0) fail();
    }

private:
    [[noreturn]] void fail() const {
        throw file_error(file_, "a file that can be written", std::generic_category().message(errno));
    }

    const std::filesystem::path& file_;
    std::FILE* stream_;
};

void save(const std::filesystem::path& path, MatrixView matrix, const std::string& shape) {
    constexpr std::size_t alignment = 64;
    std::string header = fmt::format("{{'descr': '{}f8', 'fortran_order': True, 'shape': {}, }}",
                                     std::endian::native == std::endian::little ? '<' : '>', shape);
    const std::size_t used = magic.size() + 4 + header.size() + 1;
    header.append((alignment - used % alignment) % alignment, ' ');
    header += '\n';

    OutputFile file(path);
    file.write(magic.data(), magic.size());
    const unsigned char version_and_length[] = {1, 0, static_cast<unsigned char>(header.size() & 0xff),
                                                static_cast<unsigned char>(header.size() >> 8)};
    file.write(version_and_length, sizeof version_and_length);
    file.write(header.data(), header.size());
    for (Index j = 0; j < matrix.cols(); ++j)
        file.write(matrix.col(j).data(), static_cast<std::size_t>(matrix.rows()) * sizeof(double));
    file.close();
}

std::string shape_text(const Matrix& matrix) { return fmt::format("{} x {}", matrix.rows(), matrix.cols()); }

} // namespace

Matrix load_npy(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    const Header header = parse_header(bytes, path);
    const std::string_view numbers = std::string_view(bytes).substr(header.size);
    if (!fills(header.shape, header.type.size, numbers.size()))
        throw file_error(
            path, fmt::format("numbers of {} bytes for shape {}", header.type.size, fmt::join(header.shape, " x ")),
            fmt::format("{} bytes in all", numbers.size()));
    const Index rows = header.shape[0];
    const Index cols = header.shape.size() == 2 ? header.shape[1] : 1;
    if (header.fortran_order) return read_elements(numbers, header.type, rows, cols);
    return read_elements(numbers, header.type, cols, rows).transpose();
}

Vector load_npy_vector(const std::filesystem::path& path) {
    const Matrix values = load_npy(path);
    if (values.rows() != 1 && values.cols() != 1) throw file_error(path, "a vector", shape_text(values));
    return values.reshaped();
}

void save_npy(const std::filesystem::path& path, MatrixView matrix) {
    save(path, matrix, fmt::format("({}, {})", matrix.rows(), matrix.cols()));
}

void save_npy_vector(const std::filesystem::path& path, VectorView vector) {
    save(path, vector, fmt::format("({},)", vector.size()));
}

Dataset load_npy_dataset(const std::filesystem::path& inputs, const std::filesystem::path& targets, TargetKind kind) {
    Dataset data;
    data.inputs = load_npy(inputs).transpose();
    const Matrix values = load_npy(targets);
    if (values.rows() != data.samples())
        throw file_error(targets, fmt::format("{} targets, one for each sample of {}", data.samples(), inputs.string()),
                         fmt::format("{}", values.rows()));
    if (!values.allFinite()) throw file_error(targets, "finite targets", "NaN or infinity");
    if (kind == TargetKind::number) {
        data.targets = values.transpose();
    } else {
        if (values.cols() != 1) throw file_error(targets, "one class label for each sample", shape_text(values));
        set_classes(data, Vector(values.col(0)));
    }
    return validated(std::move(data), inputs);
}

} // namespace hessq
