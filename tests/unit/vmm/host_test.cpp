#include "vmm/host.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "base/file.h"

namespace meros::vmm {
namespace {

using testing::HasSubstr;

// Sets a variable of the environment and puts it back.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class KvmProbe : public testing::Test {
 protected:
  // cpu_flags of a host whose /proc/cpuinfo reads like this; the device is none, so that only the flags count.
  bool cpu_flags(const std::string& cpuinfo) {
    const auto path = directory_.path() / "cpuinfo";
    std::ofstream(path) << cpuinfo;
    return probe_kvm(path, directory_.path() / "none").cpu_flags;
  }
  TemporaryDirectory directory_;
};

TEST_F(KvmProbe, FindsVmxAndSvmAmongTheFlagsOfAnyCpu) {
  if (host_arch() != Arch::x86_64) GTEST_SKIP() << "only x86_64 has these flags";
  EXPECT_TRUE(cpu_flags("processor\t: 0\nflags\t\t: fpu vmx sse\n"));
  EXPECT_TRUE(cpu_flags("flags\t\t: fpu\nflags\t\t: fpu svm\n"));
  EXPECT_TRUE(cpu_flags("flags: svm"));
}

TEST_F(KvmProbe, TakesOnlyWholeWordsOfTheFlagsLine) {
  if (host_arch() != Arch::x86_64) GTEST_SKIP() << "only x86_64 has these flags";
  EXPECT_FALSE(cpu_flags("flags\t\t: fpu svm_lock vmx2 xsvm\n"));
  EXPECT_FALSE(cpu_flags("vmx flags\t: vnmi svm vmx\nbugs\t\t: vmx\nflags\t\t: fpu\n"));
  EXPECT_FALSE(cpu_flags("model name\t: svm vmx: flags\n"));
  EXPECT_FALSE(cpu_flags(""));
}

TEST_F(KvmProbe, SaysThatTheDeviceIsAbsent) {
  const std::string device = directory_.path() / "kvm";
  const auto status = probe_kvm("/proc/cpuinfo", device);
  EXPECT_FALSE(status.opens);
  EXPECT_FALSE(status.usable());
  EXPECT_EQ(status.why,
            device + " does not exist: the kernel has no KVM, or virtualization is switched off in the firmware");
}

TEST_F(KvmProbe, DoesNotTakeAnyDeviceThatOpensForKvm) {
  const auto status = probe_kvm("/proc/cpuinfo", "/dev/null");
  EXPECT_FALSE(status.opens);
  EXPECT_EQ(status.why, "/dev/null does not speak KVM's API of version 12");
}

TEST_F(KvmProbe, ADeviceThatOpensIsNoProofWithoutTheCpuFlags) {
  if (host_arch() != Arch::x86_64) GTEST_SKIP() << "only x86_64 has these flags";
  const auto cpuinfo = directory_.path() / "cpuinfo";
  std::ofstream(cpuinfo) << "flags\t\t: fpu\n";
  const auto status = probe_kvm(cpuinfo);
  if (!status.opens) GTEST_SKIP() << status.why;
  EXPECT_FALSE(status.usable());
  EXPECT_THAT(status.why, HasSubstr("/dev/kvm opens, but the CPU has neither vmx nor svm"));
}

const KvmStatus usable{true, true, ""};
const KvmStatus software{true, false, ""};

Arch foreign_arch() { return host_arch() == Arch::x86_64 ? Arch::aarch64 : Arch::x86_64; }

TEST(Accel, AutomaticTakesKvmWhereItIsUsableAndTheGuestIsOfThisArchitecture) {
  const Environment unset("MEROS_ACCEL", nullptr);
  EXPECT_EQ(resolve_accel(AccelChoice::automatic, host_arch(), usable), Accel::kvm);
  EXPECT_EQ(resolve_accel(AccelChoice::automatic, foreign_arch(), usable), Accel::tcg);
  EXPECT_EQ(resolve_accel(AccelChoice::automatic, host_arch(), software), Accel::tcg);
}

TEST(Accel, AnExplicitChoiceIsObeyedWhateverTheHostAndTheEnvironmentSay) {
  const Environment set("MEROS_ACCEL", "tcg");
  EXPECT_EQ(resolve_accel(AccelChoice::kvm, foreign_arch(), software), Accel::kvm);
  EXPECT_EQ(resolve_accel(AccelChoice::tcg, host_arch(), usable), Accel::tcg);
}

TEST(Accel, TheEnvironmentDecidesWhereNothingElseDoes) {
  {
    const Environment kvm("MEROS_ACCEL", "kvm");
    EXPECT_EQ(resolve_accel(AccelChoice::automatic, host_arch(), software), Accel::kvm);
  }
  {
    const Environment tcg("MEROS_ACCEL", "tcg");
    EXPECT_EQ(resolve_accel(AccelChoice::automatic, host_arch(), usable), Accel::tcg);
  }
  for (const char* undecided : {"", "auto"}) {
    const Environment as_unset("MEROS_ACCEL", undecided);
    EXPECT_EQ(resolve_accel(AccelChoice::automatic, host_arch(), usable), Accel::kvm);
  }
}

TEST(Accel, AWrongNameInTheEnvironmentIsRefused) {
  const Environment wrong("MEROS_ACCEL", "hvf");
  try {
    resolve_accel(AccelChoice::automatic, host_arch(), usable);
    FAIL() << "it was taken";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "MEROS_ACCEL: there is no accel 'hvf'");
    EXPECT_EQ(e.hint(), "auto, kvm or tcg");
  }
}

TEST(Accel, NamesAreExact) {
  EXPECT_EQ(parse_accel("auto"), AccelChoice::automatic);
  EXPECT_EQ(parse_accel("kvm"), AccelChoice::kvm);
  EXPECT_EQ(parse_accel("tcg"), AccelChoice::tcg);
  EXPECT_THROW(parse_accel("KVM"), InvalidError);
  EXPECT_THROW(parse_accel(""), InvalidError);
}

}  // namespace
}  // namespace meros::vmm
