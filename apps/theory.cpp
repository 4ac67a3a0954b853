#include "commands.hpp"
#include "hessq/core/require.hpp"
#include "hessq/experiments/essays.hpp"
#include "hessq/report/table.hpp"
#include "support/options.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace hessq::app {
namespace {

struct TheoryOptions {
    std::vector<std::string> ids;
    bool quick = false, precise = false;
    RunOptions run;
};

Effort effort(const TheoryOptions& options) {
    if (options.quick && options.precise) throw InputError("hessq theory: expected --quick or --precise; got both");
    return options.quick ? Effort::quick : options.precise ? Effort::precise : Effort::standard;
}

std::string effort_name(Effort effort) {
    return effort == Effort::quick ? "quick" : effort == Effort::precise ? "precise" : "standard";
}

/// What can be asked for, as the type of an option.
std::string known_ids() {
    std::vector<std::string> ids;
    for (const Essay& essay : all_essays()) ids.push_back(essay.letter);
    for (const Experiment& experiment : all_experiments()) {
        ids.push_back(experiment.id);
        for (const Claim& claim : experiment.claims) ids.push_back(claim.id);
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return fmt::format("{}", fmt::join(ids, "|"));
}

std::vector<const Experiment*> selected_by(const std::vector<std::string>& ids) {
    try {
        return select_experiments(all_experiments(), ids, all_essays());
    } catch (const InputError& error) {
        throw InputError(fmt::format("hessq theory: {}", error.what()));
    }
}

std::vector<ExperimentRecord> run_all(const std::vector<const Experiment*>& selected, const ExperimentOptions& options,
                                      const ProgressOptions& progress_options) {
    Progress progress(static_cast<double>(selected.size()), progress_options);
    std::vector<ExperimentRecord> records;
    for (const Experiment* experiment : selected) {
        progress.advance(0.0, experiment->id);
        const auto begin = std::chrono::steady_clock::now();
        ExperimentResult result =
            with_finite_numbers("hessq theory, " + experiment->id, [&] { return experiment->run(options); });
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        records.push_back({experiment, std::move(result), seconds});
        progress.advance(1.0, experiment->id);
    }
    return records;
}

/// The regimes of the cases with this verdict, each once.
std::vector<std::string> regimes_that(Verdict verdict, const std::vector<Case>& cases) {
    std::vector<std::string> regimes;
    for (const Case& tested : cases)
        if (tested.verdict() == verdict && std::find(regimes.begin(), regimes.end(), tested.regime) == regimes.end())
            regimes.push_back(tested.regime);
    return regimes;
}

/// "holds", or "holds only: <where>; <where>".
std::string full_verdict(const LedgerRow& row) {
    const std::string text = to_string(row.verdict);
    if (row.verdict != Verdict::holds_only) return text;
    return fmt::format("{}: {}", text, fmt::join(regimes_that(Verdict::holds, row.cases), "; "));
}

/// The same in a line: the first regimes, and how many there are.
std::string where_it_holds(const LedgerRow& row) {
    constexpr std::size_t shown = 2;
    std::vector<std::string> regimes = regimes_that(Verdict::holds, row.cases);
    const std::size_t all = regimes.size();
    if (all > shown) regimes.resize(shown);
    return fmt::format("holds: {}{}", fmt::join(regimes, "; "),
                       all > shown ? fmt::format("; and {} more", all - shown) : "");
}

/// An error bar of rounding is none.
Cell cell(const Estimate& measured) {
    constexpr double rounding = 1e-9;
    return measured.std_error > rounding * std::abs(measured.value) ? Cell(measured) : Cell(measured.value);
}

bool has_replications(const std::vector<Case>& cases) {
    return std::any_of(cases.begin(), cases.end(),
                       [](const Case& tested) { return tested.prediction == Prediction::printed; });
}

/// A claim's lines: what it says, where its verdict was decided, and where it holds if it does not everywhere.
void add_rows(TextTable& table, const LedgerRow& row) {
    const Case& shown = row.cases[row.deciding];
    table.add_row({row.claim.id, to_string(row.verdict), shown.predicted, cell(shown.measured), row.claim.statement});
    const auto add_line = [&](const std::string& text) { table.add_row({"", "", "", "", "    " + text}); };
    add_line(fmt::format("{}{}: {}", shown.quantity,
                         shown.prediction == Prediction::printed ? " (replication of a printed number)" : "",
                         shown.regime));
    if (row.verdict == Verdict::holds_only) add_line(where_it_holds(row));
}

/// The claims of one essay and of the project on it, and the experiments.
struct Chapter {
    const Essay* essay;
    std::vector<const LedgerRow*> rows;
    std::vector<const ExperimentRecord*> records;

    std::string heading() const { return fmt::format("({}) {}", essay->letter, essay->title); }
};

std::vector<Chapter> chapters_of(const std::vector<LedgerRow>& rows, const std::vector<ExperimentRecord>& records) {
    std::vector<Chapter> chapters;
    for (const Essay& essay : all_essays()) {
        Chapter chapter{&essay, {}, {}};
        for (const LedgerRow& row : rows)
            if (essay.has(row.experiment)) chapter.rows.push_back(&row);
        for (const ExperimentRecord& record : records)
            if (essay.has(record.experiment->id)) chapter.records.push_back(&record);
        if (!chapter.rows.empty() || !chapter.records.empty()) chapters.push_back(std::move(chapter));
    }
    return chapters;
}

/// The claims on the terminal, essay by essay.
std::string ledger_text(const std::vector<Chapter>& chapters) {
    std::string text;
    for (const Chapter& chapter : chapters) {
        if (chapter.rows.empty()) continue;
        TextTable table({"id", "verdict", "predicted", "measured", "claim, and where it was decided"});
        for (const LedgerRow* row : chapter.rows) add_rows(table, *row);
        text += fmt::format("{}{}\n{}\n\n{}", text.empty() ? "" : "\n", chapter.heading(), chapter.essay->source,
                            table.str());
    }
    return text;
}

TextTable case_table(const std::vector<Case>& cases) {
    const bool replications = has_replications(cases);
    std::vector<std::string> headers = {"claim", "verdict", "predicted", "measured", "tolerance", "quantity", "where"};
    if (replications) headers.insert(headers.begin() + 3, "prediction");
    TextTable table(headers);
    for (const Case& tested : cases) {
        std::vector<Cell> row = {tested.claim,     to_string(tested.verdict()),
                                 tested.predicted, cell(tested.measured),
                                 tested.tolerance, tested.quantity,
                                 tested.regime};
        if (replications) row.insert(row.begin() + 3, Cell(to_string(tested.prediction)));
        table.add_row(std::move(row));
    }
    return table;
}

void add_experiment(HtmlReport& report, const ExperimentRecord& record) {
    const ExperimentResult& found = record.result;
    report.subsection(record.experiment->id + ": " + record.experiment->title);
    report.paragraph(found.paragraph);
    report.figure(found.figure, found.caption);
    report.table(case_table(found.cases),
                 has_replications(found.cases)
                     ? "Every regime that was tested. Where the prediction is a printed number, the case replicates "
                       "another simulation and tests no formula."
                     : "Every regime that was tested.");
}

void add_chapter(HtmlReport& report, const Chapter& chapter) {
    report.section(chapter.heading());
    report.paragraph(chapter.essay->source);
    TextTable verdicts({"id", "claim", "verdict", "source"});
    for (const LedgerRow* row : chapter.rows)
        verdicts.add_row({row->claim.id, row->claim.statement, full_verdict(*row), row->claim.source});
    report.table(verdicts, "A verdict compares the measured value's interval of 99.73 % confidence with the predicted "
                           "value and a tolerance that was stated beforehand.");
    for (const ExperimentRecord* record : chapter.records) add_experiment(report, *record);
}

Json to_json(const Case& tested) {
    return {{"claim", tested.claim},
            {"regime", tested.regime},
            {"quantity", tested.quantity},
            {"predicted", tested.predicted},
            {"prediction", to_string(tested.prediction)},
            {"measured", app::to_json(tested.measured)},
            {"tolerance", tested.tolerance},
            {"verdict", to_string(tested.verdict())}};
}

Json to_json(const LedgerRow& row, const Essay& essay) {
    const Case& shown = row.cases[row.deciding];
    Json cases = Json::array();
    for (const Case& tested : row.cases) cases.push_back(to_json(tested));
    return {{"id", row.claim.id},
            {"essay", essay.letter},
            {"statement", row.claim.statement},
            {"regime", shown.regime},
            {"quantity", shown.quantity},
            {"predicted", shown.predicted},
            {"prediction", to_string(shown.prediction)},
            {"measured", app::to_json(shown.measured)},
            {"verdict", to_string(row.verdict)},
            {"source", row.claim.source},
            {"seconds", row.seconds},
            {"cases", cases}};
}

/// With ids, what was left out is part of what was found.
std::string finding_of(const std::vector<LedgerRow>& rows, bool everything) {
    const auto ids = [&](Verdict wanted) {
        std::string list;
        for (const LedgerRow& row : rows)
            if (row.verdict == wanted) list += (list.empty() ? "" : ", ") + row.claim.id;
        return list.empty() ? std::string("none") : list;
    };
    return fmt::format("Of {} claims, these hold in every case of this run: {}. These hold only in some: {}. These "
                       "fail: {}. Undecided: {}.{}",
                       rows.size(), ids(Verdict::holds), ids(Verdict::holds_only), ids(Verdict::fails),
                       ids(Verdict::undecided),
                       everything ? ""
                                  : " Only the experiments that were asked for have been run: a claim is judged by "
                                    "their cases alone, and others may decide it differently.");
}

} // namespace

Action theory_command(CLI::App& command) {
    const auto options = std::make_shared<TheoryOptions>();
    command.add_option("ID", options->ids, "experiment (E-b3), claim (b17) or essay (b) [all]")
        ->type_name("ID:" + known_ids());
    add_switch(command, "--quick", options->quick, "a tenth of the draws: about half a minute")->group("Effort");
    add_switch(command, "--precise", options->precise, "25 times the draws: error bars a fifth as wide")
        ->group("Effort");
    add_run_options(command, options->run);
    command.get_option("--out")->description("of the results (default: hessq-out/theory)");
    command.remove_option(command.get_option("--save-arrays")); // nothing was analysed that could be saved
    command.footer("A claim's experiments show each case; 'hessq theory b' runs those of an essay.\n"
                   "A verdict is about the cases of this run.\n");
    return [options](const std::string& command_line) {
        const ExperimentOptions experiment_options{.effort = effort(*options), .seed = options->run.seed};
        const std::vector<Experiment>& experiments = all_experiments();
        const std::vector<const Experiment*> selected = selected_by(options->ids);
        Output output("theory", options->run, command_line);
        output.open("theory");
        const std::vector<ExperimentRecord> records = run_all(selected, experiment_options, output.progress_options());
        const std::vector<LedgerRow> rows = ledger(experiments, records);
        const std::string finding = finding_of(rows, options->ids.empty());

        Json result = {{"effort", effort_name(experiment_options.effort)}, {"claims", Json::array()}};
        HtmlReport report("The theory, claim by claim", finding);
        report.contents();
        std::string details;
        const std::vector<Chapter> chapters = chapters_of(rows, records);
        for (const Chapter& chapter : chapters) {
            for (const LedgerRow* row : chapter.rows) result["claims"].push_back(to_json(*row, *chapter.essay));
            for (const ExperimentRecord* record : chapter.records)
                details += fmt::format("{}: {}\n{}\n", record->experiment->id, record->experiment->title,
                                       case_table(record->result.cases).str());
            add_chapter(report, chapter);
        }
        // Who asks for a few claims wants to see every case of theirs.
        const std::string tables = (options->ids.empty() ? "" : details) + ledger_text(chapters);
        output.finish(Json::object(), result, std::move(report), {{"Effort", effort_name(experiment_options.effort)}},
                      tables, finding);
    };
}

} // namespace hessq::app
