#include "support/json.hpp"

#include <fstream>
#include <stdexcept>

namespace hessq::test {

nlohmann::json json_in(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw std::runtime_error("no file " + file.string());
    return nlohmann::json::parse(stream);
}

nlohmann::json json_of(const std::string& text) { return nlohmann::json::parse(text); }

} // namespace hessq::test
