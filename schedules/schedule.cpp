#include "schedules/schedule.h"

namespace plumbline {

char to_letter(OpKind kind) {
  switch (kind) {
    case OpKind::kForward:
      return 'F';
    case OpKind::kBackward:
      return 'B';
    case OpKind::kInputGrad:
      return 'I';
    case OpKind::kWeightGrad:
      return 'W';
  }
  return '?';
}

std::string to_string(const Op& op) {
  return std::to_string(op.stage) + to_letter(op.kind) + std::to_string(op.microbatch);
}

std::string to_string(const std::vector<Op>& ops) {
  std::string text;
  bool inside_pair = false;
  for (const Op& op : ops) {
    if (!text.empty() && !inside_pair) text += ' ';
    if (op.overlaps_next) text += '(';
    text += to_string(op);
    if (op.overlaps_next) text += ';';
    if (inside_pair) text += ')';
    inside_pair = op.overlaps_next;
  }
  return text;
}

}  // namespace plumbline
