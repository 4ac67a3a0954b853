#include "hessq/report/html.hpp"

#include <boost/test/unit_test.hpp>
#include <regex>
#include <set>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(html)

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

Plot line_plot() { return {.title = "Loss", .series = {{.x = {0, 1, 2}, .y = {3, 2, 1}}}}; }

HtmlReport full_report() {
    HtmlReport report("Title", "The finding.");
    report.section("First");
    report.paragraph("Words.");
    report.figure(line_plot(), "A caption.");
    report.figure(line_plot(), "Another.");
    TextTable table({"name", "value"});
    table.add_row({"a", 1.5});
    report.table(table, "Numbers.");
    report.settings({{"seed", "7"}});
    report.figure(line_plot(), "Last.");
    return report;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_finding_comes_first_and_parts_follow_in_the_order_they_were_added) {
    const std::string page = full_report().str();

    BOOST_TEST(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">\n"));
    BOOST_TEST(page.ends_with("</html>\n"));
    std::size_t last = 0;
    for (const char* part :
         {"<h1>Title</h1>", "<p class=\"finding\">The finding.</p>", "<h2 id=\"section1\">First</h2>", "<p>Words.</p>",
          "A caption.", "Another.", "<caption>Numbers.</caption>", "<dt>seed</dt><dd>7</dd>", "Last."}) {
        const std::size_t at = page.find(part);
        BOOST_TEST(at != std::string::npos, part);
        BOOST_TEST(at > last, part);
        last = at;
    }
}

BOOST_AUTO_TEST_CASE(the_contents_link_to_every_heading) {
    HtmlReport report("Title", "The finding.");
    report.paragraph("Before.");
    report.contents();
    report.section("One & only");
    report.subsection("Part");
    const std::string page = report.str();
    const std::size_t list = page.find("<nav><ul>\n"
                                       "<li class=\"level2\"><a href=\"#section1\">One &amp; only</a></li>\n"
                                       "<li class=\"level3\"><a href=\"#section2\">Part</a></li>\n</ul></nav>\n");
    BOOST_REQUIRE(list != std::string::npos);
    BOOST_TEST(page.find("Before.") < list);
    BOOST_TEST(page.find("<h2 id=\"section1\">One &amp; only</h2>") > list);
    BOOST_TEST(contains(page, "<h3 id=\"section2\">Part</h3>"));
    BOOST_TEST(!contains(full_report().str(), "<nav>"));
}

BOOST_AUTO_TEST_CASE(figures_added_in_a_row_stand_side_by_side) {
    const std::string page = full_report().str();
    BOOST_TEST(count(page, "<div class=\"figures\">") == 2u);
    BOOST_TEST(count(page, "</div>") == 2u);
    BOOST_TEST(count(page, "<svg ") == 3u);
}

BOOST_AUTO_TEST_CASE(every_tag_that_opens_closes_in_order) {
    const std::string page = full_report().str();
    const std::regex tag("<(/?)([a-z][a-zA-Z0-9]*)([^>]*?)(/?)>");
    const std::set<std::string> empty_in_html = {"meta"};
    std::vector<std::string> open;
    for (std::sregex_iterator it(page.begin(), page.end(), tag), end; it != end; ++it) {
        const std::string name = (*it)[2];
        if ((*it)[4] == "/" || empty_in_html.contains(name)) continue;
        if ((*it)[1] == "") {
            open.push_back(name);
            continue;
        }
        BOOST_REQUIRE(!open.empty());
        BOOST_REQUIRE_EQUAL(open.back(), name);
        open.pop_back();
    }
    BOOST_TEST(open.empty());
}

BOOST_AUTO_TEST_CASE(ids_are_unique_over_all_figures_and_every_reference_has_its_target) {
    const std::string page = full_report().str();
    const std::regex id(" id=['\"]([^'\"]+)['\"]");
    std::set<std::string> ids;
    for (std::sregex_iterator it(page.begin(), page.end(), id), end; it != end; ++it)
        BOOST_TEST(ids.insert((*it)[1]).second, (*it)[1].str());
    BOOST_TEST(ids.size() > 3u);
    const std::regex reference("href=['\"]#([^'\"]+)['\"]");
    for (std::sregex_iterator it(page.begin(), page.end(), reference), end; it != end; ++it)
        BOOST_TEST(ids.contains((*it)[1]), (*it)[1].str());
}

BOOST_AUTO_TEST_CASE(every_text_is_escaped) {
    const std::string raw = "<script>&\"'\x01";
    const std::string safe = "&lt;script&gt;&amp;&quot;&#39;\uFFFD";
    HtmlReport report(raw, raw);
    report.section(raw);
    report.paragraph(raw);
    TextTable table({raw});
    table.add_row({raw});
    report.table(table, raw);
    report.settings({{raw, raw}});
    Plot plot = line_plot();
    plot.title = raw;
    report.figure(plot, raw);
    const std::string page = report.str();

    BOOST_TEST(!contains(page, "<script"));
    // Title twice, finding, heading, paragraph, header, cell, two captions, name, value, figure title in page and
    // picture.
    BOOST_TEST(count(page, safe) == 13u);
}

BOOST_AUTO_TEST_CASE(the_page_needs_nothing_from_outside) {
    const std::string page = full_report().str();
    for (const char* part : {"src=", "<link", "@import", "url(http", "<script", "xlink"})
        BOOST_TEST(!contains(page, part), part);
    BOOST_TEST(count(page, "http") == count(page, "xmlns=\"http://www.w3.org/2000/svg\""));
}

BOOST_AUTO_TEST_CASE(columns_of_numbers_are_flush_right_and_errors_get_their_sign) {
    HtmlReport report("t", "f");
    TextTable table({"name +- x", "value"});
    table.add_row({"a +- b", Estimate{1.04, 0.03, 5, 5}});
    report.table(table, "");
    const std::string page = report.str();

    BOOST_TEST(contains(page, "<th scope=\"col\">name +- x</th><th scope=\"col\" class=\"number\">value</th>"));
    BOOST_TEST(contains(page, "<td>a +- b</td><td class=\"number\">1.04 \u00b1 0.03</td>"));
    BOOST_TEST(!contains(page, "<caption>"));
}

BOOST_AUTO_TEST_CASE(where_no_picture_is_possible_a_note_stands_in_its_place) {
    HtmlReport report("t", "f", {.gnuplot = "no-such-gnuplot"});
    report.figure(line_plot(), "A caption.");
    const std::string page = report.str();

    BOOST_TEST(contains(
        page, "<p class=\"missing\">There is no picture: no-such-gnuplot is not installed, or may not be run.</p>"));
    BOOST_TEST(contains(page, "<figcaption>A caption.</figcaption>"));
}

BOOST_AUTO_TEST_CASE(what_a_figure_leaves_out_is_said_under_it) {
    HtmlReport report("t", "f");
    Plot plot = line_plot();
    plot.log_x = true;
    report.figure(plot, "A caption.");

    BOOST_TEST(contains(report.str(),
                        "<figcaption>A caption. <span class=\"note\">1 of 3 points is left out: not "
                        "positive (or below 1e-300), which a logarithmic axis cannot show.</span></figcaption>"));
}

BOOST_AUTO_TEST_SUITE_END()
