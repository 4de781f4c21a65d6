#include "sim/core/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plumbline {
namespace {

// Optimal string alignment distance: insert, delete, replace, or swap two neighbours.
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('_', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// Whether `word` is a short way to say `name`: its first words (h100, micro_batch), each of them
/// begun (seq_len of sequence_length), or their initials (gbs).
bool shortens(std::string_view word, std::string_view name) {
  const std::vector<std::string_view> said = words_of(word), whole = words_of(name);
  if (said.size() <= whole.size() && word.size() >= 3 &&
      std::ranges::equal(
          said, std::span(whole).first(said.size()),
          [](std::string_view a, std::string_view b) { return !a.empty() && b.starts_with(a); })) {
    return true;
  }
  return whole.size() > 1 && word.size() == whole.size() &&
         std::ranges::equal(
             word, whole, [](char c, std::string_view b) { return !b.empty() && b.front() == c; });
}

/// Megatron-LM's tp, pp, dp, cp, ep: the dimension's initial and "parallel".
bool is_parallel_size(std::string_view word, std::string_view name) {
  return word.size() == 2 && word[1] == 'p' && name.find('_') == std::string_view::npos &&
         name.starts_with(word[0]) &&
         std::string_view("tensor pipeline data context expert").find(name) !=
             std::string_view::npos;
}

template <typename Text>
std::string_view nearest_of(std::string_view word, std::span<const Text> candidates) {
  for (const std::string_view candidate : candidates) {
    if (std::ranges::equal(word, candidate, {}, lower, lower)) return candidate;
  }
  std::string_view best;
  int best_distance = 1 + static_cast<int>(word.size()) / 3;
  for (const std::string_view candidate : candidates) {
    const int distance = edit_distance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  for (std::size_t i = 0; best.empty() && i < candidates.size(); ++i) {
    if (shortens(word, candidates[i]) || is_parallel_size(word, candidates[i])) {
      best = candidates[i];
    }
  }
  return best;
}

std::string summary(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    if (!text.empty()) text += '\n';
    text += to_string(d);
  }
  return text;
}

}  // namespace

Diagnostic diagnose(std::string_view path, std::string_view problem, std::string_view hint) {
  Diagnostic diagnostic;
  diagnostic.path = path;
  diagnostic.problem = problem;
  diagnostic.hint = hint;
  return diagnostic;
}

std::string to_string(const Diagnostic& d) {
  std::string text = d.at.file;
  if (d.at.line > 0) {
    text.append(":").append(std::to_string(d.at.line));
    text.append(":").append(std::to_string(d.at.column));
  }
  if (!text.empty()) text += ": ";
  if (!d.path.empty()) text += d.path + ": ";
  text += d.problem;
  if (!d.hint.empty()) text += " (" + d.hint + ")";
  return text;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return nearest_of(word, candidates);
}

std::string_view nearest(std::string_view word, std::span<const std::string> candidates) {
  return nearest_of(word, candidates);
}

InputError::InputError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(summary(diagnostics)), diagnostics_(std::move(diagnostics)) {}

}  // namespace plumbline
