#include "sim/cli/in_order.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline {
namespace {

constexpr std::size_t kAhead = 64;

}  // namespace

void in_order(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
              const std::function<void(std::size_t)>& done) {
  in_order_by_workers(
      count, threads, [&] { return work; }, done);
}

void in_order_by_workers(std::size_t count, int threads,
                         const std::function<std::function<void(std::size_t)>()>& make_work,
                         const std::function<void(std::size_t)>& done) {
  std::mutex mutex;
  std::condition_variable moved;
  const std::size_t wanted = std::min<std::size_t>(static_cast<std::size_t>(threads), count);
  const std::size_t window = kAhead * wanted;
  std::size_t next = 0, told = 0;
  std::vector<bool> finished(window, false);  // of items told .. told + window, by item % window
  std::exception_ptr failure;

  const auto loop = [&] {
    std::function<void(std::size_t)> work;
    std::unique_lock lock(mutex);
    while (true) {
      moved.wait(lock, [&] { return failure != nullptr || next == count || next < told + window; });
      if (failure != nullptr || next == count) break;
      const std::size_t mine = next++;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        if (!work) work = make_work();
        work(mine);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      finished[mine % window] = true;
      try {
        if (thrown != nullptr) std::rethrow_exception(thrown);
        while (failure == nullptr && told < count && finished[told % window]) {
          finished[told % window] = false;
          done(told++);
        }
      } catch (...) {
        if (failure == nullptr) failure = std::current_exception();
      }
      moved.notify_all();
    }
  };

  std::vector<std::thread> helpers;
  for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(loop);
  if (wanted > 0) loop();
  for (std::thread& helper : helpers) helper.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

int processors() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

}  // namespace plumbline
