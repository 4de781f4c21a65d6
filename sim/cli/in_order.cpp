#include "sim/cli/in_order.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline {

void in_order(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
              const std::function<void(std::size_t)>& done) {
  std::mutex mutex;
  std::size_t next = 0, told = 0;
  std::vector<bool> finished(count, false);
  std::exception_ptr failure;

  const auto loop = [&] {
    std::unique_lock lock(mutex);
    while (next < count && failure == nullptr) {
      const std::size_t mine = next++;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        work(mine);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      finished[mine] = true;
      try {
        if (thrown != nullptr) std::rethrow_exception(thrown);
        while (failure == nullptr && told < count && finished[told]) done(told++);
      } catch (...) {
        if (failure == nullptr) failure = std::current_exception();
      }
    }
  };

  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(static_cast<std::size_t>(threads), count);
  for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(loop);
  loop();
  for (std::thread& helper : helpers) helper.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

int processors() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

}  // namespace plumbline
