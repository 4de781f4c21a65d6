// plumbline completion and plumbline man: what --help says, for shells and for man.  Everything is
// read off the declared commands, so an option that is declared is completed and documented.
#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <sstream>

#include "schedules/catalog.h"
#include "sim/cli/command.h"
#include "sim/cli/list_command.h"
#include "sim/cli/scenario_option.h"

namespace plumbline {
namespace {

/// A command and all below it, by the words that lead to it.
struct Entry {
  std::string words;  ///< "calibrate fit"; "" for the program itself
  const CLI::App* app = nullptr;
};

void collect(const CLI::App& app, const std::string& words, std::vector<Entry>& entries) {
  entries.push_back({words, &app});
  for (const CLI::App* below : app.get_subcommands({})) {
    collect(*below, (words.empty() ? "" : words + " ") + below->get_name(), entries);
  }
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

std::vector<std::string> below(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// The words that the argument of a command may be, where it is no file.
std::vector<std::string> arguments(const std::string& command) {
  if (command == "list") return list_kinds();
  if (command == "completion") return {"bash", "zsh", "fish"};
  std::vector<std::string> names;
  if (command == "schedule" || command == "calibrate box") {
    for (const ScheduleEntry& entry : all_schedules()) names.emplace_back(entry.name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string escaped(const std::string& text, const std::string& signs, const std::string& with) {
  std::string out;
  for (const char c : text) {
    if (signs.find(c) != std::string::npos) out += with;
    out += c;
  }
  return out;
}

// A case per command; what is no option and no command is a file.
std::string bash(const std::vector<Entry>& entries) {
  std::string text =
      "# bash completion of plumbline:  source <(plumbline completion bash)\n"
      "_plumbline() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} line='' i\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] && break\n"
      "    line+=\"${line:+ }${COMP_WORDS[i]}\"\n"
      "  done\n"
      "  local options='' commands=''\n"
      "  case \"$line\" in\n";
  // The longest words first: "calibrate fit" before "calibrate".
  std::vector<Entry> sorted = entries;
  std::ranges::stable_sort(sorted, std::greater<>(), [](const Entry& e) { return e.words.size(); });
  for (const Entry& entry : sorted) {
    const std::string pattern =
        entry.words.empty() ? "''" : "'" + entry.words + "'|'" + entry.words + " '*";
    text += "    " + pattern + ") options='" + joined(flags_of(*entry.app)) + "' commands='" +
            joined(below(*entry.app)) + joined(arguments(entry.words)) + "' ;;\n";
  }
  return text +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
         "  elif [[ -n $commands ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
         "    if [[ $line == schedule* ]]; then  # or a CSV\n"
         "      mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
         "    fi\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _plumbline plumbline\n";
}

/// " 'name:what it is'", as zsh's _describe takes it.
std::string described(const std::string& name, const std::string& help) {
  std::string text = " '";
  text += escaped(name, ":", "\\");
  text += ':';
  for (const char c : help) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  text += '\'';
  return text;
}

std::string zsh(const std::vector<Entry>& entries) {
  std::string text =
      "#compdef plumbline\n"
      "# zsh completion of plumbline:  plumbline completion zsh > ~/.zfunc/_plumbline\n"
      "_plumbline() {\n"
      "  local line='' i\n"
      "  for ((i = 2; i < CURRENT; ++i)); do\n"
      "    [[ ${words[i]} == -* ]] && break\n"
      "    line+=\"${line:+ }${words[i]}\"\n"
      "  done\n"
      "  local -a options commands\n"
      "  case \"$line\" in\n";
  std::vector<Entry> sorted = entries;
  std::ranges::stable_sort(sorted, std::greater<>(), [](const Entry& e) { return e.words.size(); });
  for (const Entry& entry : sorted) {
    const std::string pattern =
        entry.words.empty() ? "''" : "'" + entry.words + "'|'" + entry.words + " '*";
    text += "    " + pattern + ")\n      options=(";
    for (const CLI::Option* option : entry.app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        text += described("--" + name, option->get_description());
      }
      for (const std::string& name : option->get_snames()) {
        text += described("-" + name, option->get_description());
      }
    }
    text += ")\n      commands=(";
    for (const CLI::App* command : entry.app->get_subcommands({})) {
      text += described(command->get_name(), command->get_description());
    }
    for (const std::string& word : arguments(entry.words)) text += described(word, "");
    text += ") ;;\n";
  }
  return text +
         "  esac\n"
         "  if [[ ${words[CURRENT]} == -* ]]; then _describe option options\n"
         "  elif (( $#commands )); then _describe command commands\n"
         "  else _files; fi\n"
         "}\n"
         "compdef _plumbline plumbline\n";
}

std::string fish(const std::vector<Entry>& entries) {
  std::string text =
      "# fish completion of plumbline:  plumbline completion fish > "
      "~/.config/fish/completions/plumbline.fish\n";
  for (const Entry& entry : entries) {
    std::string when = "__fish_use_subcommand";
    if (!entry.words.empty()) {
      when.clear();
      std::istringstream words(entry.words);
      for (std::string word; words >> word;) {
        when += (when.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
      }
    }
    const std::string begin = "complete -c plumbline -n '" + when + "'";
    const auto said = [](const std::string& help) {
      return " -d '" + escaped(help, "'\\", "\\") + "'";
    };
    for (const CLI::App* command : entry.app->get_subcommands({})) {
      text += begin + " -f -a " + command->get_name() + said(command->get_description()) + "\n";
    }
    for (const std::string& word : arguments(entry.words)) {
      text += begin + " -a " + word + "\n";  // beside files: a schedule may be one
    }
    for (const CLI::Option* option : entry.app->get_options()) {
      std::string names;
      for (const std::string& name : option->get_lnames()) names += " -l " + name;
      for (const std::string& name : option->get_snames()) names += " -s " + name;
      if (names.empty()) continue;
      const bool takes = option->get_items_expected_max() > 0;
      text += begin + names + (takes ? " -r" : "") + said(option->get_description()) + "\n";
    }
  }
  return text;
}

/// Text for troff: no line begins a request, and a minus is a minus.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string man(const CLI::App& root, const std::vector<Entry>& entries) {
  std::string text = ".TH PLUMBLINE 1 \"\" \"" + roff(root.version()) + "\" \"User Commands\"\n";
  text += ".SH NAME\nplumbline \\- " + roff(root.get_description()) + "\n";
  text += ".SH SYNOPSIS\n.B plumbline\n.I COMMAND\n[\\fIOPTION\\fR]...\n";
  for (const Entry& entry : entries) {
    if (entry.words.empty()) {
      text += ".SH OPTIONS\n";
    } else {
      text += (entry.words.find(' ') == std::string::npos ? ".SH PLUMBLINE " : ".SS plumbline ") +
              roff(entry.words) + "\n" + roff(entry.app->get_description()) + ".\n";
    }
    for (const CLI::Option* option : entry.app->get_options()) {
      const bool takes = option->get_items_expected_max() > 0;
      text += ".TP\n\\fB" + roff(option->get_name(option->get_positional(), true)) + "\\fR" +
              (takes && !option->get_positional() ? " \\fI" + roff(option->get_type_name()) + "\\fR"
                                                  : std::string()) +
              "\n" + roff(option->get_description()) + ".\n";
    }
    if (!entry.app->get_footer().empty()) {
      text += ".PP\n.nf\n" + roff(entry.app->get_footer()) + "\n.fi\n";
    }
  }
  return text;
}

}  // namespace

Command completion_command(CLI::App& parent) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* app = parent.add_subcommand("completion", "Completion of commands for a shell");
  app->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  app->footer(
      "Examples:\n"
      "  source <(plumbline completion bash)\n"
      "  plumbline completion zsh > ~/.zfunc/_plumbline\n"
      "  plumbline completion fish > ~/.config/fish/completions/plumbline.fish");
  return {app,
          [shell, &parent](const Console& console) {
            std::vector<Entry> entries;
            collect(parent, {}, entries);
            if (*shell == "bash") {
              console.out << bash(entries);
            } else if (*shell == "zsh") {
              console.out << zsh(entries);
            } else if (*shell == "fish") {
              console.out << fish(entries);
            } else {
              throw InputError({option_problem(
                  "SHELL", "no completion is known for '" + *shell + "'", "bash, zsh or fish")});
            }
            return kDone;
          },
          false};
}

Command man_command(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("man", "The manual page");
  app->footer("Examples:\n  plumbline man | man -l -\n  plumbline man > plumbline.1");
  return {app,
          [&parent](const Console& console) {
            std::vector<Entry> entries;
            collect(parent, {}, entries);
            console.out << man(parent, entries);
            return kDone;
          },
          false};
}

}  // namespace plumbline
