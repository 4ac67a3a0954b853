#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(report_example)

BOOST_AUTO_TEST_CASE(a_table_for_the_terminal_and_for_a_page) {
    TextTable table({"gradients", "exponent"});
    table.add_row({"mini-batch", Estimate{.value = 1.0412, .std_error = 0.0311}});
    table.add_row({"full batch", Estimate{.value = 1.9876, .std_error = 0.0042}});

    HtmlReport page("Exponents", "Mini-batch gradients follow the Fisher law.");
    page.table(table, "Standard errors.");
    const std::string html = page.str();

    BOOST_TEST(table.str() == "gradients         exponent\n"
                              "----------  --------------\n"
                              "mini-batch    1.04 +- 0.03\n"
                              "full batch  1.988 +- 0.004\n");
    BOOST_TEST(html.find("1.04 \u00b1 0.03") != std::string::npos);
    BOOST_TEST(html.find("http") == std::string::npos); // one file that needs nothing else
}

BOOST_AUTO_TEST_SUITE_END()
