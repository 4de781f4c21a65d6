// What a scheduler knows of its prefix cache: which content a request's blocks have.
#include <algorithm>

#include "sim/serving/scheduler.h"

namespace plumbline {
namespace {

// SplitMix64's mixer; content 0 means "nothing", so it is never the answer.
constexpr BlockContent mixed(std::uint64_t kind, std::uint64_t what, std::uint64_t index) {
  std::uint64_t z = (what << 3 | kind) * 0x9e3779b97f4a7c15u + index * 0xd1342543de82ef95u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return z == 0 ? 1 : z;
}

constexpr std::int64_t kHashTokens = 512;  // Mooncake's traces: a hash id per 512 tokens

}  // namespace

BlockContent Scheduler::content_of(RequestId id, std::int64_t block) const {
  const Request& request = requests_.list[id];
  const auto index = static_cast<std::uint64_t>(block);
  const std::int64_t end = (block + 1) * setup_.block_tokens;
  if (request.prefix != 0 && end <= request.prefix_tokens) return mixed(1, request.prefix, index);
  if (request.session != 0) return mixed(2, request.session, index);
  if (request.hashes != 0 && end <= request.prompt_tokens) {
    const auto chunk = static_cast<std::uint64_t>((end - 1) / kHashTokens);
    if (chunk < request.hashes)
      return mixed(3, requests_.hashes[request.first_hash + chunk], index);
  }
  return mixed(4, id, index);
}

// Whole blocks at the beginning that the cache has, of the first `tokens` tokens.  `all_named`: the
// request was preempted, so blocks that only it can have may be there too.
std::int64_t Scheduler::hits_of(RequestId id, std::int64_t tokens, bool all_named) const {
  const Request& request = requests_.list[id];
  std::int64_t most = tokens;
  if (!all_named && request.session == 0 && request.hashes == 0) {
    most = std::min<std::int64_t>(most, request.prefix_tokens);
  }
  const std::int64_t blocks = most / setup_.block_tokens;
  std::int64_t hits = 0;
  while (hits < blocks && pool_.find(content_of(id, hits)) >= 0) ++hits;
  return hits;
}

std::int64_t Scheduler::cached_tokens(RequestId id) const {
  if (!setup_.prefix_caching) return 0;
  return hits_of(id, requests_.list[id].prompt_tokens - 1, false) * setup_.block_tokens;
}

}  // namespace plumbline
