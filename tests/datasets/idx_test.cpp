#include "hessq/datasets/idx.hpp"

#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;
using namespace std::string_literals;

namespace {

struct Idx {
    TemporaryFolder folder;
    std::filesystem::path labels = folder.write("labels", idx_bytes(0x08, {3}, "\x05\0\x05"s));

    Dataset load(const std::string& images, TargetKind kind = TargetKind::category) const {
        return load_idx(folder.write("images", images), labels, kind);
    }
    std::string message(const std::string& images) const {
        return refusal<InputError>([&] { (void)load(images); }).substr((folder / "").string().size());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(idx, Idx)

BOOST_AUTO_TEST_CASE(images_are_flattened_row_by_row_into_columns) {
    const Dataset data = load(idx_bytes(0x08, {3, 2, 2}, "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\xff"));

    BOOST_TEST(same(data.inputs, (Matrix(4, 3) << 1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 255).finished()));
    BOOST_TEST(same(data.targets, (Matrix(1, 3) << 1, 0, 1).finished()));
    BOOST_TEST(data.class_names == (std::vector<std::string>{"0", "5"}));
    BOOST_TEST(data.name == "images");
}

BOOST_AUTO_TEST_CASE(labels_can_be_numbers) {
    BOOST_TEST(
        same(load(idx_bytes(0x08, {3}, "\1\2\3"), TargetKind::number).targets, (Matrix(1, 3) << 5, 0, 5).finished()));
}

BOOST_AUTO_TEST_CASE(every_element_type_is_big_endian) {
    const Matrix expected = (Matrix(1, 3) << 3, -2, 0).finished();
    const auto three = [](std::uint64_t first, std::uint64_t second, int size) {
        return big_endian(first, size) + big_endian(second, size) + big_endian(0, size);
    };
    const auto minus_two = static_cast<std::uint64_t>(-2);
    BOOST_TEST(same(load(idx_bytes(0x09, {3}, three(3, minus_two, 1))).inputs, expected));
    BOOST_TEST(same(load(idx_bytes(0x0b, {3}, three(3, minus_two, 2))).inputs, expected));
    BOOST_TEST(same(load(idx_bytes(0x0c, {3}, three(3, minus_two, 4))).inputs, expected));
    BOOST_TEST(same(load(idx_bytes(0x0d, {3}, three(0x40400000, 0xc0000000, 4))).inputs, expected));
    BOOST_TEST(same(load(idx_bytes(0x0e, {3}, three(0x4008000000000000, 0xc000000000000000, 8))).inputs, expected));
}

BOOST_AUTO_TEST_CASE(files_that_are_not_idx_are_refused) {
    BOOST_TEST(message("") == "images: expected an IDX file, which begins with two zero bytes; got an empty file");
    BOOST_TEST(message("\x89PNG...") ==
               "images: expected an IDX file, which begins with two zero bytes; got '\x89PNG'");
    BOOST_TEST(message("\0\0\x07\x01"s) ==
               "images: expected an IDX element type 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e; got 0x07");
    BOOST_TEST(message("\0\0\x08\0"s) == "images: expected the extents of 1 dimensions; got 0 bytes of them");
    BOOST_TEST(message("\0\0\x08\xff\0\0\0\1"s) ==
               "images: expected the extents of 255 dimensions; got 4 bytes of them");
}

BOOST_AUTO_TEST_CASE(shapes_that_the_file_does_not_fill_are_refused_before_memory_is_taken) {
    BOOST_TEST(message(idx_bytes(0x08, {3, 2}, "12345")) ==
               "images: expected elements of 1 bytes for shape 3 x 2, at least one; got 5 bytes in all");
    BOOST_TEST(message(idx_bytes(0x08, {3, 2}, "1234567")) ==
               "images: expected elements of 1 bytes for shape 3 x 2, at least one; got 7 bytes in all");
    BOOST_TEST(
        message(idx_bytes(0x0e, {0xffffffff, 0xffffffff, 0xffffffff}, "12345678")) ==
        "images: expected elements of 8 bytes for shape 4294967295 x 4294967295 x 4294967295, at least one; got 8 "
        "bytes in all");
    // 2^64 elements: 0 modulo 2^64.
    BOOST_TEST(
        message(idx_bytes(0x08, {0x80000000, 0x80000000, 4}, "")) ==
        "images: expected elements of 1 bytes for shape 2147483648 x 2147483648 x 4, at least one; got 0 bytes in "
        "all");
    BOOST_TEST(message(idx_bytes(0x08, {3, 0}, "")) ==
               "images: expected elements of 1 bytes for shape 3 x 0, at least one; got 0 bytes in all");
}

BOOST_AUTO_TEST_CASE(images_and_labels_that_do_not_belong_together_are_refused) {
    const auto two = folder.write("two", idx_bytes(0x08, {2, 1}, "12"));
    const auto wide = folder.write("wide", idx_bytes(0x08, {3, 2}, "123456"));
    const auto nan = folder.write("nan", idx_bytes(0x0d, {3}, big_endian(0x7fc00000, 4) + std::string(8, '\0')));
    const auto refused = [](const std::filesystem::path& x, const std::filesystem::path& y) {
        return refusal<InputError>([&] { (void)load_idx(x, y, TargetKind::category); });
    };
    BOOST_TEST(refused(two, labels) ==
               labels.string() + ": expected 2 targets, one for each sample of " + two.string() + "; got 3");
    BOOST_TEST(refused(wide, wide) == wide.string() + ": expected one class label for each sample; got 2");
    BOOST_TEST(refused(wide, nan) == nan.string() + ": expected finite targets; got NaN or infinity");
    BOOST_TEST(refused(nan, labels) == nan.string() + ": expected finite inputs; got NaN or infinity");
}

BOOST_AUTO_TEST_SUITE_END()
