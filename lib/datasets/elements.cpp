#include "elements.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace hessq {
namespace {

template <class Stored>
double element(const char* bytes, bool swap) {
    std::array<char, sizeof(Stored)> raw;
    std::copy_n(bytes, sizeof(Stored), raw.begin());
    if (swap) std::reverse(raw.begin(), raw.end());
    Stored value;
    std::memcpy(&value, raw.data(), sizeof(Stored));
    return static_cast<double>(value);
}

double (*reader(const ElementType& type))(const char*, bool) {
    switch (type.kind) {
    case 'f':
        return type.size == 4 ? element<float> : type.size == 8 ? element<double> : nullptr;
    case 'i':
        switch (type.size) {
        case 1:
            return element<std::int8_t>;
        case 2:
            return element<std::int16_t>;
        case 4:
            return element<std::int32_t>;
        case 8:
            return element<std::int64_t>;
        default:
            return nullptr;
        }
    case 'u':
        switch (type.size) {
        case 1:
            return element<std::uint8_t>;
        case 2:
            return element<std::uint16_t>;
        case 4:
            return element<std::uint32_t>;
        case 8:
            return element<std::uint64_t>;
        default:
            return nullptr;
        }
    case 'b':
        return type.size == 1 ? element<std::uint8_t> : nullptr;
    default:
        return nullptr;
    }
}

} // namespace

bool is_known(const ElementType& type) { return reader(type) != nullptr; }

bool fills(const std::vector<Index>& shape, Index element_size, std::size_t bytes) {
    if (std::find(shape.begin(), shape.end(), Index{0}) != shape.end()) return bytes == 0;
    auto product = static_cast<std::size_t>(element_size);
    for (const Index extent : shape) {
        if (static_cast<std::size_t>(extent) > bytes / product) return false;
        product *= static_cast<std::size_t>(extent);
    }
    return product == bytes;
}

Matrix read_elements(std::string_view bytes, const ElementType& type, Index rows, Index cols) {
    Matrix result(rows, cols);
    const bool swap = type.order != std::endian::native;
    const auto read = reader(type);
    const char* at = bytes.data();
    for (Index i = 0; i < result.size(); ++i, at += type.size) result.data()[i] = read(at, swap);
    return result;
}

} // namespace hessq
