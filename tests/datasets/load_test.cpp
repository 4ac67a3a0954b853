#include "hessq/datasets/load.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>

using namespace hessq;
using namespace std::string_literals;

namespace {

struct Valid {
    std::string name;
    std::string bytes;
    bool targets_apart;
};

const std::vector<Valid> valid_files = {
    {"t.csv",
     "\xef\xbb\xbf"
     "a,\"b, c\",y\r\n1,2.5,0\r\n-3e1,\"4\",1\n5,6,1\n\n",
     false},
    {"t.libsvm", "# two\n+1 1:0.5 3:-2\n0 2:1e3 # last\n1 1:1\n", false},
    {"c.npy", npy_bytes("<f4", false, "(3, 2)", std::string(24, '\x3f')), true},
    {"fortran.npy", npy_bytes(">i2", true, "(3, 2)", "\0\1\0\2\0\3\0\4\0\5\0\6"s, 2), true},
    {"t.idx", idx_bytes(0x0b, {3, 1, 2}, "\0\1\0\2\0\3\0\4\0\5\0\6"s), true},
};

struct Load {
    TemporaryFolder folder;
    std::filesystem::path npy_targets = folder.write("y.npy", npy_bytes("|u1", false, "(3,)", "\0\1\1"s));
    std::filesystem::path idx_targets = folder.write("y.idx", idx_bytes(0x08, {3}, "\0\1\1"s));

    LoadOptions options_for(const Valid& file) const {
        LoadOptions options{.target_kind = TargetKind::category};
        if (file.targets_apart) options.targets = file.name.ends_with(".npy") ? npy_targets : idx_targets;
        return options;
    }
    // Whatever the bytes, the file loads as a valid data set or is refused with one line of text.
    // True if it loads.
    bool survives(const Valid& file, const std::string& bytes) const {
        const std::filesystem::path path = folder.write(file.name, bytes);
        try {
            validate(load_dataset(path, options_for(file)));
            return true;
        } catch (const InputError& error) {
            const std::string message = error.what();
            BOOST_TEST(message.starts_with((folder / "").string()));
            BOOST_TEST(message.find('\n') == std::string::npos);
            BOOST_TEST(message.find(": expected ") != std::string::npos);
            return false;
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(load, Load)

BOOST_AUTO_TEST_CASE(the_name_decides_the_format) {
    for (const Valid& file : valid_files) {
        const Dataset data = load_dataset(folder.write(file.name, file.bytes), options_for(file));
        BOOST_TEST(data.samples() == 3);
        BOOST_TEST(data.name == file.name);
        BOOST_TEST(data.class_names == (std::vector<std::string>{"0", "1"}));
    }
    const auto as = [&](const char* name, const Valid& file) {
        return load_dataset(folder.write(name, file.bytes), options_for(file)).samples();
    };
    BOOST_TEST(as("t.svm", valid_files[1]) == 3);
    BOOST_TEST(as("T.CSV", valid_files[0]) == 3);
    BOOST_TEST(as("train-images-idx3-ubyte", valid_files[4]) == 3);
    BOOST_TEST(as("train-labels.idx1-ubyte", valid_files[4]) == 3);
}

BOOST_AUTO_TEST_CASE(options_reach_the_loader) {
    const auto csv = folder.write("t.csv", "a,b\n1,2\n3,4\n");
    BOOST_TEST(same(load_dataset(csv).targets, (Matrix(1, 2) << 2, 4).finished()));
    BOOST_TEST(same(load_dataset(csv, {.target = "a"}).targets, (Matrix(1, 2) << 1, 3).finished()));
    BOOST_TEST(load_dataset(csv, {.target_kind = TargetKind::category}).classes() == 2);
}

BOOST_AUTO_TEST_CASE(unknown_names_and_options_that_do_not_apply_are_refused) {
    const auto message = [](const std::filesystem::path& path, const LoadOptions& options = {}) {
        return refusal<InputError>([&] { (void)load_dataset(path, options); });
    };
    BOOST_TEST(message("data.txt") ==
               "data.txt: expected a name that ends in .csv, .npy, .libsvm, .svm, .idx or -ubyte; got 'data.txt'");
    BOOST_TEST(message("folder.csv/data") ==
               "folder.csv/data: expected a name that ends in .csv, .npy, .libsvm, .svm, .idx or -ubyte; got 'data'");
    BOOST_TEST(message("x.npy") == "x.npy: expected a second file with the targets (--targets FILE); got none");
    BOOST_TEST(message("x-ubyte") == "x-ubyte: expected a second file with the targets (--targets FILE); got none");
    BOOST_TEST(message("x.csv", {.targets = "y.npy"}) ==
               "x.csv: expected no file of targets, which this format holds itself; got 'y.npy'");
    BOOST_TEST(message("x.npy", {.target = "y", .targets = "y.npy"}) ==
               "x.npy: expected no target column, which only .csv files have; got 'y'");
}

BOOST_AUTO_TEST_CASE(every_truncation_loads_or_is_refused) {
    for (const Valid& file : valid_files) {
        BOOST_TEST(survives(file, file.bytes));
        std::size_t refused = 0;
        for (std::size_t length = 0; length < file.bytes.size(); ++length)
            if (!survives(file, file.bytes.substr(0, length))) ++refused;
        // Text may end anywhere behind its second sample; an array that is cut anywhere has lost something.
        if (file.targets_apart)
            BOOST_TEST(refused == file.bytes.size());
        else
            BOOST_TEST(refused > file.bytes.size() / 2);
    }
}

BOOST_AUTO_TEST_CASE(every_changed_byte_loads_or_is_refused) {
    for (const Valid& file : valid_files) {
        const RandomStream stream(11, file.bytes.size());
        std::size_t refused = 0;
        for (std::uint64_t trial = 0; trial < 2000; ++trial) {
            std::string bytes = file.bytes;
            // One to three bytes, so that one change can undo what another one breaks.
            for (std::uint64_t k = 0; k <= trial % 3; ++k) {
                const Index at = stream.integer(8 * trial + 2 * k, static_cast<Index>(bytes.size()));
                bytes[static_cast<std::size_t>(at)] = static_cast<char>(stream.integer(8 * trial + 2 * k + 1, 256));
            }
            if (!survives(file, bytes)) ++refused;
        }
        BOOST_TEST(refused > 0U);
    }
}

BOOST_AUTO_TEST_CASE(digits_written_over_digits_load_or_are_refused) {
    // The changes that keep the grammar: other extents, indices, columns and numbers.
    for (const Valid& file : valid_files) {
        const RandomStream stream(12, file.bytes.size());
        for (std::uint64_t trial = 0; trial < 500; ++trial) {
            std::string bytes = file.bytes;
            for (std::size_t i = 0; i < bytes.size(); ++i)
                if (bytes[i] >= '0' && bytes[i] <= '9' && stream.uniform(1000 * trial + 2 * i) < 0.2)
                    bytes[i] = static_cast<char>('0' + stream.integer(1000 * trial + 2 * i + 1, 10));
            (void)survives(file, bytes);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
