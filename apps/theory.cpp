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

std::vector<const Experiment*> selected_by(const std::vector<std::string>& ids) {
    try {
        return select_experiments(all_experiments(), ids);
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

/// "holds", or "holds only: <where>; <where>".
std::string full_verdict(const LedgerRow& row) {
    std::string text = to_string(row.verdict);
    if (row.verdict != Verdict::holds_only) return text;
    std::string separator = ": ";
    for (const Case& tested : row.cases) {
        if (tested.verdict() != Verdict::holds) continue;
        text += separator + tested.regime;
        separator = "; ";
    }
    return text;
}

/// An error bar of rounding is none.
Cell cell(const Estimate& measured) {
    constexpr double rounding = 1e-9;
    return measured.std_error > rounding * std::abs(measured.value) ? Cell(measured) : Cell(measured.value);
}

/// Two lines a claim: what it says, and where its verdict was decided.
TextTable ledger_table(const std::vector<LedgerRow>& rows) {
    TextTable table({"id", "verdict", "predicted", "measured", "claim, and where it was decided"});
    for (const LedgerRow& row : rows) {
        const Case& shown = row.cases[row.deciding];
        table.add_row(
            {row.claim.id, to_string(row.verdict), shown.predicted, cell(shown.measured), row.claim.statement});
        table.add_row({"", "", "", "", fmt::format("    {}: {}", shown.quantity, shown.regime)});
    }
    return table;
}

TextTable case_table(const std::vector<Case>& cases) {
    TextTable table({"claim", "verdict", "predicted", "measured", "tolerance", "quantity", "where"});
    for (const Case& tested : cases)
        table.add_row({tested.claim, to_string(tested.verdict()), tested.predicted, cell(tested.measured),
                       tested.tolerance, tested.quantity, tested.regime});
    return table;
}

Json to_json(const Case& tested) {
    return {{"claim", tested.claim},
            {"regime", tested.regime},
            {"quantity", tested.quantity},
            {"predicted", tested.predicted},
            {"measured", app::to_json(tested.measured)},
            {"tolerance", tested.tolerance},
            {"verdict", to_string(tested.verdict())}};
}

Json to_json(const LedgerRow& row) {
    const Case& shown = row.cases[row.deciding];
    Json cases = Json::array();
    for (const Case& tested : row.cases) cases.push_back(to_json(tested));
    return {{"id", row.claim.id},
            {"statement", row.claim.statement},
            {"regime", shown.regime},
            {"quantity", shown.quantity},
            {"predicted", shown.predicted},
            {"measured", app::to_json(shown.measured)},
            {"verdict", to_string(row.verdict)},
            {"source", row.claim.source},
            {"seconds", row.seconds},
            {"cases", cases}};
}

std::string finding_of(const std::vector<LedgerRow>& rows) {
    const auto ids = [&](Verdict wanted) {
        std::string list;
        for (const LedgerRow& row : rows)
            if (row.verdict == wanted) list += (list.empty() ? "" : ", ") + row.claim.id;
        return list.empty() ? std::string("none") : list;
    };
    return fmt::format(
        "Of {} claims, these hold in every case of this run: {}. These hold only in some: {}. These fail: {}. "
        "Undecided: {}.",
        rows.size(), ids(Verdict::holds), ids(Verdict::holds_only), ids(Verdict::fails), ids(Verdict::undecided));
}

} // namespace

Action theory_command(CLI::App& command) {
    const auto options = std::make_shared<TheoryOptions>();
    command.add_option("ID", options->ids, "experiments (E-b3) or claims (b17) to run; none: all of them")
        ->type_name("");
    add_switch(command, "--quick", options->quick, "a tenth of the draws: all experiments in less than half a minute")
        ->group("Effort");
    add_switch(command, "--precise", options->precise, "ten times the draws: error bars a third as wide")
        ->group("Effort");
    add_run_options(command, options->run);
    command.get_option("--out")->description(
        "folder of the results, replaced if hessq wrote it (default: hessq-out/theory)");
    command.remove_option(command.get_option("--save-arrays")); // nothing was analysed that could be saved
    command.footer("'hessq theory b17' runs what tests claim b17, and shows each case.");
    return [options](const std::string& command_line) {
        const ExperimentOptions experiment_options{.effort = effort(*options), .seed = options->run.seed};
        const std::vector<Experiment>& experiments = all_experiments();
        const std::vector<const Experiment*> selected = selected_by(options->ids);
        Output output("theory", options->run, command_line);
        output.open("theory");
        const std::vector<ExperimentRecord> records = run_all(selected, experiment_options, output.progress_options());
        const std::vector<LedgerRow> rows = ledger(experiments, records);
        const std::string finding = finding_of(rows);

        Json result = {{"effort", effort_name(experiment_options.effort)}, {"claims", Json::array()}};
        for (const LedgerRow& row : rows) result["claims"].push_back(to_json(row));

        HtmlReport report("The theory, claim by claim", finding);
        TextTable verdicts({"id", "claim", "verdict", "source"});
        for (const LedgerRow& row : rows)
            verdicts.add_row({row.claim.id, row.claim.statement, full_verdict(row), row.claim.source});
        report.table(verdicts, "The ledger. A verdict compares the measured value's interval of 99.73 % confidence with "
                               "the predicted value and a tolerance that was stated beforehand.");
        std::string details;
        for (const ExperimentRecord& record : records) {
            report.section(record.experiment->id + ": " + record.experiment->title);
            report.paragraph(record.result.paragraph);
            report.figure(record.result.figure, record.result.caption);
            report.table(case_table(record.result.cases), "Every regime that was tested.");
            details += fmt::format("{}: {}\n{}\n", record.experiment->id, record.experiment->title,
                                   case_table(record.result.cases).str());
        }
        // Who asks for a few claims wants to see every case of theirs.
        const std::string tables = options->ids.empty() ? ledger_table(rows).str() : details + ledger_table(rows).str();
        output.finish(Json::object(), result, std::move(report), {{"Effort", effort_name(experiment_options.effort)}},
                      tables, finding);
    };
}

} // namespace hessq::app
