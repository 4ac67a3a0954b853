#include "hessq/report/html.hpp"

#include "escape.hpp"

#include <fmt/format.h>

namespace hessq {
namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; color: #1b1b1b; background: #fff;
  font: 1rem/1.55 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid #ddd; }
h3 { font-size: 1.05rem; line-height: 1.3; margin: 2rem 0 .5rem; }
nav ul { list-style: none; margin: 1rem 0; padding: 0; columns: 22rem 2; font-size: .92rem; }
nav .level3 { padding-left: 1.2rem; }
nav .level2 { font-weight: 600; break-after: avoid; }
nav a { color: #0072b2; text-decoration: none; }
nav a:hover { text-decoration: underline; }
p { max-width: 48rem; margin: .75rem 0; }
.finding { font-size: 1.15rem; margin: 0 0 1.5rem; padding: .9rem 1.1rem; background: #f2f7fb; border-left: .3rem solid #0072b2; }
.figures { display: grid; gap: 1.5rem; margin: 1.25rem 0; }
@media (min-width: 56rem) { .figures { grid-template-columns: 1fr 1fr; } }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; }
figure.table { overflow-x: auto; margin: 1.25rem 0; }
figcaption, caption { font-size: .9rem; color: #444; text-align: left; }
.title { display: block; font-size: 1rem; font-weight: 600; color: #1b1b1b; margin-bottom: .25rem; }
.note { color: #6b4a00; }
.missing { margin: 0 0 .5rem; padding: 1rem; border: 1px dashed #bbb; color: #6b4a00; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { padding: 0 0 .4rem; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
thead th { border-bottom: 2px solid #999; font-weight: 600; vertical-align: bottom; }
.number { text-align: right; padding: .3rem 0 .3rem .8rem; white-space: nowrap; }
.number + :not(.number) { padding-left: 1.2rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .25rem 1.25rem; margin: 1rem 0; font-size: .92rem; }
dt { color: #444; }
dd { margin: 0; min-width: 0; }
@media (max-width: 34rem) {
  body { padding: 1rem .8rem 2rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin: 0 0 .5rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .figures { grid-template-columns: 1fr 1fr; }
  figure, tr, .finding { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  figure.table { overflow: visible; }
}
)";

/// A number as a page can set it: "+-" is what a terminal has for the sign.
std::string shown(const Cell& cell) {
    const std::string text = escape_html(cell.text);
    const auto at = text.find("+-");
    if (!cell.number || at == std::string::npos) return text;
    return fmt::format("{}\u00b1{}", text.substr(0, at), text.substr(at + 2));
}

} // namespace

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            if (const auto code = static_cast<unsigned char>(c);
                (code < 0x20 && c != '\n' && c != '\t') || code == 0x7F)
                out += "\xEF\xBF\xBD";
            else
                out += c;
        }
    }
    return out;
}

HtmlReport::HtmlReport(std::string title, std::string finding, PictureOptions pictures)
    : title_(std::move(title)), finding_(std::move(finding)), pictures_(std::move(pictures)) {}

void HtmlReport::add(const std::string& html) {
    if (in_figures_) body_ += "</div>\n";
    in_figures_ = false;
    body_ += html;
}

void HtmlReport::add_heading(int level, const std::string& heading) {
    const std::string id = fmt::format("section{}", ++sections_), text = escape_html(heading);
    add(fmt::format("<h{0} id=\"{1}\">{2}</h{0}>\n", level, id, text));
    headings_ += fmt::format("<li class=\"level{}\"><a href=\"#{}\">{}</a></li>\n", level, id, text);
}

void HtmlReport::section(const std::string& heading) { add_heading(2, heading); }

void HtmlReport::subsection(const std::string& heading) { add_heading(3, heading); }

void HtmlReport::contents() {
    add("");
    contents_at_ = body_.size();
}

void HtmlReport::paragraph(const std::string& text) { add(fmt::format("<p>{}</p>\n", escape_html(text))); }

void HtmlReport::table(const TextTable& table, const std::string& caption) {
    const auto attribute = [&](std::size_t j) { return table.is_numeric(j) ? " class=\"number\"" : ""; };
    std::string html = "<figure class=\"table\"><table>\n";
    if (!caption.empty()) html += fmt::format("<caption>{}</caption>\n", escape_html(caption));
    html += "<thead><tr>";
    for (std::size_t j = 0; j < table.headers().size(); ++j)
        html += fmt::format("<th scope=\"col\"{}>{}</th>", attribute(j), escape_html(table.headers()[j]));
    html += "</tr></thead>\n<tbody>\n";
    for (const auto& row : table.rows()) {
        html += "<tr>";
        for (std::size_t j = 0; j < row.size(); ++j) html += fmt::format("<td{}>{}</td>", attribute(j), shown(row[j]));
        html += "</tr>\n";
    }
    add(html + "</tbody>\n</table></figure>\n");
}

void HtmlReport::figure(const Plot& plot, const std::string& caption) {
    add_figure(picture(plot, next_figure(), pictures_), plot.title, caption);
}

void HtmlReport::figure(const HeatMap& map, const std::string& caption) {
    add_figure(picture(map, next_figure(), pictures_), map.title, caption);
}

void HtmlReport::add_figure(const Picture& drawn, const std::string& title, const std::string& caption) {
    if (!in_figures_) body_ += "<div class=\"figures\">\n";
    in_figures_ = true;

    body_ += "<figure>";
    if (!title.empty()) body_ += fmt::format("<span class=\"title\">{}</span>\n", escape_html(title));
    body_ += drawn.svg.empty() ? fmt::format("<p class=\"missing\">{}</p>\n", escape_html(drawn.note)) : drawn.svg;
    std::string words = escape_html(caption);
    if (!drawn.svg.empty() && !drawn.note.empty())
        words += fmt::format(" <span class=\"note\">{}</span>", escape_html(drawn.note));
    if (!words.empty()) body_ += fmt::format("<figcaption>{}</figcaption>", words);
    body_ += "</figure>\n";
}

void HtmlReport::settings(const std::vector<std::pair<std::string, std::string>>& entries) {
    if (entries.empty()) return;
    std::string html = "<dl>\n";
    for (const auto& [name, value] : entries)
        html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
    add(html + "</dl>\n");
}

std::string HtmlReport::str() const {
    const std::string title = escape_html(title_);
    std::string body = body_;
    if (contents_at_ && !headings_.empty())
        body.insert(*contents_at_, fmt::format("<nav><ul>\n{}</ul></nav>\n", headings_));
    return fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n"
                       "<p class=\"finding\">{}</p>\n{}{}</main>\n</body>\n</html>\n",
                       title, style, title, escape_html(finding_), body, in_figures_ ? "</div>\n" : "");
}

} // namespace hessq
