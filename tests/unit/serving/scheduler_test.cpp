// vLLM v1's rules and the other policies, with steps whose time is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/serving/serving_fakes.h"

namespace plumbline {
namespace {

using test::Bench;
using testing::ElementsAre;
using testing::SizeIs;

// A scheduler asked step by step; every step's tokens come back before the next is asked.
struct Stepper {
  Requests requests;
  SchedulerSetup setup;
  std::unique_ptr<Scheduler> scheduler;
  SimTime now = 0;

  Stepper(std::vector<Request> list, std::int64_t blocks) {
    requests.list = std::move(list);
    setup.blocks = blocks;
    setup.prefix_caching = false;
  }
  void start() {
    scheduler = std::make_unique<Scheduler>(setup, requests);
    for (RequestId id = 0; id < requests.list.size(); ++id) scheduler->enqueue(id);
  }
  Batch step() {
    Batch batch;
    scheduler->schedule(batch);
    scheduler->update(batch, ++now);
    return batch;
  }
};

std::vector<std::int64_t> chunk_sizes(const Batch& batch) {
  std::vector<std::int64_t> sizes;
  for (const ChunkWork& chunk : batch.work.chunks) sizes.push_back(chunk.new_tokens);
  return sizes;
}

TEST(Scheduler, SplitsPromptsOverTheTokenBudgetAndServesRunningRequestsFirst) {
  Stepper s({Bench::request(0, 100, 3), Bench::request(0, 50, 3)}, 100);
  s.setup.batching.max_num_batched_tokens = 64;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(64));
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(36, 28));
  const Batch third = s.step();  // the first decodes, the second computes its last 22 tokens
  EXPECT_EQ(third.work.decodes, 1);
  EXPECT_EQ(third.work.decode_context_sum, 100);
  EXPECT_THAT(chunk_sizes(third), ElementsAre(22));
  EXPECT_EQ(third.work.emitting, 2);
}

TEST(Scheduler, WithoutChunksAPromptWaitsForABudgetOfItsOwn) {
  Stepper s({Bench::request(0, 40, 3), Bench::request(0, 40, 3)}, 100);
  s.setup.batching.max_num_batched_tokens = 64;
  s.setup.batching.chunked_prefill = false;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(40));
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(40));
}

TEST(Scheduler, PromptsThatAreNotSplitKnowNoLongestChunk) {
  for (const bool orca : {true, false}) {
    Stepper s({Bench::request(0, 40, 3)}, 100);
    s.setup.batching.policy = orca ? BatchingPolicy::kOrca : BatchingPolicy::kVllm;
    s.setup.batching.chunked_prefill = orca;
    s.setup.batching.long_prefill_token_threshold = 16;
    s.start();
    EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(40));
  }
}

TEST(Scheduler, PromptsThatHoldAllBlocksBetweenThemDoNotWaitForEachOther) {
  // Both need 4 blocks of 6; in chunks of 16 they have 3 each and neither can go on.
  Stepper s({Bench::request(0, 64, 2), Bench::request(0, 64, 2)}, 6);
  s.setup.batching.policy = BatchingPolicy::kSarathi;
  s.setup.batching.long_prefill_token_threshold = 16;
  s.start();
  for (int i = 0; i < 50 && !s.scheduler->idle(); ++i) s.step();
  EXPECT_TRUE(s.scheduler->idle());
  EXPECT_EQ(s.scheduler->preemptions(), 1);
}

TEST(Scheduler, AdmitsAPromptOnlyWhenAllOfItFits) {
  Stepper s({Bench::request(0, 40, 3), Bench::request(0, 100, 3)}, 8);  // blocks of 16 tokens
  s.setup.batching.max_num_batched_tokens = 64;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(40));  // 24 tokens more would fit, 100 do not
  EXPECT_EQ(s.scheduler->waiting(), 1u);
  s.step();
  s.step();  // the first is done and leaves
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(64));
}

TEST(Scheduler, WhenNoBlockIsFreeTheRequestAdmittedLastIsComputedAgain) {
  // 3 blocks of 16: both prompts take one, at 16 + 1 tokens each wants another, one is left.
  Stepper s({Bench::request(0, 16, 20), Bench::request(0, 16, 20)}, 3);
  s.start();
  s.step();                       // both prompts: 2 blocks
  const Batch second = s.step();  // the first takes the last block, the second has to go
  EXPECT_EQ(second.work.decodes, 1);
  EXPECT_EQ(s.scheduler->preemptions(), 1);
  EXPECT_EQ(s.requests.list[1].preemptions, 1);
  EXPECT_EQ(s.scheduler->waiting(), 1u);
  // It comes back when a block for it is free: at once, with prompt and first token, if it fits.
  for (int i = 0; i < 100 && !s.scheduler->idle(); ++i) s.step();
  EXPECT_TRUE(s.scheduler->idle());
  EXPECT_EQ(s.scheduler->pool().held(), 0);
  EXPECT_LT(s.requests.list[0].finish, s.requests.list[1].finish);
}

// As above, with room for one block on the host.
TEST(Scheduler, WhenSwappedItGoesOnWhereItWas) {
  Stepper s({Bench::request(0, 16, 20), Bench::request(0, 16, 20)}, 3);
  s.setup.preemption = Preemption::kSwap;
  s.setup.host_blocks = 1;
  s.start();
  s.step();
  const Batch second = s.step();
  EXPECT_EQ(second.work.swap_out_tokens, 16);
  EXPECT_EQ(second.work.decodes, 1);
  EXPECT_EQ(s.scheduler->waiting(), 1u);
  EXPECT_EQ(s.scheduler->pool().held(), 2);
  std::int64_t computed = 32 + 1, returned = 0;
  while (!s.scheduler->idle()) {
    const Batch batch = s.step();
    computed += batch.work.total_tokens();
    if (batch.work.swap_in_tokens == 0) continue;
    // The first holds 3 blocks until it has 35 of its tokens; then there is room for two again.
    EXPECT_EQ(batch.work.swap_in_tokens, 16);
    EXPECT_EQ(batch.work.decodes, 1);
    EXPECT_EQ(batch.work.decode_context_sum, 16);
    ++returned;
  }
  EXPECT_EQ(returned, 1);
  EXPECT_EQ(computed, 2 * (16 + 20 - 1)) << "nothing is computed twice";
  EXPECT_EQ(s.scheduler->pool().held(), 0);
  EXPECT_EQ(s.scheduler->swaps().out, 1);
  EXPECT_EQ(s.scheduler->swaps().recomputed, 0);
}

TEST(Scheduler, WhatTheHostHasNoRoomForIsComputedAgain) {
  Stepper s({Bench::request(0, 16, 20), Bench::request(0, 16, 20)}, 3);
  s.setup.preemption = Preemption::kSwap;
  s.start();
  s.step();
  EXPECT_EQ(s.step().work.swap_out_tokens, 0);
  EXPECT_EQ(s.scheduler->swaps().out, 0);
  EXPECT_EQ(s.scheduler->swaps().recomputed, 1);
}

TEST(Scheduler, ATokenInFlightReachesARequestOnTheHost) {
  // 4 blocks, all taken by the prompts: the first request's next token needs the block of the
  // second, whose only token is on its way.
  Stepper s({Bench::request(0, 48, 3), Bench::request(0, 16, 1)}, 4);
  s.setup.preemption = Preemption::kSwap;
  s.setup.host_blocks = 1;
  s.setup.asynchronous = true;
  s.start();
  Batch first, second;
  ASSERT_TRUE(s.scheduler->schedule(first));
  ASSERT_TRUE(s.scheduler->schedule(second));
  EXPECT_EQ(second.work.swap_out_tokens, 16);
  EXPECT_EQ(second.work.decodes, 1);
  s.scheduler->update(first, 1);
  EXPECT_THAT(s.scheduler->finished(), ElementsAre(1));
  EXPECT_EQ(s.requests.list[1].finish, 1);
  EXPECT_EQ(s.scheduler->waiting(), 0u);
  s.scheduler->update(second, 2);
  while (!s.scheduler->idle()) s.step();
  EXPECT_EQ(s.scheduler->swaps().in, 0);
  EXPECT_EQ(s.scheduler->pool().held(), 0);
}

TEST(Scheduler, APreemptedRequestFindsWhatIsLeftOfItsBlocks) {
  Stepper s({Bench::request(0, 32, 20), Bench::request(0, 32, 20)}, 5);
  s.setup.prefix_caching = true;
  s.start();
  s.step();  // 2 blocks each, the fifth is free
  s.step();  // the first takes it, the second goes: both its blocks are full and may be found
  ASSERT_EQ(s.scheduler->preemptions(), 1);
  while (!s.scheduler->idle()) s.step();
  // It needs 3 blocks for 33 tokens. They are free when the first has gone, which holds 4 blocks at
  // the end: one of them was the second's last. Its first block is still there.
  EXPECT_EQ(s.scheduler->hit_tokens(), 16);
}

TEST(Scheduler, AHitTakesWholeBlocksAndLeavesAtLeastOneToken) {
  Request shared = Bench::request(0, 32, 2);
  shared.prefix = 7;
  shared.prefix_tokens = 32;
  Stepper s({shared, shared}, 100);
  s.setup.prefix_caching = true;
  s.start();
  // Blocks can be hit from the moment they are allocated, even within the step; of the 32 equal
  // tokens only 16 count, since one token must be computed and hits are whole blocks.
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(32, 16));
  EXPECT_EQ(s.scheduler->hit_tokens(), 16);
  EXPECT_EQ(s.scheduler->pool().held(), 3);
}

TEST(Scheduler, SarathiServesEveryDecodeBeforeAnyChunk) {
  Stepper s({Bench::request(0, 40, 9), Bench::request(0, 10, 9)}, 100);
  s.setup.batching.policy = BatchingPolicy::kSarathi;
  s.setup.batching.max_num_batched_tokens = 30;
  s.setup.batching.long_prefill_token_threshold = 20;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(20, 10));
  const Batch second = s.step();  // the younger one's decode, then the older one's chunk
  EXPECT_EQ(second.work.decodes, 1);
  EXPECT_THAT(chunk_sizes(second), ElementsAre(20));
}

TEST(Scheduler, OrcaReservesTheWholeLengthAndIgnoresTheTokenBudget) {
  // 4 blocks: 16 + 33 - 1 tokens take 3, so the second has to wait for the first.
  Stepper s({Bench::request(0, 16, 33), Bench::request(0, 16, 33)}, 4);
  s.setup.batching.policy = BatchingPolicy::kOrca;
  s.setup.batching.max_num_batched_tokens = 8;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(16));
  EXPECT_EQ(s.scheduler->pool().held(), 3);
  while (!s.scheduler->idle()) s.step();
  EXPECT_EQ(s.scheduler->preemptions(), 0);
}

TEST(Scheduler, AStaticBatchRunsAsLongAsItsLongestAndPaysForTheOthers) {
  Stepper s({Bench::request(0, 4, 2), Bench::request(0, 4, 5), Bench::request(0, 4, 2)}, 100);
  s.setup.batching.policy = BatchingPolicy::kStatic;
  s.setup.batching.max_num_seqs = 2;
  s.start();
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(4, 4));
  for (int i = 0; i < 4; ++i) {
    const Batch batch = s.step();
    EXPECT_EQ(batch.work.decodes, 2) << "step " << i;
    EXPECT_THAT(batch.work.chunks, SizeIs(0));
  }
  EXPECT_THAT(chunk_sizes(s.step()), ElementsAre(4));  // only now the third
}

TEST(Scheduler, ACapOnDecodesLeavesTheRestForTheNextMicroBatch) {
  Stepper s(std::vector<Request>(4, Bench::request(0, 1, 5)), 100);
  s.setup.batching.max_num_seqs = 4;
  s.setup.batching.max_decodes_per_microbatch = -1;  // ceil(4 / 2)
  s.setup.pipeline = 2;
  s.start();
  Batch first, second, third;
  EXPECT_TRUE(s.scheduler->schedule(first));
  EXPECT_TRUE(s.scheduler->schedule(second));
  EXPECT_FALSE(s.scheduler->schedule(third));
  EXPECT_THAT(first.emitting, ElementsAre(0, 1));
  EXPECT_THAT(second.emitting, ElementsAre(2, 3));
}

TEST(Scheduler, AnAsynchronousOneRunsAheadByPlaceholdersButNotBeyondTheLastToken) {
  Stepper s({Bench::request(0, 8, 3)}, 100);
  s.setup.asynchronous = true;
  s.start();
  Batch batches[4];
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(s.scheduler->schedule(batches[i])) << i;
  EXPECT_FALSE(s.scheduler->schedule(batches[3]));  // three tokens are on their way
  EXPECT_EQ(s.scheduler->running(), 1u);            // seat and blocks are held until they are back
  for (int i = 0; i < 3; ++i) s.scheduler->update(batches[i], i + 1);
  EXPECT_TRUE(s.scheduler->idle());
  EXPECT_EQ(s.requests.list[0].finish, 3);
}

TEST(BlockPool, ForgetsTheOldestFirstAndARequestsBeginningLast) {
  BlockPool pool(4, true);
  BlockId blocks[3];
  for (int i = 0; i < 3; ++i) {
    blocks[i] = pool.take();
    pool.name(blocks[i], 100 + static_cast<BlockContent>(i));
  }
  for (int i = 2; i >= 0; --i) pool.release(blocks[i]);  // as a request does: last to first
  EXPECT_EQ(pool.free(), 4);
  pool.take();  // the one never used
  pool.take();
  EXPECT_EQ(pool.find(102), -1);
  EXPECT_EQ(pool.find(101), blocks[1]);
  pool.hold(pool.find(101));
  EXPECT_EQ(pool.free(), 1);
  EXPECT_EQ(pool.take(), blocks[0]);
  EXPECT_EQ(pool.find(100), -1);
  EXPECT_EQ(pool.find(101), blocks[1]);
}

}  // namespace
}  // namespace plumbline
