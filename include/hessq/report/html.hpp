#pragma once

#include "hessq/report/plot.hpp"
#include "hessq/report/table.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// A report as one HTML file that needs nothing else: styles and pictures are inside. Every text is escaped; parts
/// appear in the order in which they are added, figures in a row side by side.
class HtmlReport {
public:
    /// The finding is the sentence or paragraph that answers the question; it comes first.
    HtmlReport(std::string title, std::string finding, PictureOptions pictures = {});

    void section(const std::string& heading);
    void subsection(const std::string& heading);
    /// Here: a list of all sections and subsections, with links to them.
    void contents();
    void paragraph(const std::string& text);
    void table(const TextTable& table, const std::string& caption);
    /// The picture with its title, caption and note; where there can be no picture, the note says why.
    void figure(const Plot& plot, const std::string& caption);
    void figure(const HeatMap& map, const std::string& caption);
    /// Names and values: the command, seeds, conventions.
    void settings(const std::vector<std::pair<std::string, std::string>>& entries);

    std::string str() const;

private:
    void add(const std::string& html);
    void add_heading(int level, const std::string& heading);
    void add_figure(const Picture& drawn, const std::string& title, const std::string& caption);
    std::string next_figure() { return "figure" + std::to_string(++figures_); }

    std::string title_;
    std::string finding_;
    PictureOptions pictures_;
    std::string body_;
    std::string headings_; ///< the lines of the contents
    std::optional<std::size_t> contents_at_ = {};
    int figures_ = 0, sections_ = 0;
    bool in_figures_ = false; ///< a row of figures is still open
};

} // namespace hessq
#pragma GCC visibility pop
