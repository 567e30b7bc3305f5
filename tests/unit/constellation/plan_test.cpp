#include "constellation/plan.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "unit/constellation/manifests.h"

namespace meros::constellation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Surroundings surroundings() {
  Surroundings around = bare_surroundings();
  for (const auto* name : {"db", "web"}) around.images[name] = ImageFacts{"/srv/data/disks/image", "1", {}, {}, {}};
  return around;
}

Wanted wanted(const std::string& text) { return want(parsed(text), surroundings()); }

// The host after an init of it.
Found deployed(const Wanted& all) {
  Found found;
  for (const auto& machine : all.machines)
    found.machines[machine.name] = {machine::State::running, machine.request.origin};
  found.network = all.network;
  found.network_is_up = true;
  return found;
}

// "create web", "network" … in their order.
std::vector<std::string> words(const Plan& plan) {
  std::vector<std::string> all;
  for (const auto& step : plan.steps)
    all.push_back(std::string(to_string(step.kind)) + (step.machine.empty() ? "" : " " + step.machine));
  return all;
}

std::size_t index_of(const Plan& plan, Step::Kind kind, const std::string& machine) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].kind == kind && plan.steps[i].machine == machine) return i;
  throw Error("there is no such step");
}

// Whether the one can only begin when the other is done.
bool comes_before(const Plan& plan, std::size_t first, std::size_t second) {
  for (const std::size_t step : plan.steps[second].after)
    if (step == first || comes_before(plan, first, step)) return true;
  return false;
}

constexpr auto bridges = R"(
bridges:
  lab: {subnet: 10.0.2.1/24}
)";

const std::string one_machine = std::string(bridges) + R"(
virtual_machines:
  web: {kernel: vmlinux, memory: 512, networks: [{label: web0, bridge: lab}]}
)";

const std::string two_machines = std::string(bridges) + R"(
virtual_machines:
  web: {kernel: vmlinux, depends_on: [db], networks: [{label: web0, bridge: lab}]}
  db: {kernel: vmlinux, ready: "console:up", networks: [{label: db0, bridge: lab}]}
)";

TEST(Plan, MakesEverythingWhereThereIsNothing) {
  const Plan plan = make_plan(wanted(one_machine), {}, {});
  EXPECT_THAT(words(plan), ElementsAre("create web", "network", "start web", "ready web"));
  EXPECT_EQ(render(plan), "+ bridge lab\n+ web: create, start\n");
  EXPECT_FALSE(plan.is_disruptive());
}

TEST(Plan, HasNothingToDoASecondTime) {
  const auto all = wanted(two_machines);
  const Plan plan = make_plan(all, deployed(all), {});
  EXPECT_TRUE(plan.nothing_to_do());
  EXPECT_EQ(render(plan), "");
}

TEST(Plan, StartsADependencyFirstAndWaitsUntilItIsReady) {
  const Plan plan = make_plan(wanted(two_machines), {}, {});
  EXPECT_TRUE(comes_before(plan, index_of(plan, Step::Kind::ready, "db"), index_of(plan, Step::Kind::start, "web")));
  EXPECT_TRUE(comes_before(plan, index_of(plan, Step::Kind::network, ""), index_of(plan, Step::Kind::start, "db")));
  EXPECT_FALSE(comes_before(plan, index_of(plan, Step::Kind::create, "db"), index_of(plan, Step::Kind::create, "web")));
}

TEST(Plan, AsksADependencyThatRunsWhetherItIsReady) {
  const auto all = wanted(two_machines);
  Found found = deployed(all);
  found.machines["web"].state = machine::State::stopped;
  const Plan plan = make_plan(all, found, {});
  EXPECT_THAT(words(plan), ElementsAre("ready db", "start web", "ready web"));
  EXPECT_TRUE(comes_before(plan, 0, 1));
}

TEST(Plan, StartsOneThatIsOnItsWayForItsVerbMayHaveBeenKilled) {
  const auto all = wanted(one_machine);
  for (const auto state : {machine::State::starting, machine::State::stopping}) {
    Found found = deployed(all);
    found.machines["web"].state = state;
    EXPECT_THAT(words(make_plan(all, found, {})), ElementsAre("start web", "ready web"));
  }
}

TEST(Plan, BringsTheNetworkBackWhenItsHolderIsGone) {
  const auto all = wanted(two_machines);
  Found found = deployed(all);
  found.network_is_up = false;
  const Plan plan = make_plan(all, found, {});
  EXPECT_THAT(words(plan), ElementsAre("network"));
  EXPECT_EQ(render(plan), "+ network\n");
}

TEST(Plan, DeletesAMachineThatTheManifestHasNoMore) {
  const auto former = wanted(two_machines);
  const Plan plan = make_plan(wanted(one_machine), deployed(former), {});
  EXPECT_EQ(plan.steps.at(0).kind, Step::Kind::remove);
  EXPECT_EQ(plan.steps.at(0).machine, "db");
  EXPECT_TRUE(plan.is_disruptive());
  // Its TAP goes with the network, which comes after.
  EXPECT_TRUE(comes_before(plan, 0, index_of(plan, Step::Kind::network, "")));
}

TEST(Plan, TakesOnlyTheMachinesThatAreNamedAndWhatTheyDependOn) {
  const auto all = wanted(std::string(two_machines) + "  other: {kernel: vmlinux}\n");
  PlanOptions options;
  options.only = {"web"};
  EXPECT_THAT(words(make_plan(all, {}, options)),
              ElementsAre("create web", "create db", "network", "start db", "ready db", "start web", "ready web"));
}

TEST(Plan, LeavesMachinesOfFormerManifestsAloneWhenSomeAreNamed) {
  PlanOptions options;
  options.only = {"web"};
  const auto all = wanted(one_machine);
  Found found = deployed(wanted(two_machines));
  found.machines["web"].origin = all.find("web")->request.origin;
  EXPECT_THAT(words(make_plan(all, found, options)), ElementsAre("network"));
}

TEST(Plan, NamesTheNearestMachineForOneThatIsNotThere) {
  PlanOptions options;
  options.only = {"wed"};
  try {
    make_plan(wanted(one_machine), {}, options);
    FAIL();
  } catch (const NotFoundError& e) {
    EXPECT_EQ(e.message(), "constellation 'lab' has no machine 'wed'");
    EXPECT_EQ(e.hint(), "did you mean 'web'?");
  }
}

TEST(Plan, MakesTheDiskAnewOnlyWhenToldTo) {
  const auto all = wanted(one_machine);
  PlanOptions options;
  options.recreate = {"web"};
  const Plan plan = make_plan(all, deployed(all), options);
  EXPECT_THAT(words(plan), ElementsAre("delete web", "create web", "start web", "ready web"));
  EXPECT_TRUE(plan.is_disruptive());
  EXPECT_EQ(render(plan), "~ web: delete, create, start\n");
}

TEST(Plan, SaysThatAnImageIsNewerThanTheDisk) {
  const auto former = wanted(one_machine);
  auto around = surroundings();
  around.images["web"].stamp = "2";
  const Plan plan = make_plan(want(parsed(one_machine), around), deployed(former), {});
  EXPECT_TRUE(plan.nothing_to_do());
  EXPECT_THAT(plan.notes, ElementsAre("the image of 'web' changed; its disk stays as it is ('meros init lab --recreate "
                                      "web' makes it anew)"));
}

TEST(Plan, BuildsAnImageThatIsMissing) {
  auto around = surroundings();
  around.images.clear();
  const std::string text = std::string(bridges) + R"(
virtual_machines:
  web: {distribution: debian, networks: [{label: web0, bridge: lab}]}
)";
  const Plan plan = make_plan(want(parsed(text), around), {}, {});
  EXPECT_THAT(words(plan), ElementsAre("build web", "create web", "network", "start web", "ready web"));
  EXPECT_TRUE(comes_before(plan, 0, 1));
}

// Each field of a machine, edited between two inits.
struct Edit {
  const char* field;
  const char* before;
  const char* after;
  std::vector<std::string> steps;
  const char* rendered;
};

class EditOf : public testing::TestWithParam<Edit> {};

TEST_P(EditOf, IsPlannedForWhatItMeans) {
  const auto text = [](const char* field) {
    return std::string(bridges) + "virtual_machines:\n  db: {kernel: vmlinux}\n  web: {kernel: vmlinux, " + field +
           "}\n";
  };
  const auto former = wanted(text(GetParam().before));
  const Plan plan = make_plan(wanted(text(GetParam().after)), deployed(former), {});
  EXPECT_EQ(words(plan), GetParam().steps);
  EXPECT_EQ(render(plan), GetParam().rendered);
}

const std::vector<std::string> restart = {"stop web", "reconfigure web", "start web", "ready web"};
const std::vector<std::string> note = {"record web"};
const std::vector<std::string> rewire = {"stop web", "reconfigure web", "network", "start web", "ready web"};

INSTANTIATE_TEST_SUITE_P(
    AField, EditOf,
    testing::Values(
        Edit{"memory", "memory: 512", "memory: 1G", restart, "~ web: stop, memory 512 -> 1024, start\n"},
        Edit{"cpus", "cpus: 1", "cpus: 2", restart, "~ web: stop, cpus 1 -> 2, start\n"},
        Edit{"driver", "driver: auto", "driver: qemu", restart, "~ web: stop, driver auto -> qemu, start\n"},
        Edit{"accel", "accel: auto", "accel: tcg", restart, "~ web: stop, accel auto -> tcg, start\n"},
        Edit{"display", "display: false", "display: true", restart, "~ web: stop, display false -> true, start\n"},
        Edit{"initrd", "cpus: 1", "cpus: 1, initrd: rd", restart, "~ web: stop, initrd  -> rd, start\n"},
        Edit{"append", "append: quiet", "append: debug", restart, "~ web: stop, append quiet -> debug, start\n"},
        Edit{"cdrom", "cpus: 1", "cpus: 1, cdrom: /a.iso", restart, "~ web: stop, cdrom [] -> [\"/a.iso\"], start\n"},
        Edit{"qemu_args", "qemu_args: []", "qemu_args: [-s]", restart,
             "~ web: stop, qemu_args [] -> [\"-s\"], start\n"},
        Edit{"restart", "restart: no", "restart: always", restart, "~ web: stop, restart no -> always, start\n"},
        Edit{"ready", "ready: none", "ready: \"console:up\"", note, "~ web: ready none -> console:up\n"},
        Edit{"depends_on", "cpus: 1", "cpus: 1, depends_on: [db]", note, "~ web: depends_on [] -> [\"db\"]\n"},
        Edit{"packages", "distribution: debian, packages: []", "distribution: debian, packages: [vim]", note,
             "~ web: packages [] -> [\"vim\"] (build it anew for that)\n"},
        Edit{"build_free_mb", "distribution: debian, build_free_mb: 500", "distribution: debian, build_free_mb: 600",
             note, "~ web: build_free_mb 500 -> 600 (build it anew for that)\n"},
        Edit{"release", "distribution: debian, release: bookworm", "distribution: debian, release: trixie", note,
             "~ web: release bookworm -> trixie (build it anew for that)\n"}),
    [](const auto& edit) { return std::string(edit.param.field); });

TEST(Plan, RestartsAMachineWhoseNetworkInterfacesChange) {
  const auto text = [](const std::string& address) {
    return std::string(bridges) +
           "virtual_machines:\n  web: {kernel: vmlinux, networks: [{label: web0, bridge: lab, "
           "ip_addr: " +
           address + "}]}\n";
  };
  const Plan plan = make_plan(wanted(text("10.0.2.7")), deployed(wanted(text("10.0.2.5"))), {});
  EXPECT_EQ(words(plan), rewire);
  EXPECT_TRUE(comes_before(plan, index_of(plan, Step::Kind::stop, "web"), index_of(plan, Step::Kind::network, "")));
}

TEST(Plan, ReloadsAPolicyWithoutTouchingAMachine) {
  const auto former = wanted(one_machine);
  std::string stricter = one_machine;
  stricter.replace(stricter.find("10.0.2.1/24"), 11, "10.0.2.1/24, policy_type: isolated");
  const Plan plan = make_plan(wanted(stricter), deployed(former), {});
  EXPECT_THAT(words(plan), ElementsAre("network"));
  EXPECT_FALSE(plan.is_disruptive());
  EXPECT_EQ(render(plan), "~ bridge lab: policy \"host-access\" -> \"isolated\"\n");
}

TEST(Plan, TellsAllInOneJsonDocument) {
  const Json json = to_json(make_plan(wanted(one_machine), {}, {}));
  EXPECT_EQ(json.at("steps").size(), 4U);
  EXPECT_EQ(json.at("steps").at(0).dump(),
            R"({"after":[],"changes":[],"disruptive":false,"machine":"web","step":"create"})");
  EXPECT_EQ(json.at("network").dump(), R"(["+ bridge lab"])");
}

TEST(Plan, IsQuickForFiveHundredMachines) {
  std::string text =
      std::string(bridges) + "virtual_machines:\n  web: {kernel: vmlinux, count: 200, networks: [{bridge: lab}]}\n";
  const auto all = wanted(text);
  EXPECT_EQ(make_plan(all, {}, {}).steps.size(), 1U + 3U * 200U);
}

}  // namespace
}  // namespace meros::constellation
