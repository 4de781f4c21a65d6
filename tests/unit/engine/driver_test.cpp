// Online decisions: graphs, timers, cancellation and speeds while the loop runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/engine/event_loop.h"

namespace plumbline {
namespace {

using testing::ElementsAre;

std::shared_ptr<const TaskGraph> tasks_on_one_resource(const std::vector<SimTime>& works) {
  TaskGraphBuilder builder;
  const ResourceId resource = builder.add_resource();
  for (const SimTime work : works) builder.add_task(resource, work);
  return std::make_shared<const TaskGraph>(std::move(builder).build());
}

std::shared_ptr<const TaskGraph> one_flow(std::int64_t bytes) {
  TaskGraphBuilder builder;
  const LinkId link = builder.add_link(1e12);  // a byte per picosecond
  builder.add_flow(builder.add_route(std::span(&link, 1)), bytes);
  return std::make_shared<const TaskGraph>(std::move(builder).build());
}

// Writes down what it is told and does what the test says at a timer or at a run's end.
class Script : public Driver {
 public:
  std::function<void(TimerId, EventLoop&)> at_timer = [](TimerId, EventLoop&) {};
  std::function<void(RunId, EventLoop&)> at_end = [](RunId, EventLoop&) {};
  std::vector<std::string> log;

  void on_finished(RunId run, SimTime now, EventLoop& loop) override {
    log.push_back("run " + std::to_string(run) + " at " + std::to_string(now));
    at_end(run, loop);
  }
  void on_timer(TimerId timer, SimTime now, EventLoop& loop) override {
    log.push_back("timer " + std::to_string(timer) + " at " + std::to_string(now));
    at_timer(timer, loop);
  }
  void on_resource_change(const SpeedChange& change, SimTime now, EventLoop&) override {
    log.push_back((change.is_link ? "link " : "resource ") + std::to_string(change.id) + " x" +
                  std::to_string(change.factor).substr(0, 4) + " at " + std::to_string(now));
  }
};

TEST(Driver, SubmitsTheNextGraphWhenOneHasFinished) {
  Script script;
  EventLoop loop({}, &script);
  script.at_end = [](RunId run, EventLoop& l) {
    if (run < 2) l.submit(tasks_on_one_resource({10}), l.now() + 5);
  };
  loop.submit(tasks_on_one_resource({10}), 0);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("run 0 at 10", "run 1 at 25", "run 2 at 40"));
}

TEST(Driver, ReadsTheTimelineOfTheRunThatFinished) {
  Script script;
  EventLoop loop({}, &script);
  Timeline seen;
  script.at_end = [&](RunId run, EventLoop& l) { seen = l.timeline(run); };
  loop.submit(tasks_on_one_resource({10, 4}), 3);
  loop.run();
  EXPECT_THAT(seen.start, ElementsAre(3, 13));
  EXPECT_THAT(seen.finish, ElementsAre(13, 17));
  EXPECT_THROW(loop.timeline(0), std::invalid_argument) << "dropped when on_finished returned";
}

TEST(Driver, HearsOfTimersInOrderOfTimeThenNumberAndOfRunsFirst) {
  Script script;
  EventLoop loop({}, &script);
  loop.set_timer(2, 10);
  loop.set_timer(1, 10);
  loop.set_timer(9, 4);
  loop.submit(tasks_on_one_resource({10}), 0);
  loop.run();
  EXPECT_THAT(script.log,
              ElementsAre("timer 9 at 4", "run 0 at 10", "timer 1 at 10", "timer 2 at 10"));
}

TEST(Driver, HearsOfTheStepsOfAProfileWhileThereIsWork) {
  SpeedProfiles profiles;
  profiles.resources.push_back(SpeedProfile({{4, 0.5}, {1000, 1.0}}));
  Script script;
  EventLoop loop(profiles, &script);
  loop.submit(tasks_on_one_resource({10}), 0);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("resource 0 x0.50 at 4", "run 0 at 16"));
}

// Run 0 holds the resource until 100 and is cancelled at 30; run 1 has waited since 20.
TEST(Cancel, FreesTheResourceForThoseWhoWait) {
  Script script;
  EventLoop loop({}, &script);
  script.at_timer = [](TimerId, EventLoop& l) { EXPECT_TRUE(l.cancel(0)); };
  loop.submit(tasks_on_one_resource({100, 100}), 0);
  loop.submit(tasks_on_one_resource({10}), 20);
  loop.set_timer(0, 30);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("timer 0 at 30", "run 1 at 40"));
}

TEST(Cancel, SkipsWhatWasWaiting) {
  Script script;
  EventLoop loop({}, &script);
  script.at_timer = [](TimerId, EventLoop& l) { l.cancel(1); };
  loop.submit(tasks_on_one_resource({100}), 0);
  loop.submit(tasks_on_one_resource({50, 50}), 1);
  loop.submit(tasks_on_one_resource({10}), 2);
  loop.set_timer(0, 30);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("timer 0 at 30", "run 0 at 100", "run 2 at 110"));
}

// Two flows of 100 bytes share a link; when one is cancelled at 40 the other has 80 left.
TEST(Cancel, GivesTheLinkToTheFlowsThatStay) {
  Script script;
  EventLoop loop({}, &script);
  script.at_timer = [](TimerId, EventLoop& l) { l.cancel(0); };
  loop.submit(one_flow(100), 0);
  loop.submit(one_flow(100), 0);
  loop.set_timer(0, 40);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("timer 0 at 40", "run 1 at 120"));
}

TEST(Cancel, KnowsRunsThatAreOverOrNeverWere) {
  Script script;
  EventLoop loop({}, &script);
  script.at_end = [](RunId run, EventLoop& l) {
    EXPECT_FALSE(l.cancel(run));
    EXPECT_FALSE(l.cancel(77));
  };
  const RunId run = loop.submit(tasks_on_one_resource({1}), 0);
  const RunId before_it_began = loop.submit(tasks_on_one_resource({1}), 50);
  EXPECT_TRUE(loop.cancel(before_it_began));
  EXPECT_FALSE(loop.cancel(before_it_began));
  loop.run();
  EXPECT_FALSE(loop.cancel(run));
  EXPECT_THAT(script.log, ElementsAre("run 0 at 1"));
}

// 100 ps of work: 20 done at 20, then a tenth of the speed until 120 (10 done), then full speed.
TEST(SetSpeed, RetimesWorkInFlight) {
  Script script;
  EventLoop loop({}, &script);
  script.at_timer = [](TimerId timer, EventLoop& l) {
    l.set_resource_speed(0, timer == 0 ? 0.1 : 1.0);
  };
  loop.submit(tasks_on_one_resource({100}), 0);
  loop.set_timer(0, 20);
  loop.set_timer(1, 120);
  loop.run();
  EXPECT_EQ(script.log.back(), "run 0 at 190");
}

TEST(SetSpeed, HoldsWorkWhileDownAndResumesIt) {
  Script script;
  EventLoop loop({}, &script);
  script.at_timer = [](TimerId timer, EventLoop& l) {
    l.set_resource_speed(0, timer == 0 ? 0.0 : 1.0);
    l.set_link_speed(0, timer == 0 ? 0.0 : 1.0);
  };
  loop.submit(tasks_on_one_resource({100}), 0);
  loop.submit(one_flow(60), 0);
  loop.set_timer(0, 50);
  loop.set_timer(1, 1000);
  loop.run();
  EXPECT_THAT(script.log,
              ElementsAre("timer 0 at 50", "timer 1 at 1000", "run 1 at 1010", "run 0 at 1050"));
}

TEST(SetSpeed, DropsTheLaterStepsOfTheProfile) {
  SpeedProfiles profiles;
  profiles.resources.push_back(SpeedProfile({{50, 0.0}}));
  Script script;
  EventLoop loop(profiles, &script);
  script.at_timer = [](TimerId, EventLoop& l) { l.set_resource_speed(0, 2.0); };
  loop.submit(tasks_on_one_resource({100}), 0);
  loop.set_timer(0, 40);
  loop.run();
  EXPECT_THAT(script.log, ElementsAre("timer 0 at 40", "run 0 at 70"));
}

}  // namespace
}  // namespace plumbline
