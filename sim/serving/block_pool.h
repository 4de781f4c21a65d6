// The paged key-value cache of one replica: blocks, who holds them, and which content can be hit.
//
// As vLLM v1's BlockPool does it: a free block keeps its content until it is taken for something
// else; free blocks are taken in the order in which they became free; a request's blocks become
// free from its last to its first, so that beginnings live longest.  A block may be held by any
// number of requests.
#pragma once

#include <cstdint>
#include <vector>

namespace plumbline {

using BlockId = std::int32_t;
/// What a full block holds, beginning of the sequence included; 0: nothing that can be found again.
using BlockContent = std::uint64_t;

class BlockPool {
 public:
  /// @param caching  whether freed content can be found again
  BlockPool(std::int64_t blocks, bool caching);

  std::int64_t size() const { return static_cast<std::int64_t>(blocks_.size()); }
  std::int64_t free() const { return free_; }
  std::int64_t held() const { return size() - free_; }

  /// Takes the block that has been free for longest; what it held is forgotten.
  /// REQUIRES: free() > 0
  BlockId take();
  /// The block that holds `content`, or -1.
  BlockId find(BlockContent content) const;
  bool is_free(BlockId block) const { return blocks_[at(block)].holders == 0; }
  /// One more request holds it.
  void hold(BlockId block);
  /// One request less holds it.
  void release(BlockId block);
  /// From now on `find` answers the block; the first block of a content stays the one found.
  /// REQUIRES: the block is held
  void name(BlockId block, BlockContent content);

 private:
  struct Block {
    BlockId before = -1, after = -1;  // in the list of free blocks
    std::int32_t holders = 0;
    BlockContent content = 0;
  };
  struct Slot {
    BlockContent content = 0;  // 0: empty
    BlockId block = -1;
  };

  static std::size_t at(BlockId block) { return static_cast<std::size_t>(block); }
  std::size_t slot_of(BlockContent content) const;
  void unlink(Block& block);
  void forget(BlockContent content, BlockId block);

  bool caching_;
  std::int64_t free_ = 0;
  BlockId oldest_ = -1, newest_ = -1;
  std::vector<Block> blocks_;
  std::vector<Slot> slots_;  // open addressing, at most half full
  std::size_t mask_ = 0;
};

}  // namespace plumbline
