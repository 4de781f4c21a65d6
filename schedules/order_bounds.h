// Lower bounds on the makespan of a job shop's orders, and how good an order is proven to be.
//
// All assume identical micro-batches, latency-only communication, the shop's placement and its
// limit on live activations per rank (from the start of F to the end of W).
//
//   B0  closed forms per rank, and the longest chain of operations
//   B3  windows: no order keeps the time windows of `windows.h` for one tick less
//   B4  B3 with separation cuts: F(0, k + n) starts at least H(n) after F(0, k), where H(n) is what
//       windows prove for n + 1 micro-batches in an empty pipeline (deleting the others and what
//       went before can only help)
//   B5  B4 where what windows allow is refuted by branching, in the pipeline itself or in what H(n)
//       looks at: both ways of some forward and input gradient, or both halves of some operation's
//       window, are impossible
//   B7  B3 to B5 with several chunks per rank: operations of a kind are pooled
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schedules/job_shop.h"
#include "schedules/window_branching.h"
#include "schedules/windows.h"

namespace plumbline {

class BoundFinder {
 public:
  /// B0.  `placed` says where stages live; its rows do not matter.
  BoundFinder(const JobShop& shop, const Schedule& placed);

  Ticks value() const { return value_; }
  /// "B0", "B3", "B4" or "B5"; with several chunks "B7" for the last three
  std::string by() const;

  /// Raises the bound by windows, up to `most`, spending about `budget` units of work.
  void raise(Ticks most, double budget);
  /// Finds separation cuts, which later calls of `raise` use; goes on where the last call stopped.
  void find_separations(double budget);

  /// Raises the bound by branching, in strides that grow while they are refuted, up to `most`.
  /// @returns windows that have shrunk to an order, when that is what ended it
  std::optional<Windows> branch(Ticks most, double budget);

  /// Whether branching goes layer by layer first, see crossing_layers.h.
  bool in_layers() const { return layers_pay_; }

  /// The windows for everything to end by `end`; nullopt when that is impossible.
  std::optional<Windows> windows_for(Ticks end);

  /// Looks for an order of forwards and input gradients that ends by `end`, from the windows of a
  /// later end; raises the bound when there is none.
  /// @returns windows of the order found, see crossing_branching.h
  /// REQUIRES: one chunk per rank, `windows` are those of `end_of_windows` >= `end`
  std::optional<Windows> dive(Windows windows, Ticks end_of_windows, Ticks end, double budget,
                              std::uint64_t seed);

  /// Windows that say nothing but that everything ends by `end`.
  Windows open_windows(Ticks end) const { return solver_.open(end); }

  /// The windows of an order of forwards and input gradients; nullopt when it does not keep those
  /// given, or keeps less distance than every order does.
  /// @param before  [stages][micro-batches] how many input gradients of its stage run before F(s,
  /// k)
  /// @param within  windows of that end; tight ones leave time for the last weight gradients
  /// REQUIRES: one chunk per rank
  std::optional<Windows> windows_of(std::vector<int> before, Windows within);

  double work() const { return work_ + solver_.work(); }

 private:
  Ticks implied_separation(int n) const;
  void raise_separation(int n, bool by_windows, double budget);
  Branching refuted(Windows& windows, double budget);
  std::optional<Windows> branch_in_layers(const Windows& widest, Ticks latest, double budget);
  void refuted_up_to(Ticks end);
  Ticks first_not_refuted(Ticks from, Ticks most, Ticks step, Ticks stride, double budget,
                          const std::function<bool(Ticks)>& not_refuted);

  const JobShop& shop_;
  WindowSolver solver_;
  std::vector<Ticks> separation_;  // H by n
  std::vector<char> settled_;      // [n] branching can prove no more
  int next_ = 2, passes_ = 0;      // through all n
  double probe_ = 0.0;             // what branching may spend on one look at a separation
  Ticks value_ = 0;
  const char* by_ = "B0";
  bool cuts_ = false;      // separation cuts beyond the trivial ones are in use
  bool layers_pay_;        // to refute in layers
  bool branched_ = false;  // something was refuted by branching
  double work_ = 0.0;
};

}  // namespace plumbline
