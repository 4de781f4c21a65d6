#include "sim/serving/block_pool.h"

#include <bit>
#include <cassert>

namespace plumbline {

BlockPool::BlockPool(std::int64_t blocks, bool caching)
    : caching_(caching), free_(blocks), blocks_(static_cast<std::size_t>(blocks)) {
  for (BlockId i = 0; i < static_cast<BlockId>(blocks); ++i) {
    blocks_[at(i)].before = i - 1;
    blocks_[at(i)].after = i + 1 < static_cast<BlockId>(blocks) ? i + 1 : -1;
  }
  if (blocks > 0) {
    oldest_ = 0;
    newest_ = static_cast<BlockId>(blocks) - 1;
  }
  if (caching) {
    slots_.resize(std::bit_ceil(2 * static_cast<std::size_t>(blocks) + 2));
    mask_ = slots_.size() - 1;
  }
}

// Where the content is, or the empty slot where it would be.  Contents are hashes already.
std::size_t BlockPool::slot_of(BlockContent content) const {
  std::size_t slot = content & mask_;
  while (slots_[slot].content != 0 && slots_[slot].content != content) slot = (slot + 1) & mask_;
  return slot;
}

void BlockPool::unlink(Block& block) {
  if (block.before >= 0) {
    blocks_[at(block.before)].after = block.after;
  } else {
    oldest_ = block.after;
  }
  if (block.after >= 0) {
    blocks_[at(block.after)].before = block.before;
  } else {
    newest_ = block.before;
  }
  --free_;
}

// Linear probing without tombstones: what stands behind the hole moves up where it may.
void BlockPool::forget(BlockContent content, BlockId block) {
  std::size_t hole = slot_of(content);
  if (slots_[hole].block != block) return;
  for (std::size_t next = (hole + 1) & mask_; slots_[next].content != 0;
       next = (next + 1) & mask_) {
    const std::size_t home = slots_[next].content & mask_;
    if (((next - home) & mask_) >= ((next - hole) & mask_)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = {};
}

BlockId BlockPool::take() {
  assert(free_ > 0);
  const BlockId id = oldest_;
  Block& block = blocks_[at(id)];
  unlink(block);
  block.holders = 1;
  if (block.content != 0) {
    forget(block.content, id);
    block.content = 0;
  }
  return id;
}

BlockId BlockPool::find(BlockContent content) const {
  if (!caching_ || content == 0) return -1;
  return slots_[slot_of(content)].block;
}

void BlockPool::hold(BlockId id) {
  Block& block = blocks_[at(id)];
  if (block.holders++ == 0) unlink(block);
}

void BlockPool::release(BlockId id) {
  Block& block = blocks_[at(id)];
  assert(block.holders > 0);
  if (--block.holders > 0) return;
  block.before = newest_;
  block.after = -1;
  if (newest_ >= 0) {
    blocks_[at(newest_)].after = id;
  } else {
    oldest_ = id;
  }
  newest_ = id;
  ++free_;
}

void BlockPool::name(BlockId id, BlockContent content) {
  if (!caching_ || content == 0 || blocks_[at(id)].content != 0) return;
  const std::size_t slot = slot_of(content);
  if (slots_[slot].content == content) return;
  slots_[slot] = {content, id};
  blocks_[at(id)].content = content;
}

}  // namespace plumbline
