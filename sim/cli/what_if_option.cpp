#include "sim/cli/what_if_option.h"

#include <CLI/Validators.hpp>

namespace plumbline {

void add_what_if_option(CLI::App& app, std::vector<std::string>& texts, const std::string& help) {
  app.add_option("--what-if", texts,
                 help +
                     " nvlink*2, ib*0.5, gemm*1.1, memory*2, gpu=NAME, inter_node=NAME, nodes=N, "
                     "fail N nodes; commas combine")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.find_first_not_of(" \t") == std::string::npos
                       ? std::string("is empty; for example 'nvlink*2'")
                       : std::string();
          },
          ""));
}

}  // namespace plumbline
