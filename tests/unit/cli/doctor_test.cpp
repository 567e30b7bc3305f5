#include "cli/doctor.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Status = Check::Status;

// "<status>: <detail> -> <remedy>"
std::string text_of(const Check& check) {
  const std::string remedy = check.remedy.empty() ? "" : " -> " + check.remedy;
  return std::string(to_string(check.status)) + ": " + check.detail + remedy;
}

// A made-up host, of user ann.
class Checks : public testing::Test {
 protected:
  Checks() {
    host.proc = directory.path() / "proc";
    host.dev = directory.path() / "dev";
    host.etc = directory.path() / "etc";
    host.boot = directory.path() / "boot";
    host.kernel_release = "6.1.0-13-amd64";
    host.user_id = 1000;
    host.user_name = "ann";
    host.find_program = [this](const std::string& program) -> std::optional<std::string> {
      if (std::find(programs.begin(), programs.end(), program) == programs.end()) return std::nullopt;
      return "/usr/bin/" + program;
    };
    host.version_line = [](const std::string& path) { return "version of " + path; };
    host.has_library = [](const std::string& library) { return library == "libcurl.so.4"; };
  }
  void put(const std::string& path, const std::string& content) {
    make_directories((directory.path() / path).parent_path());
    replace_file(directory.path() / path, content);
  }
  const Check& program(const std::vector<Check>& checks, const std::string& id) {
    const auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.id == id; });
    if (found == checks.end()) throw Error("no check '" + id + "'");
    return *found;
  }

  TemporaryDirectory directory;
  HostView host;
  std::vector<std::string> programs;
};

TEST_F(Checks, KvmThatIsAbsentIsDegradedForQemuEmulates) {
  const Check check = check_kvm(host);
  EXPECT_EQ(check.status, Status::degraded);
  EXPECT_THAT(check.detail, HasSubstr("kvm does not exist"));
  EXPECT_THAT(check.remedy, HasSubstr("sudo modprobe kvm_intel"));
  EXPECT_FALSE(check.required);
}

TEST_F(Checks, KvmThatMayNotBeOpenedIsMendedByAGroup) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may open everything";
  put("dev/kvm", "");
  fs::permissions(host.dev / "kvm", fs::perms::none);
  EXPECT_EQ(check_kvm(host).remedy, "sudo usermod -aG kvm ann (and log in again)");
}

TEST_F(Checks, MergencTakesFirecrackerAndNothingElse) {
  const vmm::KvmStatus usable{.opens = true, .cpu_flags = true, .why = "/dev/kvm works"};
  const vmm::KvmStatus software{.opens = true, .cpu_flags = false, .why = "it is a software KVM"};
  EXPECT_EQ(text_of(check_firecracker_only(host, usable)),
            "missing: firecracker is not installed -> put the program into PATH, or name it with --firecracker-bin");
  programs = {"firecracker"};
  EXPECT_EQ(text_of(check_firecracker_only(host, usable)), "ok: firecracker with kvm (/usr/bin/firecracker)");
  EXPECT_EQ(text_of(check_firecracker_only(host, software)),
            "degraded: firecracker with kvm (/usr/bin/firecracker); it is a software KVM");
  EXPECT_THAT(text_of(check_firecracker_only(host, {.why = "/dev/kvm does not exist"})),
              StartsWith("missing: /dev/kvm does not exist -> "));
}

TEST_F(Checks, ProgramsThatAreThereAreShownWithTheirPlaceAndVersion) {
  programs = {"qemu-system-x86_64", "firecracker", "nft"};
  const auto checks = check_programs(host);
  EXPECT_EQ(text_of(program(checks, "qemu-system-x86_64")),
            "ok: version of /usr/bin/qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)");
  EXPECT_EQ(text_of(program(checks, "firecracker")), "ok: version of /usr/bin/firecracker (/usr/bin/firecracker)");
  EXPECT_EQ(text_of(program(checks, "nft")), "ok: /usr/bin/nft");
  EXPECT_EQ(text_of(program(checks, "libcurl")), "ok: installed");
}

TEST_F(Checks, ProgramsThatAreMissingNameTheirPackage) {
  const auto checks = check_programs(host);
  EXPECT_EQ(text_of(program(checks, "qemu-system-x86_64")),
            "missing: not installed; needed for x86_64 machines on QEMU -> sudo apt-get install qemu-system-x86");
  EXPECT_EQ(
      text_of(program(checks, "pasta")),
      "missing: not installed; needed for a way out of a constellation without root -> sudo apt-get install passt");
  EXPECT_EQ(text_of(program(checks, "firecracker")),
            "missing: not installed; needed for machines on Firecracker -> put the program from "
            "https://github.com/firecracker-microvm/firecracker/releases into PATH");
  EXPECT_EQ(text_of(program(checks, "libguestfs")),
            "missing: not installed; needed for images that are not plain ext4 (build --use) -> sudo apt-get install "
            "libguestfs0");
}

TEST_F(Checks, LibguestfsNeedsAKernelThatItCanRead) {
  host.has_library = [](const std::string&) { return true; };
  EXPECT_EQ(text_of(program(check_programs(host), "libguestfs")), "degraded: installed, but there is no kernel in " +
                                                                      host.boot.string() +
                                                                      " -> sudo apt-get install linux-image-amd64");
  put("boot/vmlinuz-6.1", "");
  EXPECT_EQ(text_of(program(check_programs(host), "libguestfs")), "ok: installed");
}

TEST_F(Checks, ForeignProgramsNeedAnEmulatorThatIsHeldOpen) {
  EXPECT_EQ(text_of(check_foreign_programs(host)),
            "missing: this host runs no programs of aarch64: no emulator is registered; needed to build images for it "
            "-> sudo apt-get install qemu-user-static binfmt-support");
  put("proc/sys/fs/binfmt_misc/qemu-aarch64", "enabled\ninterpreter /x\nflags: OCF\n");
  EXPECT_EQ(text_of(check_foreign_programs(host)), "ok: run by an emulator");
}

TEST_F(Checks, RootNeedsNoSudo) {
  host.is_root = true;
  EXPECT_EQ(program(check_programs(host), "nft").remedy, "apt-get install nftables");
}

TEST_F(Checks, TheHostsOwnArchitectureComesFirst) {
  EXPECT_EQ(check_programs(host).front().id, "qemu-system-x86_64");
  host.arch = vmm::Arch::aarch64;
  EXPECT_EQ(check_programs(host).front().id, "qemu-system-aarch64");
}

TEST_F(Checks, AProgramThatDoesNotRunIsAsGoodAsNone) {
  programs = {"qemu-system-x86_64"};
  host.version_line = [](const std::string&) -> std::string { throw Error("it ended with exit code 127"); };
  EXPECT_EQ(text_of(program(check_programs(host), "qemu-system-x86_64")),
            "missing: does not run: it ended with exit code 127 -> sudo apt-get install --reinstall qemu-system-x86");
}

TEST_F(Checks, TheSupervisorIsRequired) {
  put("libexec/meros-supervisor", "");
  const fs::path supervisor = directory.path() / "libexec/meros-supervisor";
  EXPECT_EQ(text_of(check_supervisor(supervisor)),
            "missing: '" + supervisor.string() +
                "' is not a program -> install meros whole, or name the program in MEROS_SUPERVISOR");
  EXPECT_TRUE(check_supervisor(supervisor).required);
  fs::permissions(supervisor, fs::perms::owner_all);
  EXPECT_EQ(text_of(check_supervisor(supervisor)), "ok: " + supervisor.string());
  EXPECT_THAT(text_of(check_supervisor("")), StartsWith("missing: not found"));
}

TEST_F(Checks, UserNamespacesAreForbiddenByEachOfThreeSettings) {
  EXPECT_EQ(text_of(check_user_namespaces(host, "")), "ok: can be made");
  put("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  EXPECT_EQ(text_of(check_user_namespaces(host, "")),
            "degraded: kernel.apparmor_restrict_unprivileged_userns is 1: those that a user makes have no privileges "
            "inside -> sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
  put("proc/sys/kernel/unprivileged_userns_clone", "0\n");
  EXPECT_EQ(text_of(check_user_namespaces(host, "")),
            "missing: kernel.unprivileged_userns_clone is 0: only root may make them -> sudo sysctl -w "
            "kernel.unprivileged_userns_clone=1");
  put("proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_EQ(text_of(check_user_namespaces(host, "")),
            "missing: user.max_user_namespaces is 0: no user may make any -> sudo sysctl -w "
            "user.max_user_namespaces=15000");
}

TEST_F(Checks, UserNamespacesThatTheSettingsAllowMustAlsoWork) {
  put("proc/sys/kernel/unprivileged_userns_clone", "1\n");
  put("proc/sys/user/max_user_namespaces", "15000\n");
  EXPECT_EQ(check_user_namespaces(host, "").status, Status::ok);
  const Check refused = check_user_namespaces(host, "cannot run '/bin/true': Operation not permitted");
  EXPECT_EQ(refused.status, Status::missing);
  EXPECT_EQ(refused.detail, "cannot run '/bin/true': Operation not permitted");
}

TEST_F(Checks, SubordinateIdsAreCounted) {
  programs = {"newuidmap", "newgidmap"};
  put("etc/subuid", "bob:100000:65536\n");
  EXPECT_EQ(text_of(check_subordinate_ids(host)),
            "missing: 0 uids and 0 gids for ann; building images without root takes 65536 of each -> sudo usermod "
            "--add-subuids 100000-165535 --add-subgids 100000-165535 ann");
  put("etc/subuid", "# comment\nbob:100000:65536\nann:165536:100\nann:231072:65536\nann:x:y\nann:1\n");
  put("etc/subgid", "1000:231072:65536\n");
  EXPECT_EQ(text_of(check_subordinate_ids(host)), "ok: 65536 uids and 65536 gids for ann");
  programs = {"newuidmap"};
  EXPECT_EQ(text_of(check_subordinate_ids(host)),
            "missing: 65536 uids and 65536 gids for ann, but newuidmap and newgidmap are not installed -> sudo apt-get "
            "install uidmap");
}

TEST_F(Checks, RootNeedsNoSubordinateIds) {
  host.user_id = 0;
  EXPECT_EQ(text_of(check_subordinate_ids(host)), "ok: root needs none");
}

TEST_F(Checks, OverlayfsWithoutRootTakesLinux511) {
  for (const char* release : {"5.11", "5.11.0-rc1", "6.1.0-13-amd64", "10.0"}) {
    host.kernel_release = release;
    EXPECT_EQ(check_overlayfs(host).status, Status::ok) << release;
  }
  for (const char* release : {"5.10.0-28-amd64", "4.19", "5", "", "x.y"}) {
    host.kernel_release = release;
    EXPECT_EQ(check_overlayfs(host).status, Status::missing) << release;
  }
}

TEST_F(Checks, DevicesThatAreAbsentNameTheirModule) {
  EXPECT_EQ(text_of(check_fuse(host)), "missing: " + (host.dev / "fuse").string() +
                                           " does not exist; needed to change existing images (build --use) -> sudo "
                                           "modprobe fuse");
  EXPECT_EQ(text_of(check_tun(host)), "missing: " + (host.dev / "net/tun").string() +
                                          " does not exist: machines have no network -> sudo modprobe tun");
}

TEST_F(Checks, DevicesThatOpenAreFine) {
  put("dev/fuse", "");
  put("dev/net/tun", "");
  EXPECT_EQ(check_fuse(host).status, Status::ok);
  EXPECT_EQ(text_of(check_tun(host)),
            "ok: " + (host.dev / "net/tun").string() + " opens; joining a bridge of the host takes root");
  host.is_root = true;
  EXPECT_EQ(text_of(check_tun(host)), "ok: " + (host.dev / "net/tun").string() + " opens");
}

TEST_F(Checks, DevicesThatAreClosedToTheUserSaySo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may open everything";
  put("dev/net/tun", "");
  fs::permissions(host.dev / "net/tun", fs::perms::none);
  EXPECT_EQ(text_of(check_tun(host)), "missing: " + (host.dev / "net/tun").string() +
                                          " may not be opened by this user: machines have no network -> sudo chmod "
                                          "0666 " +
                                          (host.dev / "net/tun").string());
}

TEST_F(Checks, ForwardingIsRead) {
  EXPECT_EQ(check_forwarding(host).status, Status::degraded);
  put("proc/sys/net/ipv4/ip_forward", "0\n");
  EXPECT_EQ(
      text_of(check_forwarding(host)),
      "degraded: net.ipv4.ip_forward is off: machines on a bridge of the host do not get out of it -> sudo sysctl "
      "-w net.ipv4.ip_forward=1");
  put("proc/sys/net/ipv4/ip_forward", "1\n");
  EXPECT_EQ(text_of(check_forwarding(host)), "ok: net.ipv4.ip_forward is on");
}

TEST_F(Checks, BridgeFilteringIsRead) {
  EXPECT_EQ(text_of(check_bridge_filter(host)), "ok: br_netfilter is not in the kernel");
  put("proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
  EXPECT_EQ(text_of(check_bridge_filter(host)), "ok: net.bridge.bridge-nf-call-iptables is off");
  put("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
  EXPECT_EQ(check_bridge_filter(host).status, Status::degraded);
  EXPECT_EQ(check_bridge_filter(host).remedy, "sudo sysctl -w net.bridge.bridge-nf-call-iptables=0");
}

TEST_F(Checks, TheDataDirectoryMayBeMadeLater) {
  const fs::path data = directory.path() / "work" / "data";
  EXPECT_EQ(text_of(check_data_directory(host, data)), "ok: " + data.string() + " (made when it is needed)");
  make_directories(data);
  EXPECT_EQ(text_of(check_data_directory(host, data)), "ok: " + data.string());
  EXPECT_TRUE(check_data_directory(host, data).required);
}

TEST_F(Checks, TheDataDirectoryMustBeOneThatCanBeWrittenTo) {
  put("file", "");
  EXPECT_EQ(text_of(check_data_directory(host, directory.path() / "file" / "data")),
            "missing: '" + (directory.path() / "file").string() +
                "' is not a directory -> name another with --data-dir, or run it with sudo");
}

TEST_F(Checks, ADataDirectoryThatIsClosedToTheUserSaysSo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const fs::path closed = directory.path() / "closed";
  make_directories(closed, 0555);
  EXPECT_EQ(text_of(check_data_directory(host, closed / "data")),
            "missing: '" + closed.string() +
                "' may not be written to by this user -> name another with --data-dir, or run it with sudo");
}

TEST_F(Checks, SpaceAndReflinkAreTriedAndNothingIsLeft) {
  const fs::path data = directory.path() / "data";
  EXPECT_THAT(check_disk_space(data).detail, HasSubstr(" free in '" + directory.path().string() + "'"));
  const Check reflink = check_reflink(data);
  EXPECT_NE(reflink.status, Status::missing);
  EXPECT_THAT(reflink.detail, Not(HasSubstr("cannot be tried")));
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST_F(Checks, ReflinkThatCannotBeTriedSaysWhy) {
  const Check check = check_reflink("/proc/self");
  EXPECT_EQ(check.status, Status::degraded);
  EXPECT_THAT(check.detail, StartsWith("cannot be tried in '/proc/self': "));
}

std::vector<Check> three_checks(Status required) {
  return {{.id = "driver", .title = "a driver for machines", .status = required, .detail = "D", .required = true},
          {.id = "supervisor", .title = "meros-supervisor", .status = Status::ok, .detail = "S", .required = true},
          {.id = "nft", .title = "nft", .status = Status::missing, .detail = "N", .remedy = "R"}};
}

TEST(Doctor, OnlyWhatIsRequiredKeepsMachinesFromRunning) {
  EXPECT_TRUE(can_run_machines(three_checks(Status::ok)));
  EXPECT_TRUE(can_run_machines(three_checks(Status::degraded)));
  EXPECT_FALSE(can_run_machines(three_checks(Status::missing)));
  EXPECT_EQ(summary_of(three_checks(Status::ok)), "this host can run machines: D");
  EXPECT_EQ(summary_of(three_checks(Status::missing)), "this host cannot run machines: a driver for machines: D");
}

TEST(Doctor, IsOneJsonDocument) {
  EXPECT_EQ(to_json(three_checks(Status::ok)).dump(),
            R"({"can_run_machines":true,"checks":[)"
            R"({"detail":"D","id":"driver","remedy":"","required":true,"status":"ok","title":"a driver for machines"},)"
            R"({"detail":"S","id":"supervisor","remedy":"","required":true,"status":"ok","title":"meros-supervisor"},)"
            R"({"detail":"N","id":"nft","remedy":"R","required":false,"status":"missing","title":"nft"}],)"
            R"("summary":"this host can run machines: D"})");
}

TEST(Doctor, LooksAtThisHostWithoutFailing) {
  const TemporaryDirectory directory;
  machine::Home home;
  home.data_dir = directory.path();
  const auto checks = run_checks(home);
  std::vector<std::string> ids;
  for (const Check& check : checks) {
    ids.push_back(check.id);
    EXPECT_THAT(check.title, Not(IsEmpty())) << check.id;
    EXPECT_THAT(check.detail, Not(IsEmpty())) << check.id;
    EXPECT_TRUE(check.status != Status::ok || check.remedy.empty()) << check.id;
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "an id names one check";
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

}  // namespace
}  // namespace meros::cli
