#include "integration/machine_test.h"

#include <ostream>

#include "base/file.h"

namespace meros::test {
namespace {

Vmm real_firecracker_vmm() { return {"RealFirecracker", "firecracker", real_firecracker()->string()}; }

}  // namespace

Vmm qemu() { return {"Qemu", "qemu", "qemu-system-x86_64"}; }
Vmm fake_firecracker_vmm() { return {"Firecracker", "firecracker", fake_firecracker().string()}; }

std::vector<Vmm> all_vmms() {
  std::vector<Vmm> all = {qemu(), fake_firecracker_vmm()};
  if (real_firecracker()) all.push_back(real_firecracker_vmm());
  return all;
}

std::ostream& operator<<(std::ostream& stream, const Vmm& vmm) { return stream << vmm.title; }

void MachineTest::SetUp() { MEROS_REQUIRE(Need::qemu, Need::fake_firecracker); }

std::vector<std::string> MachineTest::create_arguments(const std::string& name, const Vmm& vmm, Guest guest,
                                                       std::vector<std::string> more) const {
  std::vector<std::string> arguments = {
      "create",    name,       "--no-network", "--driver", vmm.driver,      "--" + vmm.driver + "-bin",
      vmm.program, "--memory", "64",           "--kernel", kernel_of(guest)};
  // Whatever this host's KVM is worth: the guests of the tests run on any.
  arguments.insert(arguments.end(), {"--accel", vmm.driver == "qemu" ? "tcg" : "kvm"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

void MachineTest::create(const std::string& name, const Vmm& vmm, Guest guest, std::vector<std::string> more) {
  ASSERT_TRUE(succeeds(home().meros(create_arguments(name, vmm, guest, std::move(more)))));
}

void MachineTest::create_and_start(const std::string& name, const Vmm& vmm, Guest guest,
                                   std::vector<std::string> more) {
  ASSERT_NO_FATAL_FAILURE(create(name, vmm, guest, std::move(more)));
  ASSERT_TRUE(succeeds(home().meros({"start", name})));
}

std::string MachineTest::must(std::vector<std::string> arguments) {
  const Result result = home().meros(std::move(arguments));
  EXPECT_TRUE(succeeds(result));
  return result.out;
}

Json MachineTest::info(const std::string& name) { return parse_json(must({"info", name, "-o", "json"}), "info"); }
std::string MachineTest::state_of(const std::string& name) { return get<std::string>(info(name), "state"); }
pid_t MachineTest::supervisor_of(const std::string& name) { return get<pid_t>(info(name), "supervisor_pid"); }
pid_t MachineTest::vmm_of(const std::string& name) { return get<pid_t>(info(name), "vmm_pid"); }

std::vector<std::string> MachineTest::events_of(const std::string& name) {
  std::vector<std::string> kinds;
  for (const auto& event : parse_json(must({"events", name, "-o", "json"}), "events"))
    kinds.push_back(get<std::string>(event, "event"));
  return kinds;
}

std::string MachineTest::console_log_of(const std::string& name) {
  return read_file_if_exists(home().volume(name) / "console.log").value_or("");
}

bool MachineTest::comes_to_say(const std::string& name, const std::string& text) {
  return eventually([&] { return console_log_of(name).find(text) != std::string::npos; });
}

bool MachineTest::comes_to_state(const std::string& name, const std::string& state) {
  return eventually([&] { return state_of(name) == state; });
}

}  // namespace meros::test
