// The base of the tests of whole machines, on each VMM that is there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/host.h"
#include "support/isolated_test.h"
#include "support/process.h"
#include "support/programs.h"
#include "support/wait.h"

namespace meros::test {

// What runs the machines of a test.
struct Vmm {
  std::string title;   // for the test's name
  std::string driver;  // as --driver takes it
  std::string program;
};
Vmm qemu();
Vmm fake_firecracker_vmm();
// QEMU under TCG, the stand-in for Firecracker, and the real one where MEROS_TEST_FIRECRACKER names it.
std::vector<Vmm> all_vmms();
std::ostream& operator<<(std::ostream& stream, const Vmm& vmm);

class MachineTest : public IsolatedTest {
 protected:
  using IsolatedTest::IsolatedTest;
  // Skips where QEMU or the stand-in is missing.
  void SetUp() override;

  // `meros create NAME …` on that VMM with that guest, without a network; `more` comes last.
  std::vector<std::string> create_arguments(const std::string& name, const Vmm& vmm, Guest guest = Guest::halt,
                                            std::vector<std::string> more = {}) const;
  // Creates it; fails the test when that fails.
  void create(const std::string& name, const Vmm& vmm, Guest guest = Guest::halt, std::vector<std::string> more = {});
  void create_and_start(const std::string& name, const Vmm& vmm, Guest guest = Guest::halt,
                        std::vector<std::string> more = {});
  // Runs the verb; fails the test when it fails. Its stdout.
  std::string must(std::vector<std::string> arguments);

  // `meros info NAME -o json`
  Json info(const std::string& name);
  std::string state_of(const std::string& name);
  pid_t supervisor_of(const std::string& name);
  pid_t vmm_of(const std::string& name);
  // The kinds of the machine's events, in order.
  std::vector<std::string> events_of(const std::string& name);
  std::string console_log_of(const std::string& name);

  bool comes_to_say(const std::string& name, const std::string& text);
  bool comes_to_state(const std::string& name, const std::string& state);
};

// The same for each VMM.
class EachVmm : public MachineTest, public testing::WithParamInterface<Vmm> {
 protected:
  const Vmm& vmm() const { return GetParam(); }
};

}  // namespace meros::test

#define MEROS_ON_EACH_VMM(Suite)                                                    \
  INSTANTIATE_TEST_SUITE_P(On, Suite, testing::ValuesIn(::meros::test::all_vmms()), \
                           [](const auto& instance) { return instance.param.title; })
