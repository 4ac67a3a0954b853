#include "hessq/datasets/npy.hpp"

#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

using namespace hessq;
using namespace std::string_literals;

namespace {

struct Npy {
    TemporaryFolder folder;

    Matrix load(const std::string& bytes) const { return load_npy(folder.write("a.npy", bytes)); }
    std::string bytes_of(std::string_view name) const {
        std::ifstream stream(folder / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    // The refusal of these bytes, less the folder's name.
    std::string message(const std::string& bytes) const {
        return refusal<InputError>([&] { (void)load(bytes); }).substr((folder / "").string().size());
    }
};

// 1.5, -2 as f8.
const std::string two_doubles = little_endian(0x3ff8000000000000, 8) + little_endian(0xc000000000000000, 8);

} // namespace

BOOST_FIXTURE_TEST_SUITE(npy, Npy)

BOOST_AUTO_TEST_CASE(every_element_type_is_read_in_both_byte_orders) {
    const Matrix expected = (Matrix(2, 1) << 3, -2).finished();
    const auto both = [&](const std::string& kind, std::uint64_t first, std::uint64_t second, int size) {
        BOOST_TEST(
            same(load(npy_bytes("<" + kind, false, "(2,)", little_endian(first, size) + little_endian(second, size))),
                 expected));
        BOOST_TEST(same(load(npy_bytes(">" + kind, false, "(2,)", big_endian(first, size) + big_endian(second, size))),
                        expected));
    };
    const auto minus_two = static_cast<std::uint64_t>(-2);
    both("f4", 0x40400000, 0xc0000000, 4);
    both("f8", 0x4008000000000000, 0xc000000000000000, 8);
    both("i2", 3, minus_two, 2);
    both("i4", 3, minus_two, 4);
    both("i8", 3, minus_two, 8);
    BOOST_TEST(same(load(npy_bytes("|i1", false, "(2,)", "\x03\xfe")), expected));
    BOOST_TEST(same(load(npy_bytes("|u1", false, "(2,)", "\x03\xfe")), (Matrix(2, 1) << 3, 254).finished()));
    BOOST_TEST(same(load(npy_bytes("|b1", false, "(2,)", "\x01\0"s)), (Matrix(2, 1) << 1, 0).finished()));
    BOOST_TEST(same(load(npy_bytes("<u2", false, "(1,)", "\xff\xff")), Matrix::Constant(1, 1, 65535.0)));
    BOOST_TEST(same(load(npy_bytes(">u4", false, "(1,)", "\xff\xff\xff\xff")), Matrix::Constant(1, 1, 4294967295.0)));
    BOOST_TEST(same(load(npy_bytes("<u8", false, "(1,)", std::string(8, '\xff'))), Matrix::Constant(1, 1, 0x1p64)));
}

BOOST_AUTO_TEST_CASE(c_and_fortran_order_and_all_versions_give_the_same_matrix) {
    const Matrix expected = (Matrix(2, 3) << 1, 2, 3, 4, 5, 6).finished();
    for (const int version : {1, 2, 3}) {
        BOOST_TEST(same(load(npy_bytes("|u1", false, "(2, 3)", "\1\2\3\4\5\6", version)), expected));
        BOOST_TEST(same(load(npy_bytes("|u1", true, "(2, 3)", "\1\4\2\5\3\6", version)), expected));
    }
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_are_kept) {
    const Matrix values =
        load(npy_bytes(">f8", false, "(2,)", big_endian(0x7ff8000000000000, 8) + big_endian(0x7ff0000000000000, 8)));
    BOOST_TEST(std::isnan(values(0)));
    BOOST_TEST(values(1) == std::numeric_limits<double>::infinity());
}

BOOST_AUTO_TEST_CASE(empty_arrays_have_their_shape) {
    BOOST_TEST(load(npy_bytes("<f8", false, "(0,)", "")).rows() == 0);
    BOOST_TEST(load(npy_bytes("<f8", false, "(0, 3)", "")).cols() == 3);
}

BOOST_AUTO_TEST_CASE(a_saved_matrix_is_the_array_that_numpy_expects) {
    save_npy(folder / "m.npy", (Matrix(1, 2) << 1.5, -2).finished());

    const std::string bytes = bytes_of("m.npy");
    const std::string header = "{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }";
    BOOST_TEST(bytes.substr(0, 10) == "\x93NUMPY\x01\0\x76\0"s);
    BOOST_TEST(bytes.substr(10, header.size()) == header);
    BOOST_TEST(bytes.substr(10 + header.size(), 128 - 10 - header.size()) ==
               std::string(128 - 10 - header.size() - 1, ' ') + "\n"); // numbers begin at a multiple of 64
    BOOST_TEST(bytes.substr(128) == two_doubles);
}

BOOST_AUTO_TEST_CASE(a_saved_vector_has_one_dimension) {
    save_npy_vector(folder / "v.npy", (Vector(2) << 1.5, -2).finished());
    const std::string bytes = bytes_of("v.npy");
    BOOST_TEST(bytes.find("'shape': (2,), }") != std::string::npos);
    BOOST_TEST(bytes.substr(128) == two_doubles);
    BOOST_TEST(bytes.size() == 144U);
}

BOOST_AUTO_TEST_CASE(what_was_saved_is_loaded_bit_for_bit) {
    Matrix m(3, 2);
    m << 0.1, -0.0, 5e-324, std::numeric_limits<double>::max(), 1.0 / 3.0, -std::numeric_limits<double>::infinity();
    const auto round_trip = [&](MatrixView matrix) {
        save_npy(folder / "m.npy", matrix);
        return load_npy(folder / "m.npy");
    };
    BOOST_TEST(same(round_trip(m), m));
    BOOST_TEST(std::signbit(round_trip(m)(0, 1)));
    BOOST_TEST(same(round_trip(m.middleRows(1, 2)), m.middleRows(1, 2))); // columns that are not adjacent
    BOOST_TEST(round_trip(Matrix(0, 4)).cols() == 4);
    save_npy_vector(folder / "v.npy", m.col(0));
    BOOST_TEST(same(load_npy_vector(folder / "v.npy"), m.col(0)));
}

BOOST_AUTO_TEST_CASE(a_vector_may_be_stored_as_a_column_or_a_row) {
    for (const char* shape : {"(2,)", "(2, 1)", "(1, 2)"})
        BOOST_TEST(same(load_npy_vector(folder.write("v.npy", npy_bytes("|u1", false, shape, "\1\2"))),
                        (Vector(2) << 1, 2).finished()));
    const auto path = folder.write("v.npy", npy_bytes("|u1", false, "(2, 2)", "\1\2\3\4"));
    BOOST_TEST(refusal<InputError>([&] { (void)load_npy_vector(path); }) ==
               path.string() + ": expected a vector; got 2 x 2");
}

BOOST_AUTO_TEST_CASE(a_full_disk_or_a_folder_that_is_not_there_is_reported) {
    const Matrix small = Matrix::Ones(2, 2); // fails when the buffer is flushed
    const Matrix large = Matrix::Ones(1000, 100);
    const std::string full = "/dev/full: expected a file that can be written; got No space left on device";
    BOOST_TEST(refusal<InputError>([&] { save_npy("/dev/full", small); }) == full);
    BOOST_TEST(refusal<InputError>([&] { save_npy("/dev/full", large); }) == full);
    BOOST_TEST(refusal<InputError>([&] { save_npy_vector("/dev/full", small.col(0)); }) == full);
    const std::string nowhere = (folder / "none/m.npy").string();
    BOOST_TEST(refusal<InputError>([&] { save_npy(nowhere, small); }) ==
               nowhere + ": expected a file that can be written; got No such file or directory");
}

BOOST_AUTO_TEST_CASE(files_that_are_not_arrays_of_numbers_are_refused) {
    const std::string types = "a.npy: expected numbers of type f4, f8, i1 to i8, u1 to u8 or b1; got ";
    BOOST_TEST(message("") == "a.npy: expected a NumPy array file (.npy); got an empty file");
    BOOST_TEST(message("1,2,3\n4,5,6\n") == "a.npy: expected a NumPy array file (.npy); got '1,2,3\\x0a'");
    BOOST_TEST(message("\x93NUMPY\x04\0\0\0"s) == "a.npy: expected format version 1, 2 or 3; got 4");
    BOOST_TEST(message("\x93NUMPY\x02\0\0\0"s) == "a.npy: expected a NumPy header; got the end of the file");
    BOOST_TEST(message("\x93NUMPY\x02\0\xff\xff\xff\xff{}"s) ==
               "a.npy: expected a NumPy header of 4294967295 bytes; got 2 bytes");
    BOOST_TEST(message(npy_bytes("<c16", false, "(1,)", std::string(16, 'x'))) == types + "''<c16''");
    BOOST_TEST(message(npy_bytes("<f2", false, "(1,)", "xx")) == types + "''<f2''");
    BOOST_TEST(message(npy_bytes("|O", false, "(1,)", "xx")) == types + "''|O''");
    BOOST_TEST(message("\x93NUMPY\x01\0\x02\0{}"s) == types + "''");
    BOOST_TEST(message(npy_bytes("|u1", false, "()", "x")) ==
               "a.npy: expected an array of one or two dimensions; got shape '()'");
    BOOST_TEST(message(npy_bytes("|u1", false, "(1, 1, 1)", "x")) ==
               "a.npy: expected an array of one or two dimensions; got shape '(1, 1, 1)'");
    BOOST_TEST(message(npy_bytes("|u1", false, "(-1, 1)", "x")) ==
               "a.npy: expected an array of one or two dimensions; got shape '(-1, 1)'");
}

BOOST_AUTO_TEST_CASE(shapes_that_the_file_does_not_fill_are_refused_before_memory_is_taken) {
    BOOST_TEST(message(npy_bytes("<f8", false, "(3,)", two_doubles)) ==
               "a.npy: expected numbers of 8 bytes for shape 3; got 16 bytes in all");
    BOOST_TEST(message(npy_bytes("<f8", false, "(1,)", two_doubles)) ==
               "a.npy: expected numbers of 8 bytes for shape 1; got 16 bytes in all");
    BOOST_TEST(message(npy_bytes("<f8", false, "(100000000000, 3)", two_doubles)) ==
               "a.npy: expected numbers of 8 bytes for shape 100000000000 x 3; got 16 bytes in all");
    // 2^64 elements: 0 modulo 2^64.
    BOOST_TEST(message(npy_bytes("<f8", false, "(4611686018427387904, 4)", "")) ==
               "a.npy: expected numbers of 8 bytes for shape 4611686018427387904 x 4; got 0 bytes in all");
    BOOST_TEST(message(npy_bytes("<f8", false, "(99999999999999999999,)", "")) ==
               "a.npy: expected an array of one or two dimensions; got shape '(99999999999999999999,)'");
}

BOOST_AUTO_TEST_CASE(a_data_set_has_samples_as_columns) {
    const auto inputs = folder.write("x.npy", npy_bytes("|u1", false, "(3, 2)", "\1\2\3\4\5\6"));
    const auto numbers = folder.write("y.npy", npy_bytes("|i1", false, "(3,)", "\7\xff\7"));

    const Dataset regression = load_npy_dataset(inputs, numbers, TargetKind::number);
    const Dataset classes = load_npy_dataset(inputs, numbers, TargetKind::category);

    BOOST_TEST(same(regression.inputs, (Matrix(2, 3) << 1, 3, 5, 2, 4, 6).finished()));
    BOOST_TEST(same(regression.targets, (Matrix(1, 3) << 7, -1, 7).finished()));
    BOOST_TEST(regression.name == "x.npy");
    BOOST_TEST(regression.origin == inputs.string());
    BOOST_TEST(same(classes.targets, (Matrix(1, 3) << 1, 0, 1).finished()));
    BOOST_TEST(classes.class_names == (std::vector<std::string>{"-1", "7"}));
}

BOOST_AUTO_TEST_CASE(several_numbers_a_sample_are_several_outputs) {
    const auto inputs = folder.write("x.npy", npy_bytes("|u1", false, "(3,)", "\1\2\3"));
    const auto targets = folder.write("y.npy", npy_bytes("|u1", false, "(3, 2)", "\1\2\3\4\5\6"));

    const Dataset data = load_npy_dataset(inputs, targets, TargetKind::number);

    BOOST_TEST(same(data.inputs, (Matrix(1, 3) << 1, 2, 3).finished()));
    BOOST_TEST(same(data.targets, (Matrix(2, 3) << 1, 3, 5, 2, 4, 6).finished()));
    BOOST_TEST(refusal<InputError>([&] { (void)load_npy_dataset(inputs, targets, TargetKind::category); }) ==
               targets.string() + ": expected one class label for each sample; got 3 x 2");
}

BOOST_AUTO_TEST_CASE(inputs_and_targets_that_do_not_belong_together_are_refused) {
    const auto inputs = folder.write("x.npy", npy_bytes("|u1", false, "(3,)", "\1\2\3"));
    const auto two = folder.write("two.npy", npy_bytes("|u1", false, "(2,)", "\1\2"));
    const auto same = folder.write("same.npy", npy_bytes("|u1", false, "(3,)", "\1\1\1"));
    const auto nan =
        folder.write("nan.npy", npy_bytes(">f4", false, "(3,)", big_endian(0x7fc00000, 4) + std::string(8, '\0')));
    const auto message_for = [&](const std::filesystem::path& x, const std::filesystem::path& y) {
        return refusal<InputError>([&] { (void)load_npy_dataset(x, y, TargetKind::category); });
    };
    BOOST_TEST(message_for(inputs, two) ==
               two.string() + ": expected 3 targets, one for each sample of " + inputs.string() + "; got 2");
    BOOST_TEST(message_for(inputs, nan) == nan.string() + ": expected finite targets; got NaN or infinity");
    BOOST_TEST(message_for(nan, inputs) == nan.string() + ": expected finite inputs; got NaN or infinity");
    BOOST_TEST(message_for(inputs, same) ==
               inputs.string() + ": expected at least two classes among the targets; got 1");
}

BOOST_AUTO_TEST_SUITE_END()
