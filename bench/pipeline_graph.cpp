// Walks the stages' programs, each until it needs a message that has not been sent yet; that walk
// numbers the tasks topologically.

#include "pipeline_graph.h"

#include <algorithm>
#include <vector>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

constexpr SimTime kForward = 1'000'000;  // ps
constexpr SimTime kBackward = 2'000'000;
constexpr SimTime kTransfer = 150'000;
constexpr double kLinkBytesPerSecond = 100e9;
constexpr TaskId kNotYet = 0xffffffffu;

class Walk {
 public:
  Walk(int num_stages, int num_microbatches, Hop hop, double jitter)
      : stages_(num_stages), mbs_(num_microbatches), hop_(hop), jitter_(jitter) {
    const std::size_t ops = 2 * std::size_t(stages_) * std::size_t(mbs_);
    builder_.reserve(2 * ops, 3 * ops);
    for (int s = 0; s < stages_; ++s) builder_.add_resource();
    for (int s = 0; s + 1 < stages_; ++s) add_hop();
    arrived_[0].assign(std::size_t(stages_) * mbs_, kNotYet);
    arrived_[1].assign(std::size_t(stages_) * mbs_, kNotYet);
    place_.assign(stages_, 0);
    last_.assign(stages_, kNotYet);
  }

  TaskGraph build() && {
    std::vector<int> awake(stages_);
    for (int s = 0; s < stages_; ++s) awake[s] = stages_ - 1 - s;
    while (!awake.empty()) {
      const int stage = awake.back();
      awake.pop_back();
      while (place_[stage] < 2 * mbs_ && run_next(stage, awake)) {
      }
    }
    return std::move(builder_).build();
  }

 private:
  void add_hop() {
    if (hop_ == Hop::kQueue) {
      builder_.add_resource();
      builder_.add_resource();
    } else if (hop_ == Hop::kFlow) {
      const LinkId link = builder_.add_link(kLinkBytesPerSecond);
      builder_.add_route(std::span(&link, 1));
    }
  }

  SimTime jittered(SimTime work) {
    if (jitter_ == 0.0) return work;
    return work + SimTime(double(work) * jitter_ * luck_.uniform(builder_.num_tasks()));
  }

  // The op at a place of a stage's program: warm-up forwards, pairs, cool-down backwards.
  std::pair<bool, int> op(int stage, int place) const {
    const int warm_up = std::min(stages_ - 1 - stage, mbs_);
    if (place < warm_up) return {false, place};
    const int paired = place - warm_up;
    if (paired >= 2 * (mbs_ - warm_up)) return {true, place - mbs_};
    return {paired % 2 == 1, paired / 2 + (paired % 2 == 0 ? warm_up : 0)};
  }

  bool run_next(int stage, std::vector<int>& awake) {
    const auto [backward, mb] = op(stage, place_[stage]);
    const bool has_source = backward ? stage + 1 < stages_ : stage > 0;
    const std::size_t mailbox = std::size_t(stage) * mbs_ + mb;
    const TaskId message = arrived_[backward][mailbox];
    if (has_source && message == kNotYet) return false;
    const TaskId task = builder_.add_task(stage, jittered(backward ? kBackward : kForward));
    if (last_[stage] != kNotYet) builder_.add_edge(last_[stage], task);
    if (has_source) builder_.add_edge(message, task);
    last_[stage] = task;
    ++place_[stage];

    const int receiver = backward ? stage - 1 : stage + 1;
    if (receiver < 0 || receiver == stages_) return true;
    const TaskId sent = send(std::min(stage, receiver), backward);
    builder_.add_edge(task, sent);
    arrived_[backward][std::size_t(receiver) * mbs_ + mb] = sent;
    awake.push_back(receiver);
    return true;
  }

  TaskId send(int hop, bool backward) {
    const SimTime time = jittered(kTransfer);
    switch (hop_) {
      case Hop::kDelay:
        return builder_.add_task(kNoResource, time);
      case Hop::kQueue:
        return builder_.add_task(stages_ + 2 * hop + backward, time);
      case Hop::kFlow:
        break;
    }
    return builder_.add_flow(hop, std::int64_t(double(time) * 1e-12 * kLinkBytesPerSecond));
  }

  int stages_;
  int mbs_;
  Hop hop_;
  double jitter_;
  RandomStream luck_{1, "jitter"};
  TaskGraphBuilder builder_;
  std::vector<TaskId> arrived_[2];  // [forward, backward][stage, micro-batch] the message's task
  std::vector<int> place_;          // [stage] in its program
  std::vector<TaskId> last_;        // [stage] its task before
};

}  // namespace

TaskGraph one_f_one_b_graph(int num_stages, int num_microbatches, Hop hop, double jitter) {
  return Walk(num_stages, num_microbatches, hop, jitter).build();
}

}  // namespace plumbline
