// init, plan and shutdown of constellations of tiny guests, on each VMM.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "integration/machine_test.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Which VMM, and as whom. The tests of both are run by root.
struct Way {
  Vmm vmm;
  bool rootless = false;
  std::string title() const { return vmm.title + (rootless ? "Rootless" : ""); }
};
std::ostream& operator<<(std::ostream& stream, const Way& way) { return stream << way.title(); }

std::vector<Way> all_ways() {
  std::vector<Way> ways;
  for (const Vmm& vmm : all_vmms())
    for (const bool rootless : {false, true}) ways.push_back({vmm, rootless});
  return ways;
}

std::optional<Command::Credentials> user_of(const Way& way) {
  return way.rootless && ::geteuid() == 0 ? std::optional(ordinary_user()) : std::nullopt;
}

class EachConstellation : public MachineTest, public testing::WithParamInterface<Way> {
 protected:
  EachConstellation() : MachineTest(user_of(GetParam())) {}

  const Vmm& vmm() const { return GetParam().vmm; }

  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::qemu, Need::fake_firecracker);
    if (GetParam().rootless) MEROS_REQUIRE(Need::user_namespaces);
    // The manifest names a driver, and the driver's program is found in PATH.
    const fs::path programs = home().path() / "programs";
    fs::create_directory(programs);
    if (vmm().driver == "firecracker") fs::create_symlink(vmm().program, programs / "firecracker");
    home().add_environment("PATH=" + programs.string() + ":/usr/sbin:/usr/bin:/sbin:/bin");
  }

  void TearDown() override {
    if (!IsSkipped()) {
      home().meros({"shutdown", "lab", "--volumes", "--force"});
      fs::remove_all(home().path() / "programs");
      fs::remove_all(home().path() / "constellations");
    }
    MachineTest::TearDown();
  }

  // A machine of the manifest; `more` is further fields.
  std::string machine(const std::string& name, const std::string& more = {}, Guest guest = Guest::halt) const {
    return "  " + name + ": {driver: " + vmm().driver + ", accel: " + (vmm().driver == "qemu" ? "tcg" : "kvm") +
           ", memory: 64, cpus: 1, kernel: " + kernel_of(guest).string() +
           (more.empty() ? std::string() : ", " + more) + "}\n";
  }
  static std::string nic(const std::string& label) { return "networks: [{label: " + label + ", bridge: lan}]"; }

  void describe(const std::string& machines) {
    home().write(
        "constellations/lab/manifest.yml",
        "uplink: none\nbridges:\n  lan: {subnet: 10.77.0.1/24, policy_type: isolated}\nvirtual_machines:\n" + machines);
  }

  std::map<std::string, std::string> states() {
    std::map<std::string, std::string> found;
    for (const auto& machine : parse_json(must({"ps", "-a", "-o", "json"}), "ps"))
      found[get<std::string>(machine, "constellation") + "/" + get<std::string>(machine, "name")] =
          get<std::string>(machine, "state");
    return found;
  }
};

TEST_P(EachConstellation, IsBroughtUpTwiceAndTakenAwayTwice) {
  describe(machine("web", nic("web0") + ", depends_on: [db]") +
           machine("db", nic("db0") + ", ready: \"console:" + ready_line + "\""));
  const std::string out = must({"init", "lab"});
  EXPECT_THAT(out, HasSubstr("created db\n"));
  EXPECT_THAT(out, HasSubstr("network of lab is up\n"));
  EXPECT_LT(out.find("db is ready after"), out.find("started web in")) << out;
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/db", "running"}, {"lab/web", "running"}}));

  EXPECT_EQ(home().meros({"plan", "lab", "--exit-code"}).code, 0);
  EXPECT_EQ(must({"init", "lab"}), "");

  EXPECT_EQ(must({"shutdown", "lab"}), "stopped web\nstopped db\nnetwork of lab is down\n");
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/db", "stopped"}, {"lab/web", "stopped"}}));
  EXPECT_EQ(must({"shutdown", "lab"}), "");
  EXPECT_EQ(home().meros({"plan", "lab", "--exit-code"}).code, 7);

  must({"init", "lab"});
  EXPECT_TRUE(comes_to_say("lab/web", ready_line));
  must({"shutdown", "lab", "--volumes"});
  EXPECT_THAT(states(), IsEmpty());
}

TEST_P(EachConstellation, MachinesAreInANetworkOfTheirOwn) {
  describe(machine("web", nic("web0")));
  must({"init", "lab"});
  const std::string links = must({"enter", "lab", "--", "ip", "-br", "link"});
  EXPECT_THAT(links, HasSubstr("web0"));
  EXPECT_THAT(links, HasSubstr("lan"));
  // The supervisor and its VMM are there too, and not in the host's.
  const auto inode = [](pid_t pid) { return fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/net").string(); };
  EXPECT_NE(inode(vmm_of("lab/web")), inode(::getpid()));
  EXPECT_EQ(inode(vmm_of("lab/web")), inode(supervisor_of("lab/web")));
}

TEST_P(EachConstellation, WaitsInVainForAMachineThatIsNeverReady) {
  describe(machine("db", "ready: \"console:no such words\"") + machine("web", "depends_on: [db]") + machine("other"));
  const Result result = home().meros({"init", "lab", "--timeout", "2"});
  EXPECT_TRUE(fails_with(result, ExitCode::timed_out, "'db' is not ready: its console did not say 'no such words'"));
  EXPECT_THAT(result.err, HasSubstr(ready_line));  // the last lines of its console
  EXPECT_THAT(result.err, HasSubstr("'web' was not started, for something before it failed"));
  EXPECT_EQ(states(), (std::map<std::string, std::string>{
                          {"lab/db", "running"}, {"lab/other", "running"}, {"lab/web", "created"}}));
}

TEST_P(EachConstellation, SaysThatAMachineEndedBeforeItWasReady) {
  describe(machine("db", "ready: \"console:no such words\"", Guest::brief));
  EXPECT_TRUE(
      fails_with(home().meros({"init", "lab", "--timeout", "60"}), ExitCode::failed, "'db' ended before it was ready"));
}

TEST_P(EachConstellation, IsWaitedForUntilItIsReadyOrSaysSomething) {
  describe(machine("db", "ready: \"console:" + std::string(ready_line) + "\"") + machine("bare", "ready: none"));
  EXPECT_THAT(must({"init", "lab", "--no-wait"}), Not(HasSubstr("ready")));
  EXPECT_EQ(must({"wait", "lab/db", "--for", "ready"}), "lab/db is ready\n");
  EXPECT_EQ(must({"wait", "lab/bare", "--for", "ready"}), "lab/bare is ready\n");
  EXPECT_TRUE(succeeds(home().meros({"wait", "lab/bare", "--for", "text:tiny guest"})));
  EXPECT_TRUE(fails_with(home().meros({"wait", "lab/bare", "--for", "text:no such words", "--timeout", "0.1"}),
                         ExitCode::timed_out, "its console did not say 'no such words'"));
  must({"stop", "lab/db"});
  EXPECT_TRUE(fails_with(home().meros({"wait", "lab/db", "--for", "ready"}), ExitCode::failed,
                         "machine 'lab/db' does not run"));
}

TEST_P(EachConstellation, RestartsAMachineForAnEditOnlyWhenItIsToldTo) {
  describe(machine("web"));
  must({"init", "lab"});
  const pid_t before = vmm_of("lab/web");
  describe(machine("web", "append: debug"));
  EXPECT_EQ(must({"plan", "lab"}), "~ web: stop, append  -> debug, start\n");
  EXPECT_TRUE(fails_with(home().meros({"init", "lab"}), ExitCode::busy, "machines that run would be stopped"));
  EXPECT_EQ(vmm_of("lab/web"), before);
  must({"init", "lab", "--yes"});
  EXPECT_NE(vmm_of("lab/web"), before);
  EXPECT_THAT(get<std::string>(info("lab/web"), "kernel_args"), HasSubstr("debug"));
}

TEST_P(EachConstellation, DeletesWhatTheManifestHasNoMore) {
  describe(machine("web") + machine("old", nic("old0")));
  must({"init", "lab"});
  describe(machine("web"));
  EXPECT_TRUE(fails_with(home().meros({"init", "lab"}), ExitCode::busy, "- old: delete"));
  must({"init", "lab", "--yes"});
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/web", "running"}}));
  EXPECT_THAT(must({"enter", "lab", "--", "ip", "-br", "link"}), Not(HasSubstr("old0")));
}

TEST_P(EachConstellation, IsShutDownAfterItsManifestIsGone) {
  describe(machine("web", nic("web0")));
  must({"init", "lab"});
  fs::remove_all(home().path() / "constellations");
  must({"shutdown", "lab"});
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/web", "stopped"}}));
}

TEST_P(EachConstellation, LeavesWhatWorksRunningAndGoesOnFromThere) {
  describe(machine("web") + "  bad: {driver: " + vmm().driver + ", kernel: nowhere/kernel, memory: 64}\n");
  const Result result = home().meros({"init", "lab"});
  EXPECT_TRUE(fails_with(result, ExitCode::not_found, "nowhere/kernel' does not exist"));
  EXPECT_THAT(result.err, HasSubstr("what works runs; 'meros init lab' goes on from here"));
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/web", "running"}}));
  const pid_t before = vmm_of("lab/web");
  describe(machine("web") + machine("bad"));
  must({"init", "lab"});
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/bad", "running"}, {"lab/web", "running"}}));
  EXPECT_EQ(vmm_of("lab/web"), before);
}

TEST_P(EachConstellation, IsUndoneAsAWholeWhenThatIsAskedFor) {
  describe(machine("web", nic("web0")) + "  bad: {driver: " + vmm().driver + ", kernel: nowhere/kernel, memory: 64}\n");
  EXPECT_TRUE(fails_with(home().meros({"init", "lab", "--atomic"}), ExitCode::not_found, "all of it was undone"));
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_TRUE(fails_with(home().meros({"enter", "lab", "--", "true"}), ExitCode::not_found, "is not up"));
}

TEST_P(EachConstellation, TwentyMachinesAreBroughtUpAndTakenAway) {
  describe(machine("vm", "count: 20, ready: \"console:" + std::string(ready_line) + "\", networks: [{bridge: lan}]"));
  must({"init", "lab"});
  const auto found = states();
  EXPECT_EQ(found.size(), 20U);
  for (const auto& [name, state] : found) EXPECT_EQ(state, "running") << name;
  must({"shutdown", "lab", "--volumes"});
  EXPECT_THAT(states(), IsEmpty());
}

TEST_P(EachConstellation, GoesOnAfterAKilledInitOrShutdown) {
  describe(machine("web", nic("web0") + ", depends_on: [db]") +
           machine("db", nic("db0") + ", ready: \"console:" + ready_line + "\""));
  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> moment(0, 400);
  for (int round = 0; round < 13; ++round) {
    const int after = moment(random);
    SCOPED_TRACE("killed after " + std::to_string(after) + " ms");
    {
      Child init = spawn(home().meros_command({"init", "lab"}));
      init.wait_until(Deadline::after(std::chrono::milliseconds(after)));
      init.kill(SIGKILL);
      init.wait();
    }
    must({"init", "lab", "--yes"});
    ASSERT_EQ(states(), (std::map<std::string, std::string>{{"lab/db", "running"}, {"lab/web", "running"}}));
    {
      Child shutdown = spawn(home().meros_command({"shutdown", "lab", "--volumes"}));
      shutdown.wait_until(Deadline::after(std::chrono::milliseconds(after / 2)));
      shutdown.kill(SIGKILL);
      shutdown.wait();
    }
    must({"shutdown", "lab", "--volumes"});
    must({"gc"});
    ASSERT_THAT(states(), IsEmpty());
  }
}

TEST_P(EachConstellation, ComesBackWithTheHostWhenItIsEnabled) {
  describe(machine("web", nic("web0")));
  must({"enable", "lab"});
  must({"init", "--all-enabled"});
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{"lab/web", "running"}}));
  must({"disable", "lab"});
  must({"shutdown", "lab", "--volumes"});
  must({"init", "--all-enabled"});
  EXPECT_THAT(states(), IsEmpty());
}

TEST_P(EachConstellation, TheSecondDirectoryOfOneNameIsRefused) {
  describe(machine("web"));
  must({"init", "lab"});
  fs::create_directories(home().path() / "constellations/other");
  fs::copy_file(home().path() / "constellations/lab/manifest.yml", home().path() / "constellations/other/lab.yml");
  const fs::path twin = home().path() / "constellations/twin/lab";
  fs::create_directories(twin);
  fs::copy_file(home().path() / "constellations/lab/manifest.yml", twin / "manifest.yml");
  EXPECT_TRUE(
      fails_with(home().meros({"init", twin.string()}), ExitCode::busy, "constellation 'lab' is deployed from"));
}

// Firecracker would open them itself, as another user.
class ImageFilesOf : public EachConstellation {};

TEST_P(ImageFilesOf, AMachineAreMadeOnceWithTheirSizeAndFormat) {
  describe(machine("web", "disks: [{label: extra.img, size_gb: 3, fs_type: raw}, {label: more, fs_type: qcow2}]"));
  must({"init", "lab"});
  const fs::path disks = home().data_dir() / "disks";
  EXPECT_EQ(fs::file_size(disks / "extra.img"), std::uintmax_t{3} << 30);
  EXPECT_EQ(read_file(disks / "more").substr(0, 4), "QFI\xfb");
  must({"shutdown", "lab", "--volumes"});
  EXPECT_TRUE(fs::exists(disks / "extra.img"));  // they are not the machine's alone
  fs::remove_all(disks);
}

INSTANTIATE_TEST_SUITE_P(On, ImageFilesOf, testing::Values(Way{qemu()}, Way{qemu(), true}),
                         [](const auto& instance) { return instance.param.title(); });

class EachCreated : public EachConstellation {
 protected:
  void TearDown() override {
    if (!IsSkipped()) home().meros({"delete", "--all", "--force", "--yes"});
    EachConstellation::TearDown();
  }
  std::vector<std::string> arguments(const std::string& name, std::vector<std::string> more = {}) const {
    auto all = create_arguments(name, vmm(), Guest::halt, std::move(more));
    std::erase(all, "--no-network");
    return all;
  }
};

TEST_P(EachCreated, JoinsTheDefaultNetworkWithoutABridge) {
  EXPECT_THAT(must(arguments("one")), HasSubstr("10.213.0.2"));
  EXPECT_THAT(must(arguments("two", {"--guest-ip", "10.213.0.77"})), HasSubstr("10.213.0.77"));
  EXPECT_TRUE(fails_with(home().meros(arguments("three", {"--guest-ip", "10.213.0.2"})), ExitCode::busy,
                         "address 10.213.0.2 is taken by machine 'one'"));
  must({"start", "one", "two"});
  EXPECT_TRUE(comes_to_say("one", ready_line));
  const std::string links = must({"enter", "default", "--", "ip", "-br", "link"});
  EXPECT_THAT(links, HasSubstr(get<std::string>(info("one").at("network"), "tap")));
  EXPECT_THAT(links, HasSubstr(get<std::string>(info("two").at("network"), "tap")));
  must({"delete", "one", "--yes"});
  EXPECT_EQ(state_of("two"), "running");
  must({"delete", "two", "--yes"});
  EXPECT_TRUE(fails_with(home().meros({"enter", "default", "--", "true"}), ExitCode::not_found, ""));
}

INSTANTIATE_TEST_SUITE_P(On, EachCreated, testing::ValuesIn(all_ways()),
                         [](const auto& instance) { return instance.param.title(); });
INSTANTIATE_TEST_SUITE_P(On, EachConstellation, testing::ValuesIn(all_ways()),
                         [](const auto& instance) { return instance.param.title(); });

}  // namespace
}  // namespace meros::test
