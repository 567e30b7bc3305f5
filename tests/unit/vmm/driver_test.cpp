#include "vmm/driver.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"

namespace meros::vmm {
namespace {

TEST(Driver, IsFoundByItsName) {
  for (const char* name : {"firecracker", "qemu"}) EXPECT_EQ(driver_named(name).name(), name);
}

TEST(Driver, AnUnknownNameIsRefusedWithThoseThatThereAre) {
  try {
    driver_named("xen");
    FAIL() << "xen was found";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "there is no driver 'xen'");
    EXPECT_EQ(e.hint(), "firecracker or qemu");
  }
}

TEST(Driver, NoTwoShareAFileInTheVolume) {
  std::set<std::string_view> files;
  for (const Driver* driver : all_drivers())
    for (const auto file : {driver->pid_file(), driver->socket_file(), driver->log_file()})
      EXPECT_TRUE(files.insert(file).second) << file;
}

TEST(Driver, WaysToStopHaveTheNamesThatPeopleRead) {
  EXPECT_EQ(to_string(StopRequest::none), "none");
  EXPECT_EQ(to_string(StopRequest::ctrl_alt_del), "ctrl-alt-del");
  EXPECT_EQ(to_string(StopRequest::acpi_powerdown), "acpi-powerdown");
}

}  // namespace
}  // namespace meros::vmm
