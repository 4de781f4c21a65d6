#include "sim/engine/chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline {
namespace {

TEST(ChainedResources, NeedAnEdgeFromEachTaskToTheNext) {
  TaskGraphBuilder builder;
  const ResourceId chained = builder.add_resource();
  const ResourceId queued = builder.add_resource();
  builder.add_resource();  // used by nobody
  const ResourceId in_order = builder.add_resource();
  builder.add_task(chained, 1);
  builder.add_task(queued, 1);
  builder.add_task(chained, 1);
  builder.add_task(queued, 1);
  builder.add_task(queued, 1);
  builder.add_next_task(in_order, 1);
  builder.add_next_task(in_order, 1);
  builder.add_edge(0, 2);
  builder.add_edge(1, 3);
  builder.add_edge(1, 4);  // leaves the order of 3 and 4 open
  EXPECT_THAT(chained_resources(std::move(builder).build()),
              testing::ElementsAre(true, false, true, true));
}

}  // namespace
}  // namespace plumbline
