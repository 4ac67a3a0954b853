#include "hessq/datasets/idx.hpp"

#include "elements.hpp"
#include "file.hpp"
#include "labels.hpp"

#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hessq {
namespace {

std::optional<ElementType> element_type(unsigned char code) {
    switch (code) {
    case 0x08:
        return ElementType{'u', 1, std::endian::big};
    case 0x09:
        return ElementType{'i', 1, std::endian::big};
    case 0x0b:
        return ElementType{'i', 2, std::endian::big};
    case 0x0c:
        return ElementType{'i', 4, std::endian::big};
    case 0x0d:
        return ElementType{'f', 4, std::endian::big};
    case 0x0e:
        return ElementType{'f', 8, std::endian::big};
    default:
        return std::nullopt;
    }
}

// One column for each entry of the first dimension. The file: two zero bytes, the type's code, the number of
// dimensions, their extents as big-endian 4-byte numbers, the elements.
Matrix read_samples(const std::filesystem::path& file) {
    const std::string bytes = read_file(file);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < 4 || byte(0) != 0 || byte(1) != 0)
        throw file_error(file, "an IDX file, which begins with two zero bytes",
                         bytes.empty() ? "an empty file" : in_quotes(std::string_view(bytes).substr(0, 4)));
    const std::optional<ElementType> type = element_type(byte(2));
    if (!type)
        throw file_error(file, "an IDX element type 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e",
                         fmt::format("0x{:02x}", byte(2)));
    const std::size_t dimensions = byte(3);
    const std::size_t header = 4 + 4 * dimensions;
    if (dimensions < 1 || bytes.size() < header)
        throw file_error(file, fmt::format("the extents of {} dimensions", dimensions == 0 ? 1 : dimensions),
                         fmt::format("{} bytes of them", bytes.size() - 4));

    std::vector<Index> shape;
    for (std::size_t at = 4; at < header; at += 4)
        shape.push_back(Index{byte(at)} << 24 | Index{byte(at + 1)} << 16 | Index{byte(at + 2)} << 8 | byte(at + 3));
    const std::string_view elements = std::string_view(bytes).substr(header);
    if (!fills(shape, type->size, elements.size()) || elements.empty())
        throw file_error(
            file, fmt::format("elements of {} bytes for shape {}, at least one", type->size, fmt::join(shape, " x ")),
            fmt::format("{} bytes in all", elements.size()));
    const Index samples = shape[0];
    return read_elements(elements, *type, static_cast<Index>(elements.size()) / type->size / samples, samples);
}

} // namespace

Dataset load_idx(const std::filesystem::path& images, const std::filesystem::path& labels, TargetKind kind) {
    Dataset data;
    data.inputs = read_samples(images);
    data.targets = read_samples(labels);
    if (data.targets.cols() != data.samples())
        throw file_error(labels, fmt::format("{} targets, one for each sample of {}", data.samples(), images.string()),
                         fmt::format("{}", data.targets.cols()));
    if (!data.targets.allFinite()) throw file_error(labels, "finite targets", "NaN or infinity");
    if (kind == TargetKind::category) {
        if (data.targets.rows() != 1)
            throw file_error(labels, "one class label for each sample", fmt::format("{}", data.targets.rows()));
        set_classes(data, Vector(data.targets.row(0)));
    }
    return validated(std::move(data), images);
}

} // namespace hessq
