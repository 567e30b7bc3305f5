#include "constellation/build_specs.h"

#include <gmock/gmock.h>

#include "unit/constellation/manifests.h"
#include "vmm/host.h"

namespace meros::constellation {
namespace {

Manifest manifest_of(const std::string& fields) {
  return parsed("virtual_machines:\n  web: {distribution: debian, release: bookworm, " + fields + "}\n");
}

image::RootfsSpec spec_of(const std::string& fields) {
  const auto manifest = manifest_of(fields);
  return build_spec(manifest, manifest.machines.front(), "/lab", "/srv");
}

// "qemu: only QEMU can do a display"
std::string driver_for(const std::string& fields) {
  const auto driver = driver_of(manifest_of(fields).machines.front());
  return driver.name + ": " + driver.why;
}

TEST(BuildSpec, HasTheFormatThatItsDriverReads) {
  EXPECT_EQ(spec_of("driver: firecracker").format, image::ImageFormat::raw);
  EXPECT_EQ(spec_of("driver: qemu").format, image::ImageFormat::qcow2);
}

TEST(BuildSpec, IsForQemuWhereOnlyThatWillDo) {
  EXPECT_EQ(driver_for("display: true"), "qemu: only QEMU can do a display");
  EXPECT_EQ(driver_for("qemu_args: [-s]"), "qemu: only QEMU can do qemu_args");
  EXPECT_EQ(driver_for("cdrom: a.iso"), "qemu: only QEMU can do cdrom");
  EXPECT_EQ(driver_for("kernel: firmware"), "qemu: only QEMU can do firmware boot");
  EXPECT_EQ(driver_for("disks: [{label: more.qcow2, fs_type: qcow2}]"), "qemu: only QEMU can do qcow2 disks");
  const auto other = vmm::host_arch() == vmm::Arch::x86_64 ? "arch: aarch64" : "arch: x86_64";
  EXPECT_EQ(driver_for(other), "qemu: the guest is of another architecture than the host");
}

TEST(BuildSpec, FollowsTheHostWhereNothingSaysOtherwise) {
  const auto driver = driver_of(manifest_of("driver: auto").machines.front());
  EXPECT_EQ(spec_of("driver: auto").format,
            driver.name == "firecracker" ? image::ImageFormat::raw : image::ImageFormat::qcow2);
  const auto kvm = vmm::probe_kvm();
  if (!kvm.usable()) {
    EXPECT_EQ(driver.why, kvm.why);
  }
}

TEST(BuildSpec, BringsNoKernelWhereOneIsWritten) {
  EXPECT_TRUE(spec_of("driver: qemu").kernel);
  EXPECT_FALSE(spec_of("kernel: data/disks/bzImage").kernel);
}

}  // namespace
}  // namespace meros::constellation
