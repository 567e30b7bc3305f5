#include "image/stage.h"

#include <gmock/gmock.h>

#include <functional>

namespace meros::image {
namespace {

using testing::ElementsAre;

RootfsSpec spec() {
  RootfsSpec spec;
  spec.constellation = "lab";
  spec.machine = "web";
  spec.release = "bookworm";
  spec.packages = {"nginx", "jq"};
  spec.disks = {{"data", "ext4", "/srv"}, {"logs", "xfs", "/var/log"}};
  return spec;
}

InputDigests inputs() { return {"", "keys", {"common", "own"}, {"hooks", "own hooks"}}; }
const ResolvedStages resolved{"b1", "p1", "k1"};

StageHashes hashes() { return stage_hashes(spec(), inputs(), resolved); }

// Which of the stages are others than those of spec().
std::string changed(const StageHashes& now) {
  const StageHashes before = hashes();
  std::string text;
  if (now.base != before.base) text += "base ";
  if (now.packages != before.packages) text += "packages ";
  if (now.kernel != before.kernel) text += "kernel ";
  if (now.customised != before.customised) text += "customised ";
  if (now.packed != before.packed) text += "packed ";
  return text;
}

std::string changed_by(const std::function<void(RootfsSpec&)>& change) {
  RootfsSpec other = spec();
  change(other);
  return changed(stage_hashes(other, inputs(), resolved));
}

std::string changed_by_input(const std::function<void(InputDigests&)>& change) {
  InputDigests other = inputs();
  change(other);
  return changed(stage_hashes(spec(), other, resolved));
}

std::string changed_by_resolved(const ResolvedStages& other) { return changed(stage_hashes(spec(), inputs(), other)); }

constexpr auto all = "base packages kernel customised packed ";

TEST(StageHashes, AreTheSameForTheSameInputs) { EXPECT_EQ(changed(hashes()), ""); }

TEST(StageHashes, AreOtherOnesFromTheBaseOnForWhatTheBaseIsMadeFrom) {
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.release = "trixie"; }), all);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.distribution = Distribution::ubuntu; }), all);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.arch = vmm::Arch::aarch64; }), all);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.mirrors = {"http://mirror.example/debian"}; }), all);
  EXPECT_EQ(changed_by_input([](InputDigests& i) { i.keyring = "other"; }), all);
}

TEST(StageHashes, KeepTheBaseAndTheKernelForOtherPackages) {
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.packages.push_back("htop"); }), "packages customised packed ");
}

TEST(StageHashes, TakeTheKernelOfThePackagesWhereTheyBringOne) {
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.packages.push_back("linux-image-amd64"); }),
            "packages kernel customised packed ");
}

TEST(StageHashes, KeepAllButTheLastStagesForWhatTheMachineItselfIsMadeFrom) {
  constexpr auto last = "customised packed ";
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.machine = "db"; }), last);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.constellation = "prod"; }), last);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.disks[0].mount_point = "/data"; }), last);
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.disks[0].fs_type = "btrfs"; }), last);
  EXPECT_EQ(changed_by_input([](InputDigests& i) { i.keys = "other"; }), last);
  EXPECT_EQ(changed_by_input([](InputDigests& i) { i.includes[0] = "other"; }), last);
  EXPECT_EQ(changed_by_input([](InputDigests& i) { i.hooks[1] = "other"; }), last);
  // The order in which they are copied and run counts.
  EXPECT_EQ(changed_by_input([](InputDigests& i) { std::swap(i.includes[0], i.includes[1]); }), last);
}

TEST(StageHashes, PackAnewForAnotherFormOfTheImage) {
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.format = ImageFormat::raw; }), "packed ");
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.build_free_mb = 900; }), "packed ");
}

TEST(StageHashes, DoNotDependOnTheOrderOfPackagesAndDisks) {
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.packages = {"jq", "nginx"}; }), "");
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.packages = {"jq", "nginx", "jq"}; }), "");
  EXPECT_EQ(changed_by([](RootfsSpec& s) { std::swap(s.disks[0], s.disks[1]); }), "");
}

TEST(StageHashes, AreOtherOnesFromTheStageOnWhosePackagesAreOthers) {
  EXPECT_EQ(changed_by_resolved({"b2", "p1", "k1"}), all);
  EXPECT_EQ(changed_by_resolved({"b1", "p2", "k1"}), "packages customised packed ");
  EXPECT_EQ(changed_by_resolved({"b1", "p1", "k2"}), "kernel customised packed ");
}

TEST(StageHashes, HaveNoKernelWhereAnotherOneBootsTheImage) {
  RootfsSpec without = spec();
  without.kernel = false;
  EXPECT_EQ(stage_hashes(without, inputs(), resolved).kernel, "");
  EXPECT_EQ(changed_by([](RootfsSpec& s) { s.kernel = false; }), "kernel customised packed ");
}

TEST(Mirrors, AreTheDistributionsOwnWithUpdatesAndSecurity) {
  EXPECT_THAT(mirrors_of(spec()), ElementsAre("deb http://deb.debian.org/debian bookworm main",
                                              "deb http://deb.debian.org/debian bookworm-updates main",
                                              "deb http://deb.debian.org/debian-security bookworm-security main"));
  RootfsSpec sid = spec();
  sid.release = "sid";
  EXPECT_THAT(mirrors_of(sid), ElementsAre("deb http://deb.debian.org/debian sid main"));
  RootfsSpec ubuntu = spec();
  ubuntu.distribution = Distribution::ubuntu;
  ubuntu.release = "noble";
  ubuntu.arch = vmm::Arch::aarch64;
  EXPECT_EQ(mirrors_of(ubuntu)[0], "deb http://ports.ubuntu.com/ubuntu-ports noble main universe");
}

TEST(Mirrors, AreUrlsOrWholeLinesOfTheManifest) {
  RootfsSpec own = spec();
  own.mirrors = {"http://mirror.example/debian", "deb [trusted=yes] http://own.example ./"};
  EXPECT_THAT(mirrors_of(own),
              ElementsAre("deb http://mirror.example/debian bookworm main", "deb [trusted=yes] http://own.example ./"));
}

}  // namespace
}  // namespace meros::image
