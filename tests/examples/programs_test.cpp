// The programs in examples/ print what docs/examples.md says.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(programs)

namespace {

namespace fs = std::filesystem;

const fs::path root = fs::path(HESSQ_TEST_DATA).parent_path();
const fs::path built = fs::path(HESSQ_PROGRAM).parent_path().parent_path() / "examples";

std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What the page shows for a program: the first block behind the link to its source.
std::string documented(const std::string& page, const std::string& name) {
    const auto link = page.find("](../examples/" + name + ".cpp)");
    if (link == std::string::npos) return "the page does not mention " + name;
    const auto begin = page.find("\n```\n", link) + 5;
    return page.substr(begin, page.find("\n```\n", begin) + 1 - begin);
}

std::string printed(const fs::path& program) {
    std::FILE* const pipe = popen(("\"" + program.string() + "\"").c_str(), "r");
    if (!pipe) throw std::runtime_error("cannot run " + program.string());
    std::string text;
    std::array<char, 4096> bytes{};
    for (std::size_t got = 0; (got = std::fread(bytes.data(), 1, bytes.size(), pipe)) > 0;)
        text.append(bytes.data(), got);
    if (pclose(pipe) != 0) text += "(ended with an error)";
    return text;
}

std::vector<std::string> names() {
    std::set<std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(root / "examples"))
        if (entry.path().extension() == ".cpp") found.insert(entry.path().stem().string());
    return {found.begin(), found.end()};
}

} // namespace

BOOST_AUTO_TEST_CASE(every_program_prints_what_the_documentation_shows, *boost::unit_test::label("slow")) {
    const std::string page = content_of(root / "docs" / "examples.md");
    BOOST_TEST(names().size() >= 12u);
    for (const std::string& name : names()) BOOST_TEST_CONTEXT(name) {
            BOOST_TEST(printed(built / name) == documented(page, name));
        }
}

BOOST_AUTO_TEST_CASE(every_program_is_short_and_begins_with_its_question) {
    const std::string page = content_of(root / "docs" / "examples.md");
    for (const std::string& name : names()) BOOST_TEST_CONTEXT(name) {
            const std::string source = content_of(root / "examples" / (name + ".cpp"));
            BOOST_TEST(std::count(source.begin(), source.end(), '\n') < 60);
            const auto mark = source.find('?');
            BOOST_TEST_REQUIRE(mark < source.find('\n'));
            BOOST_TEST(page.find("## " + source.substr(3, mark - 2) + "\n") != std::string::npos);
        }
}

BOOST_AUTO_TEST_SUITE_END()
