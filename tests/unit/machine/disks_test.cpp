#include "machine/disks.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"

namespace meros::machine {
namespace {

namespace fs = std::filesystem;

class Disks : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory.path() / name, std::ios::binary) << bytes;
    return directory.path() / name;
  }
  fs::path sparse(const std::string& name, std::uintmax_t size) const {
    const fs::path path = write(name, "x");
    fs::resize_file(path, size);
    return path;
  }
  fs::path qcow2(const std::string& name, const std::vector<std::string>& more) const {
    Command command;
    command.argv = {"qemu-img", "create", "-q", "-f", "qcow2"};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    command.argv.push_back((directory.path() / name).string());
    command.argv.emplace_back("64M");
    EXPECT_TRUE(run(command).status.success());
    return directory.path() / name;
  }
  std::string refusal(const fs::path& image) const {
    try {
      inspect_image(image);
    } catch (const Error& e) {
      return e.message().substr(("cannot use image '" + image.string() + "': ").size());
    }
    return "accepted";
  }
  TemporaryDirectory directory;
};

TEST_F(Disks, ReadWhatAnImageIs) {
  const ImageInfo raw = inspect_image(sparse("a.ext4", 1 << 20));
  EXPECT_EQ(raw.format, vmm::DiskFormat::raw);
  EXPECT_EQ(raw.virtual_bytes, 1U << 20);
  const ImageInfo image = inspect_image(qcow2("a.qcow2", {}));
  EXPECT_EQ(image.format, vmm::DiskFormat::qcow2);
  EXPECT_EQ(image.virtual_bytes, 64U << 20);
}

TEST_F(Disks, RefuseAnImageThatNamesOtherFiles) {
  const fs::path base = sparse("base", 1 << 20);
  EXPECT_EQ(refusal(qcow2("b.qcow2", {"-b", base.string(), "-F", "raw"})), "it names a backing file");
  EXPECT_EQ(refusal(qcow2("e.qcow2", {"-o", "data_file=" + (directory.path() / "ext.raw").string()})),
            "it names an external data file");
}

TEST_F(Disks, RefuseDamagedImages) {
  EXPECT_EQ(refusal(write("short", "QFI\xfb")), "it is a qcow2 image that was cut short");
  EXPECT_EQ(refusal(write("new", std::string("QFI\xfb\0\0\0\x09", 8) + std::string(100, '\0'))),
            "it is a qcow2 image of version 9");
  EXPECT_EQ(refusal(write("empty", "")), "it is empty");
  EXPECT_EQ(refusal(directory.path()), "it is not a regular file");
}

TEST_F(Disks, SayWhichImageIsMissing) {
  try {
    inspect_image("/nowhere/x.ext4");
    FAIL();
  } catch (const NotFoundError& e) {
    EXPECT_EQ(e.message(), "image '/nowhere/x.ext4' does not exist");
  }
}

TEST_F(Disks, KeepTheHolesOfATemplate) {
  const fs::path image = sparse("template.ext4", std::uintmax_t{1} << 30);
  const DiskConfig disk = make_root_disk(directory.path(), image, {});
  EXPECT_EQ(disk.path, "rootfs.ext4");
  struct stat info {};
  ASSERT_EQ(::stat((directory.path() / disk.path).c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 1 << 30);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
}

TEST_F(Disks, StandOnTheirTemplateAsAnOverlay) {
  const fs::path image = sparse("template.ext4", 64 << 20);
  const DiskConfig disk = make_root_disk(directory.path(), image, {.overlay = true});
  EXPECT_EQ(disk.format, vmm::DiskFormat::qcow2);
  EXPECT_EQ(disk.backing_path, fs::canonical(image).string());
  EXPECT_LT(fs::file_size(directory.path() / disk.path), 1U << 20);
  EXPECT_NO_THROW(check_backing(directory.path(), disk));
}

TEST_F(Disks, NoticeATemplateThatWasChanged) {
  const fs::path image = sparse("template.ext4", 64 << 20);
  const DiskConfig disk = make_root_disk(directory.path(), image, {.overlay = true});
  fs::resize_file(image, 65 << 20);
  EXPECT_THROW(check_backing(directory.path(), disk), InvalidError);
  fs::remove(image);
  EXPECT_THROW(check_backing(directory.path(), disk), NotFoundError);
}

TEST_F(Disks, RefuseQcow2ForADriverThatReadsRawOnly) {
  EXPECT_THROW(make_root_disk(directory.path(), qcow2("a.qcow2", {}), {}), InvalidError);
  EXPECT_FALSE(fs::exists(directory.path() / "rootfs.ext4"));
}

TEST_F(Disks, KnowAKernelWithDevicesOnItsCommandLine) {
  const std::string elf = std::string("\x7f") + "ELF" + std::string(1000, '\0');
  EXPECT_TRUE(kernel_has_virtio_mmio_cmdline(write("with", elf + "virtio-mmio-cmdline")));
  EXPECT_FALSE(kernel_has_virtio_mmio_cmdline(write("without", elf)));
  EXPECT_FALSE(kernel_has_virtio_mmio_cmdline(write("bzImage", "MZ virtio-mmio-cmdline")));
  write("bzImage.json", R"({"capabilities": {"virtio_mmio_cmdline": true}})");
  EXPECT_TRUE(kernel_has_virtio_mmio_cmdline(directory.path() / "bzImage"));
}

}  // namespace
}  // namespace meros::machine
