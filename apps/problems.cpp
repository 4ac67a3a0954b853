#include "hessq/objectives/problems.hpp"
#include "commands.hpp"
#include "hessq/report/table.hpp"
#include "support/options.hpp"
#include "support/run.hpp"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace hessq::app {

Action problems_command(CLI::App& command) {
    const auto json = std::make_shared<bool>(false);
    add_switch(command, "--json", *json, "print the list as JSON")->group("Output");
    return [json](const std::string& command_line) {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        TextTable table({"problem", "samples", "parameters", "what it shows"});
        for (const ProblemInfo& info : bundled_problems()) {
            table.add_row({info.name, info.samples, info.parameters, info.summary});
            list.push_back({{"name", info.name},
                            {"samples", info.samples},
                            {"parameters", info.parameters},
                            {"summary", info.summary}});
        }
        if (*json)
            std::cout << nlohmann::ordered_json{{"schema", "hessq/problems/1"},
                                                {"version", HESSQ_VERSION},
                                                {"command_line", command_line},
                                                {"problems", list}}
                             .dump(1)
                      << '\n';
        else
            std::cout << table.str();
        require_written(std::cout);
    };
}

} // namespace hessq::app
