// A recursive-descent parser into a tree that is evaluated for every point.

#include "sim/cli/sweep_where.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace plumbline {
namespace {

using Of = ConditionName::Of;

constexpr int kDeepest = 64;

enum class Type { kNumber, kText, kTruth };
enum class Do { kNumber, kText, kName, kNot, kMinus, kOr, kAnd, kBinary };

/// Two-character operators first, so that "<=" is not read as "<".
constexpr std::array<std::string_view, 6> kComparisons{"==", "!=", "<=", ">=", "<", ">"};

struct Node {
  Do what = Do::kNumber;
  Type type = Type::kNumber;
  double number = 0;
  std::string text;  ///< a text, or a binary operator
  const ConditionName* name = nullptr;
  int left = -1, right = -1;
};

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '.'; }

class Parser {
 public:
  Parser(const std::string& text, const SourceLocation& at, const std::string& path)
      : text_(text), at_(at), path_(path) {}

  std::vector<Node> parse() {
    const int root = either();
    skip_blanks();
    if (here_ < text_.size()) fail(here_, "'" + text_.substr(here_) + "' is left over");
    if (nodes_[static_cast<std::size_t>(root)].type != Type::kTruth) {
      fail(0, "is no condition", "compare it with something: ==, !=, <, <=, >, >=");
    }
    return std::move(nodes_);
  }

 private:
  [[noreturn]] void fail(std::size_t where, std::string problem, std::string hint = {}) const {
    throw InputError({Diagnostic{
        at_, path_,
        "'" + text_ + "', character " + std::to_string(where + 1) + ": " + std::move(problem),
        std::move(hint)}});
  }
  void skip_blanks() {
    while (here_ < text_.size() && (text_[here_] == ' ' || text_[here_] == '\t')) ++here_;
  }
  bool take(std::string_view sign) {
    skip_blanks();
    if (text_.compare(here_, sign.size(), sign) != 0) return false;
    const bool word = starts_name(sign.front());
    if (word && here_ + sign.size() < text_.size() && in_name(text_[here_ + sign.size()])) {
      return false;
    }
    here_ += sign.size();
    return true;
  }
  int add(Node node) {
    nodes_.push_back(std::move(node));
    return static_cast<int>(nodes_.size()) - 1;
  }
  Type type(int node) const { return nodes_[static_cast<std::size_t>(node)].type; }
  int join(Do what, std::string sign, Type made, int left, int right) {
    return add({what, made, 0, std::move(sign), nullptr, left, right});
  }
  void want(Type wanted, int node, std::size_t where, const std::string& sign) const {
    if (type(node) == wanted) return;
    fail(where, "'" + sign + "' needs " + (wanted == Type::kNumber ? "numbers" : "conditions") +
                    " on both sides");
  }

  int either() {
    int left = both();
    for (std::size_t where = here_; take("||") || take("or"); where = here_) {
      const int right = both();
      for (const int side : {left, right}) want(Type::kTruth, side, where, "||");
      left = join(Do::kOr, "||", Type::kTruth, left, right);
    }
    return left;
  }
  int both() {
    int left = negation();
    for (std::size_t where = here_; take("&&") || take("and"); where = here_) {
      const int right = negation();
      for (const int side : {left, right}) want(Type::kTruth, side, where, "&&");
      left = join(Do::kAnd, "&&", Type::kTruth, left, right);
    }
    return left;
  }
  int negation() {
    skip_blanks();
    const std::size_t where = here_;
    const bool sign = text_.compare(here_, 2, "!=") != 0 && take("!");
    if (!sign && !take("not")) return comparison();
    const Depth deeper(*this);
    const int of = negation();
    if (type(of) != Type::kTruth) fail(where, "'!' needs a condition", "put it in parentheses");
    return join(Do::kNot, "!", Type::kTruth, of, -1);
  }
  int comparison() {
    const int left = sum();
    skip_blanks();
    const std::size_t where = here_;
    for (const std::string_view sign : kComparisons) {
      if (!take(sign)) continue;
      const int right = sum();
      if (type(left) != type(right)) fail(where, "compares a number with a text");
      if (type(left) == Type::kTruth) fail(where, "compares conditions", "use && and ||");
      return join(Do::kBinary, std::string(sign), Type::kTruth, left, right);
    }
    if (take("=")) fail(where, "'=' is no comparison", "did you mean '=='?");
    return left;
  }
  int sum() {
    return chain({"+", "-"}, [this] { return product(); });
  }
  int product() {
    return chain({"*", "/", "%"}, [this] { return unary(); });
  }
  template <typename Operand>
  int chain(std::initializer_list<const char*> signs, Operand operand) {
    int left = operand();
    for (bool more = true; more;) {
      more = false;
      skip_blanks();
      const std::size_t where = here_;
      for (const char* sign : signs) {
        if (!take(sign)) continue;
        const int right = operand();
        for (const int side : {left, right}) want(Type::kNumber, side, where, sign);
        left = join(Do::kBinary, sign, Type::kNumber, left, right);
        more = true;
        break;
      }
    }
    return left;
  }
  int unary() {
    skip_blanks();
    const std::size_t where = here_;
    if (!take("-")) return operand();
    const Depth deeper(*this);
    const int of = unary();
    want(Type::kNumber, of, where, "-");
    return join(Do::kMinus, "-", Type::kNumber, of, -1);
  }
  int operand() {
    skip_blanks();
    const std::size_t where = here_;
    if (take("(")) {
      const Depth deeper(*this);
      const int inside = either();
      if (!take(")")) fail(where, "this parenthesis is not closed");
      return inside;
    }
    if (here_ == text_.size()) fail(where, "a number, a name or a text is missing");
    const char c = text_[here_];
    if (c == '\'' || c == '"') return quoted(c);
    if (starts_name(c)) return name();
    Node number;
    const char* begin = text_.data() + here_;
    const auto parsed = std::from_chars(begin, text_.data() + text_.size(), number.number);
    if (parsed.ec != std::errc() || c == '-') fail(where, "no operand begins like this");
    here_ += static_cast<std::size_t>(parsed.ptr - begin);
    return add(std::move(number));
  }
  int quoted(char quote) {
    const std::size_t end = text_.find(quote, here_ + 1);
    if (end == std::string::npos) fail(here_, "this quote is not closed");
    Node node;
    node.what = Do::kText;
    node.type = Type::kText;
    node.text = text_.substr(here_ + 1, end - here_ - 1);
    here_ = end + 1;
    return add(std::move(node));
  }
  int name() {
    const std::size_t where = here_;
    while (here_ < text_.size() && in_name(text_[here_])) ++here_;
    const std::string word = text_.substr(where, here_ - where);
    const auto found = std::ranges::find_if(condition_names(), [&](const ConditionName& candidate) {
      return candidate.name == word || candidate.path == word;
    });
    if (found == condition_names().end()) {
      std::vector<std::string_view> names;
      for (const ConditionName& candidate : condition_names()) names.push_back(candidate.name);
      const std::string_view best = nearest(word, std::span<const std::string_view>(names));
      std::string all;
      for (const std::string_view known : names)
        all += (all.empty() ? "" : ", ") + std::string(known);
      fail(where, "nothing is called '" + word + "'",
           best.empty() ? "a text stands in quotes; names are " + all
                        : "did you mean '" + std::string(best) + "'?");
    }
    Node node;
    node.what = Do::kName;
    node.type = found->is_text ? Type::kText : Type::kNumber;
    node.name = &*found;
    return add(std::move(node));
  }

  /// Keeps a hostile text from exhausting the stack.
  struct Depth {
    explicit Depth(Parser& parser) : parser(parser) {
      if (++parser.depth_ > kDeepest) parser.fail(parser.here_, "is nested too deeply");
    }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };

  const std::string& text_;
  const SourceLocation& at_;
  const std::string& path_;
  std::size_t here_ = 0;
  int depth_ = 0;
  std::vector<Node> nodes_;
};

template <typename Operand>
bool compare(const std::string& sign, const Operand& a, const Operand& b) {
  if (sign == "==") return a == b;
  if (sign == "!=") return a != b;
  if (sign == "<") return a < b;
  if (sign == "<=") return a <= b;
  return sign == ">" ? a > b : a >= b;
}

double calculate(char sign, double a, double b) {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b;
    default:
      return std::fmod(a, b);
  }
}

}  // namespace

struct Condition::Tree {
  std::vector<Node> nodes;  // the root is the last one

  double number(int index, const Scenario& scenario) const {
    const Node& node = nodes[static_cast<std::size_t>(index)];
    if (node.what == Do::kNumber) return node.number;
    if (node.what == Do::kName) return std::get<double>(node.name->value(scenario));
    if (node.what == Do::kMinus) return -number(node.left, scenario);
    return calculate(node.text.front(), number(node.left, scenario), number(node.right, scenario));
  }
  std::string text(int index, const Scenario& scenario) const {
    const Node& node = nodes[static_cast<std::size_t>(index)];
    return node.what == Do::kText ? node.text : std::get<std::string>(node.name->value(scenario));
  }
  bool truth(int index, const Scenario& scenario) const {
    const Node& node = nodes[static_cast<std::size_t>(index)];
    switch (node.what) {
      case Do::kNot:
        return !truth(node.left, scenario);
      case Do::kOr:
        return truth(node.left, scenario) || truth(node.right, scenario);
      case Do::kAnd:
        return truth(node.left, scenario) && truth(node.right, scenario);
      default:
        break;
    }
    if (nodes[static_cast<std::size_t>(node.left)].type == Type::kText) {
      return compare(node.text, text(node.left, scenario), text(node.right, scenario));
    }
    return compare(node.text, number(node.left, scenario), number(node.right, scenario));
  }
};

Condition::Condition(std::string text, const SourceLocation& at, const std::string& path)
    : text_(std::move(text)), at_(at), path_(path) {
  tree_ = std::make_unique<const Tree>(Tree{Parser(text_, at, path).parse()});
}
Condition::~Condition() = default;
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;

void Condition::check_kind(bool serves) const {
  for (const Node& node : tree_->nodes) {
    if (node.what != Do::kName || node.name->of == Of::kAny) continue;
    if ((node.name->of == Of::kServing) == serves) continue;
    throw InputError({Diagnostic{
        at_, path_,
        "'" + text_ + "': " + std::string(node.name->name) + " is of " +
            (serves ? "training; this scenario serves" : "serving; this scenario trains"),
        ""}});
  }
}

bool Condition::holds(const Scenario& scenario) const {
  return tree_->truth(static_cast<int>(tree_->nodes.size()) - 1, scenario);
}

}  // namespace plumbline
