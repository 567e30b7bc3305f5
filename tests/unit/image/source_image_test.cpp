#include "image/source_image.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using testing::HasSubstr;

void put_big_endian(std::string& bytes, std::size_t at, std::size_t size, std::uint64_t value) {
  for (std::size_t i = 0; i < size; ++i) bytes.at(at + size - 1 - i) = static_cast<char>(value >> (8 * i) & 0xff);
}

// A header of version 3 for a disk of 1 MiB.
std::string header() {
  std::string head(4096, '\0');
  head.replace(0, 4, "QFI\xfb");
  put_big_endian(head, 4, 4, 3);
  put_big_endian(head, 24, 8, 1 << 20);
  put_big_endian(head, 100, 4, 104);
  return head;
}

void add_backing(std::string& head, const std::string& name, const std::string& format = "") {
  if (!format.empty()) {
    put_big_endian(head, 104, 4, 0xe2792aca);
    put_big_endian(head, 108, 4, format.size());
    head.replace(112, format.size(), format);
  }
  put_big_endian(head, 8, 8, 1024);
  put_big_endian(head, 16, 4, name.size());
  head.replace(1024, name.size(), name);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.message();
  }
  return "nothing was thrown";
}

class Images : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content) const {
    const fs::path path = directory_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path;
  }
  std::string refusal_of(const fs::path& image) const {
    std::string message = message_of([&] { open_source_image(image); });
    const std::string prefix = "cannot use the image '" + image.string() + "': ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
  const fs::path& directory() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

TEST(Qcow2Header, IsReadWithItsBackingFile) {
  std::string head = header();
  EXPECT_EQ(read_qcow2_header(head)->virtual_bytes, 1U << 20);
  EXPECT_EQ(read_qcow2_header(head)->backing, "");
  add_backing(head, "base.img", "raw");
  EXPECT_EQ(read_qcow2_header(head)->backing, "base.img");
  EXPECT_EQ(read_qcow2_header(head)->backing_format, vmm::DiskFormat::raw);
  EXPECT_FALSE(read_qcow2_header("something else"));
}

TEST(Qcow2Header, IsRefusedWhereItMakesNoSense) {
  const auto with = [](std::size_t at, std::size_t size, std::uint64_t value) {
    std::string head = header();
    put_big_endian(head, at, size, value);
    return message_of([&] { read_qcow2_header(head); });
  };
  EXPECT_EQ(with(4, 4, 1), "it is a qcow2 image of version 1");
  EXPECT_EQ(with(32, 4, 2), "it is encrypted (qcow2)");
  EXPECT_EQ(with(72, 8, 4), "it keeps its data in another file");
  EXPECT_EQ(with(72, 8, 2), "it is damaged: QEMU marked it as corrupt");
  EXPECT_EQ(with(24, 8, 0), "it is damaged: its disk has a size that makes no sense");
  EXPECT_EQ(with(100, 4, 0xffffffff), "it is damaged: its header has a size that makes no sense");
  EXPECT_EQ(message_of([] { read_qcow2_header(header().substr(0, 80)); }), "it is a qcow2 image that was cut short");
  std::string head = header();
  add_backing(head, "x");
  put_big_endian(head, 8, 8, 0xffffffffffffff00);
  EXPECT_EQ(message_of([&] { read_qcow2_header(head); }),
            "the name of its backing file is not where the header says: it is damaged");
  head = header();
  add_backing(head, "x", "vmdk");
  EXPECT_EQ(message_of([&] { read_qcow2_header(head); }),
            "it stands on a backing file of another format than raw and qcow2");
}

TEST(Qcow2Header, HasExtensionsThatDoNotReachOutOfIt) {
  std::string head = header();
  add_backing(head, "x");
  put_big_endian(head, 104, 4, 0xe2792aca);
  put_big_endian(head, 108, 4, 0xffffffff);
  EXPECT_FALSE(read_qcow2_header(head)->backing_format);
}

TEST(ForeignFormat, IsKnownByItsContent) {
  EXPECT_EQ(foreign_format("KDMV"), "a VMDK image");
  EXPECT_EQ(foreign_format("vhdxfile"), "a VHDX image");
  EXPECT_EQ(foreign_format("\x1f\x8b\x08"), "compressed (gzip)");
  std::string cd(0x8800, '\0');
  cd.replace(0x8001, 5, "CD001");
  EXPECT_EQ(foreign_format(cd), "a CD (ISO 9660), not an installed system");
  EXPECT_FALSE(foreign_format(std::string(512, '\0')));
}

TEST_F(Images, AreKnownByTheirContentAndNotByTheirName) {
  EXPECT_EQ(open_source_image(write("a.raw", header())).layers[0].format, vmm::DiskFormat::qcow2);
  EXPECT_EQ(open_source_image(write("b.qcow2", std::string(4096, 'x'))).layers[0].format, vmm::DiskFormat::raw);
  EXPECT_EQ(refusal_of(write("c.qcow2", "KDMV")), "it is a VMDK image");
  EXPECT_EQ(refusal_of(write("empty", "")), "'" + (directory() / "empty").string() + "' is empty");
  EXPECT_EQ(refusal_of(directory() / "absent"), "the image '" + (directory() / "absent").string() + "' does not exist");
}

TEST_F(Images, StandOnFilesBesideThem) {
  write("base.img", std::string(8192, 'x'));
  std::string middle = header();
  add_backing(middle, (directory() / "base.img").string(), "raw");
  write("below/middle.qcow2", middle);
  std::string top = header();
  add_backing(top, "below/middle.qcow2");
  const SourceImage image = open_source_image(write("top.qcow2", top));
  ASSERT_EQ(image.layers.size(), 3U);
  EXPECT_EQ(image.virtual_bytes, 1U << 20);
  EXPECT_EQ(block_graph(image, {10, 11, 12}),
            R"(json:{"backing":{"backing":{"driver":"raw","file":{"driver":"file","filename":"/proc/self/fd/12"}},)"
            R"("driver":"qcow2","file":{"driver":"file","filename":"/proc/self/fd/11"}},)"
            R"("driver":"qcow2","file":{"driver":"file","filename":"/proc/self/fd/10"}})");
}

TEST_F(Images, LeadNowhereElse) {
  const auto standing_on = [&](const std::string& name, const std::string& format = "") {
    std::string head = header();
    add_backing(head, name, format);
    return refusal_of(write("image.qcow2", head));
  };
  const auto refused = [](const std::string& name, const std::string& why) {
    return "'image.qcow2' stands on '" + name + "': " + why;
  };
  const std::string elsewhere = "an image's header is trusted only with files in the image's own directory";
  EXPECT_EQ(standing_on("/etc/passwd", "raw"), refused("/etc/passwd", elsewhere));
  EXPECT_EQ(standing_on("../../../../../../etc/passwd", "raw"), refused("../../../../../../etc/passwd", elsewhere));
  EXPECT_EQ(standing_on("nbd://host/x"), refused("nbd://host/x", "that is not the name of a file"));
  EXPECT_EQ(standing_on("json:{}"), refused("json:{}", "that is not the name of a file"));
  EXPECT_EQ(standing_on("gone.img"), refused("gone.img", "there is no such file"));
  fs::create_symlink("/etc/passwd", directory() / "link");
  EXPECT_EQ(standing_on("link", "raw"), refused("link", elsewhere));
  EXPECT_EQ(standing_on("image.qcow2"), "its backing files are too many, or form a loop");
  write("text", "no image");
  EXPECT_EQ(standing_on("text", "qcow2"),
            "its backing file '" + (directory() / "text").string() + "' is no qcow2 image");
}

TEST_F(Images, OfRawFormatAreNeverTakenForQcow2) {
  // A guest that owns a raw disk can write any header into it.
  std::string hostile = header();
  add_backing(hostile, "/etc/passwd", "raw");
  write("disk.img", hostile);
  std::string top = header();
  add_backing(top, "disk.img", "raw");
  const SourceImage image = open_source_image(write("top.qcow2", top));
  ASSERT_EQ(image.layers.size(), 2U);
  EXPECT_EQ(image.layers[1].format, vmm::DiskFormat::raw);
}

TEST_F(Images, ChangeTheirStampWithAnyLayer) {
  write("base.img", std::string(8192, 'x'));
  std::string top = header();
  add_backing(top, "base.img", "raw");
  const fs::path path = write("top.qcow2", top);
  const std::string before = open_source_image(path).stamp();
  EXPECT_EQ(open_source_image(path).stamp(), before);
  write("base.img", std::string(4096, 'y'));
  EXPECT_NE(open_source_image(path).stamp(), before);
}

}  // namespace
}  // namespace meros::image
