// Memory for vectors of many megabytes.
#pragma once

#include <cstddef>
#include <vector>

namespace plumbline {

/// Asks the system to back this memory by huge pages, where it has them and the memory is large
/// enough to matter; otherwise does nothing. Only speed depends on it.
void prefer_huge_pages(void* begin, std::size_t bytes);

/// `vector.reserve(size)`, on huge pages. A task graph of millions of tasks is written once into
/// fresh memory, and with 4 KiB pages half of that time goes into page faults.
template <typename T>
void reserve_large(std::vector<T>& vector, std::size_t size) {
  if (size <= vector.capacity()) return;
  vector.reserve(size);
  prefer_huge_pages(vector.data(), vector.capacity() * sizeof(T));
}

}  // namespace plumbline
