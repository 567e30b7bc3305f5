// The holder as a process: its start and end, and what happens when it or one of its children is killed.
#include <gmock/gmock.h>

#include <thread>

#include "base/error.h"
#include "base/lock.h"
#include "integration/network/lab.h"
#include "support/process.h"
#include "support/wait.h"

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Holders : public Lab {};

TEST_P(Holders, MakeTheNetworkAndTakeItAway) {
  apply(lab_);
  const auto now = status("lab");
  EXPECT_EQ(now.uplink, is_root() ? "veth" : "pasta");
  EXPECT_THAT(now.problems, IsEmpty());
  EXPECT_EQ(now.namespace_of.empty(), !is_root());
  EXPECT_EQ(network_of("lab").inode(), now.namespace_inode);
  EXPECT_EQ(lock_owner((directory("lab") / "net.lock").string()), now.pid);
  remove("lab");
  EXPECT_FALSE(is_alive(now.pid));
  EXPECT_FALSE(std::filesystem::exists(directory("lab")));
  remove("lab");
}

TEST_P(Holders, AreStartedOnceByThoseWhoComeAtTheSameTime) {
  std::vector<Call> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(begin_apply(lab_));
  for (auto& call : calls) EXPECT_EQ(error_of(std::move(call)), "");
  EXPECT_THAT(processes_of(directory("lab")), SizeIs(testing::Ge(1U)));
  start_machines(lab_);
  EXPECT_TRUE(reaches_outside("web"));
}

TEST_P(Holders, AreFollowedByOneThatTakesTheNamespaceOver) {
  apply(lab_);
  start_machines(lab_);
  settle_inhabitant("lab");
  Services services;
  services.add_tcp(&in("db"), "0.0.0.0", 5000, "db");
  services.start();
  const Fd open = greeted_connection(in("web"), "10.0.2.22", 5000, "db");
  ASSERT_TRUE(open);
  const auto before = status("lab");
  kill_and_wait(before.pid);
  // The machines go on, under the same policy.
  EXPECT_TRUE(greeted_connection(in("web"), "10.0.2.22", 5000, "db"));
  apply(lab_);
  const auto after = status("lab");
  EXPECT_NE(after.pid, before.pid);
  EXPECT_EQ(after.namespace_inode, before.namespace_inode);
  EXPECT_THAT(after.problems, IsEmpty());
  EXPECT_TRUE(reaches_outside("web"));
  EXPECT_TRUE(greeted_connection(in("web"), "10.0.2.1", 80, "host"));
  EXPECT_EQ(resolve("web", "db"), "10.0.2.22");
}

// Whatever was half done is done, or undone, by the next.
TEST_P(Holders, CanBeKilledAtAnyMoment) {
  for (int moment = 0; moment < 12; ++moment) {
    Call call = begin_apply(lab_);
    const std::string lock = (directory("lab") / "net.lock").string();
    std::optional<LockOwner> owner;
    eventually([&] {
      owner = pin_lock_owner(lock);
      return owner.has_value();
    });
    ASSERT_TRUE(owner);
    std::this_thread::sleep_for(std::chrono::milliseconds(moment * 10));  // the moment
    kill_and_wait(owner->pid);
    error_of(std::move(call));  // whether it was in time does not matter
    if (moment % 3 == 0) remove("lab");
  }
  apply(lab_);
  start_machines(lab_);
  EXPECT_TRUE(eventually([&] { return reaches_outside("web"); }));
  EXPECT_EQ(resolve("web", "db"), "10.0.2.22");
}

TEST_P(Holders, LeaveNothingWhenTheyAreKilledAndNobodyIsInside) {
  apply(lab_);
  const pid_t pid = status("lab").pid;
  const auto dnsmasqs = servants("lab", "dnsmasq");
  ASSERT_THAT(dnsmasqs, SizeIs(1));
  kill_and_wait(pid);
  EXPECT_TRUE(eventually([&] { return !is_alive(dnsmasqs[0]); }));
  remove("lab");
}

TEST_P(Holders, StartAnewWhatIsKilled) {
  apply(lab_);
  start_machines(lab_);
  const auto dnsmasq = servants("lab", "dnsmasq");
  ASSERT_THAT(dnsmasq, SizeIs(1));
  kill_and_wait(dnsmasq[0]);
  EXPECT_EQ(resolve("web", "db"), "10.0.2.22");
  EXPECT_NE(servants("lab", "dnsmasq"), dnsmasq);
  if (is_root()) return;
  const auto pasta = servants("lab", "pas");  // "passt.avx2", for example
  ASSERT_THAT(pasta, SizeIs(1));
  kill_and_wait(pasta[0]);
  EXPECT_TRUE(eventually([&] {
    const auto now = servants("lab", "pas");
    return now.size() == 1 && now != pasta;
  }));
  EXPECT_TRUE(eventually([&] { return reaches_outside("web"); }));
  EXPECT_THAT(status("lab").problems, IsEmpty());
}

TEST_P(Holders, RefuseToGoWhileSomebodyIsInside) {
  apply(lab_);
  const pid_t pid = settle_inhabitant("lab");
  try {
    remove("lab");
    FAIL() << "it was removed";
  } catch (const BusyError& e) {
    EXPECT_EQ(e.message(), "the network is still used by pid " + std::to_string(pid) + " (sleep)");
    EXPECT_EQ(e.hint(), "end them, then try again");
  }
  kill_and_wait(pid);
  inhabitants_.clear();
  remove("lab");
}

TEST_P(Holders, GiveATapToOneAtATime) {
  apply(lab_);
  const Fd tap = open_tap("lab", "web-tap");
  EXPECT_THROW(open_tap("lab", "web-tap"), BusyError);
  EXPECT_THROW(open_tap("lab", "nobody-tap"), NotFoundError);
  // A TAP in use does not keep the network from being applied.
  lab_.bridges[0].allowed_ports = {22};
  apply(lab_);
}

TEST_P(Holders, SayWhyADialFails) {
  apply(lab_);
  start_machines(lab_);
  try {
    dial("lab", "10.0.2.21", 4242);
    FAIL() << "it got through";
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), ExitCode::failed);
    EXPECT_EQ(e.message(), "cannot reach 10.0.2.21:4242: Connection refused");
  }
}

// Without root's way to the socket: the file is its owner's alone.
TEST_P(Holders, TurnAwayOtherUsers) {
  apply(lab_);
  try {
    as_stranger("lab");
    FAIL() << "a stranger was let in";
  } catch (const HostError& e) {
    EXPECT_EQ(e.message(), "the network belongs to another user");
    EXPECT_EQ(e.hint(), "run it with sudo, or as that user");
  }
}

INSTANTIATE_TEST_SUITE_P(, Holders, both_callers, name_of_caller);

}  // namespace
}  // namespace meros::test
