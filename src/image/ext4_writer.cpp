#include "image/ext4_writer.h"

#include <dirent.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "image/memory_file.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::uint64_t block_bytes = 4096;
constexpr std::uint64_t inode_bytes = 256;
constexpr std::uint64_t journal_mib = 16;
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
// ext4_dir_entry_2 of the kernel's fs/ext4/ext4.h: eight bytes and the name, rounded up to four, within one block.
constexpr std::uint64_t entry_head_bytes = 8 + 3;
constexpr std::uint64_t longest_entry = 8 + 256 + 12;  // and the block's checksum

// One entry of the tree; its path is relative to the root.
struct Entry {
  std::string path;  // "" the root, "/etc/passwd"
  struct stat info {};
};

struct Tree {
  std::vector<Entry> entries;  // parents before children, names in order
  std::uint64_t blocks = 0;    // of data
};

std::vector<std::string> names_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
  if (!stream) throw_errno(fmt::format("cannot read '{}'", path));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

class Scan {
 public:
  explicit Scan(const Ext4Request& request) : request_(request) {}

  Tree run() {
    add("");
    return std::move(tree_);
  }

 private:
  void add(const std::string& path) {
    Entry entry{path, {}};
    const std::string place = request_.tree.string() + path;
    if (::lstat(place.c_str(), &entry.info) != 0) throw_errno(fmt::format("cannot look at '{}'", place));
    tree_.entries.push_back(entry);
    if (S_ISDIR(entry.info.st_mode)) return add_content(path, place);
    tree_.blocks += (static_cast<std::uint64_t>(entry.info.st_size) + block_bytes - 1) / block_bytes;
  }

  // The host's own size of a directory tells of all that was ever in it.
  void add_content(const std::string& path, const std::string& place) {
    std::uint64_t bytes = 0;
    for (const auto& name : names_in(place)) {
      const std::string child = path + "/" + name;
      if (!request_.wanted(child)) continue;
      add(child);
      bytes += entry_head_bytes + name.size();
    }
    tree_.blocks += 1 + bytes / (block_bytes - longest_entry);
  }

  const Ext4Request& request_;
  Tree tree_;
};

// In MiB: data, metadata and what is to be free, as far as it can be told before.
std::uint64_t size_of(const Tree& tree, std::uint64_t free_bytes, std::uint64_t inodes) {
  const std::uint64_t data = tree.blocks * block_bytes + inodes * inode_bytes + journal_mib * mebibyte + free_bytes;
  // Extents beyond an inode's own, group descriptors with those for later growth, bitmaps.
  return (data + data / 32) / mebibyte + 8;
}

std::uint64_t inodes_for(const Tree& tree, std::uint64_t free_bytes) {
  return tree.entries.size() + free_bytes / 16384 + 1024;
}

void make_empty(const Ext4Request& request, std::uint64_t mebibytes, std::uint64_t inodes, std::int64_t time) {
  const std::string uuid = uuid_of(request.seed);
  const std::string hash_seed = uuid_of(request.seed.substr(32));
  Command command;
  // The features by name: the host's mke2fs.conf shall not matter.
  command.argv = {
      "mke2fs",
      "-q",
      "-F",
      "-t",
      "ext4",
      "-b",
      std::to_string(block_bytes),
      "-I",
      std::to_string(inode_bytes),
      "-N",
      std::to_string(inodes),
      "-m",
      "0",
      "-U",
      uuid,
      "-J",
      fmt::format("size={}", journal_mib),
      "-E",
      fmt::format("hash_seed={},lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", hash_seed),
      "-O",
      "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
      "large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
      request.image.string(),
      fmt::format("{}M", mebibytes)};
  const Fd configuration = memory_file("[fs_types]\next4 = {\n}\n");
  constexpr int configuration_fd = 3;
  command.pass(configuration.get(), configuration_fd);
  command.environment = {fmt::format("MKE2FS_CONFIG=/proc/self/fd/{}", configuration_fd),
                         fmt::format("E2FSPROGS_FAKE_TIME={}", time)};
  command.pass(1, 1);
  command.pass(2, 2);
  const ExitStatus status = spawn(command).wait();
  if (!status.success()) throw Error(fmt::format("mke2fs ended with {}", status.describe()));
}

// An open ext4 file system of libext2fs.
class Ext4 {
 public:
  Ext4(const std::string& image, std::int64_t time) : time_(static_cast<std::uint32_t>(time)) {
    check(::ext2fs_open2(image.c_str(), nullptr, EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_EXCLUSIVE, 0, 0,
                         unix_io_manager, &fs_),
          "open the new file system");
    fs_->now = time;
    check(::ext2fs_read_bitmaps(fs_), "read its bitmaps");
  }
  Ext4(const Ext4&) = delete;
  Ext4& operator=(const Ext4&) = delete;
  ~Ext4() {
    if (fs_ != nullptr) ::ext2fs_free(fs_);  // without writing: it failed
  }

  void close() {
    fs_->super->s_wtime = time_;
    fs_->super->s_wtime_hi = 0;
    ::ext2fs_mark_super_dirty(fs_);
    check(::ext2fs_close_free(&fs_), "write the file system");
  }

  ext2_ino_t make_directory(ext2_ino_t parent, const std::string& name) {
    ext2_ino_t inode = new_inode(parent, LINUX_S_IFDIR | 0755);
    with_room(parent, [&] { return ::ext2fs_mkdir(fs_, parent, inode, name.c_str()); });
    return inode;
  }

  ext2_ino_t make_link(ext2_ino_t parent, const std::string& name, const std::string& target) {
    ext2_ino_t inode = new_inode(parent, LINUX_S_IFLNK | 0777);
    with_room(parent, [&] { return ::ext2fs_symlink(fs_, parent, inode, name.c_str(), target.c_str()); });
    return inode;
  }

  // A device, FIFO or socket; an empty regular file.
  ext2_ino_t make_node(ext2_ino_t parent, const std::string& name, const struct stat& info) {
    const ext2_ino_t number = new_inode(parent, static_cast<int>(info.st_mode));
    link(parent, name, number, file_type(info.st_mode));
    ::ext2fs_inode_alloc_stats2(fs_, number, +1, 0);
    ext2_inode inode{};
    inode.i_mode = static_cast<std::uint16_t>(info.st_mode);
    inode.i_links_count = 1;
    inode.i_atime = inode.i_ctime = inode.i_mtime = time_;
    if (S_ISREG(info.st_mode)) {
      inode.i_flags |= EXT4_EXTENTS_FL;
      ext2_extent_handle_t handle = nullptr;
      check(::ext2fs_extent_open2(fs_, number, &inode, &handle), "begin a file");
      ::ext2fs_extent_free(handle);
    } else if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
      // As the kernel has them, old_encode_dev and new_encode_dev of include/linux/kdev_t.h.
      const unsigned major = major_of(info.st_rdev);
      const unsigned minor = minor_of(info.st_rdev);
      if (major < 256 && minor < 256)
        inode.i_block[0] = major * 256 + minor;
      else
        inode.i_block[1] = (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
    }
    check(::ext2fs_write_new_inode(fs_, number, &inode), "write an inode");
    return number;
  }

  void link_again(ext2_ino_t parent, const std::string& name, ext2_ino_t number) {
    ext2_inode inode{};
    check(::ext2fs_read_inode(fs_, number, &inode), "read an inode");
    link(parent, name, number, file_type(inode.i_mode));
    ++inode.i_links_count;
    check(::ext2fs_write_inode(fs_, number, &inode), "write an inode");
  }

  // Blocks of nothing but zeros become holes, wherever the host's file has them.
  void fill(ext2_ino_t number, const Fd& source, std::uint64_t size) {
    if (size == 0) return;
    ext2_file_t file = nullptr;
    check(::ext2fs_file_open(fs_, number, EXT2_FILE_WRITE, &file), "open a file in it");
    const std::unique_ptr<ext2_file, errcode_t (*)(ext2_file_t)> closer(file, ::ext2fs_file_close);
    for (std::uint64_t at = 0; at < size;) at += fill_part(file, source, at);
    check(::ext2fs_file_set_size2(file, static_cast<ext2_off64_t>(size)), "set a file's size");
    check(::ext2fs_file_flush(file), "write a file");
  }

  void set_attributes(ext2_ino_t number, const Entry& entry, std::int64_t newest) {
    std::vector<std::uint8_t> raw(inode_bytes);
    auto* inode = reinterpret_cast<ext2_inode_large*>(raw.data());
    auto* small = reinterpret_cast<ext2_inode*>(raw.data());
    check(::ext2fs_read_inode_full(fs_, number, small, static_cast<int>(raw.size())), "read an inode");
    inode->i_mode = static_cast<std::uint16_t>(entry.info.st_mode);
    inode->i_uid = static_cast<std::uint16_t>(entry.info.st_uid);
    inode->i_gid = static_cast<std::uint16_t>(entry.info.st_gid);
    ext2fs_set_i_uid_high(*inode, static_cast<std::uint16_t>(entry.info.st_uid >> 16));
    ext2fs_set_i_gid_high(*inode, static_cast<std::uint16_t>(entry.info.st_gid >> 16));
    // A directory's tells when something was last made or removed in it, be it only while the system was built.
    const std::int64_t own = S_ISDIR(entry.info.st_mode) ? newest : entry.info.st_mtim.tv_sec;
    const auto time = std::clamp<std::int64_t>(std::min(own, newest), 0, std::int64_t{0x7fffffff});
    inode->i_mtime = static_cast<std::uint32_t>(time);
    inode->i_atime = inode->i_ctime = inode->i_crtime = time_;
    inode->i_mtime_extra = inode->i_atime_extra = inode->i_ctime_extra = inode->i_crtime_extra = 0;
    inode->i_extra_isize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    check(::ext2fs_write_inode_full(fs_, number, small, static_cast<int>(raw.size())), "write an inode");
  }

  void set_xattrs(ext2_ino_t number, const std::map<std::string, std::string>& attributes) {
    if (attributes.empty()) return;
    ext2_xattr_handle* handle = nullptr;
    check(::ext2fs_xattrs_open(fs_, number, &handle), "open extended attributes");
    const std::unique_ptr<ext2_xattr_handle, void (*)(ext2_xattr_handle*)> closer(
        handle, [](ext2_xattr_handle* h) { ::ext2fs_xattrs_close(&h); });
    for (const auto& [name, value] : attributes)
      check(::ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size()), "write extended attributes");
  }

 private:
  static unsigned major_of(dev_t device) { return gnu_dev_major(device); }
  static unsigned minor_of(dev_t device) { return gnu_dev_minor(device); }

  static void check(errcode_t code, std::string_view what) {
    if (code == 0) return;
    if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL)
      throw Error(fmt::format("cannot {}: it is full", what), "a larger build_free_mb makes more room");
    throw Error(fmt::format("cannot {}: {}", what, ::error_message(code)));
  }

  static int file_type(mode_t mode) {
    if (S_ISREG(mode)) return EXT2_FT_REG_FILE;
    if (S_ISCHR(mode)) return EXT2_FT_CHRDEV;
    if (S_ISBLK(mode)) return EXT2_FT_BLKDEV;
    if (S_ISFIFO(mode)) return EXT2_FT_FIFO;
    if (S_ISSOCK(mode)) return EXT2_FT_SOCK;
    return EXT2_FT_UNKNOWN;
  }

  ext2_ino_t new_inode(ext2_ino_t parent, int mode) {
    ext2_ino_t inode = 0;
    check(::ext2fs_new_inode(fs_, parent, mode, nullptr, &inode), "make an inode");
    return inode;
  }

  // A directory that is full gets another block.
  template <typename Step>
  void with_room(ext2_ino_t directory, Step step) {
    errcode_t code = step();
    while (code == EXT2_ET_DIR_NO_SPACE) {
      check(::ext2fs_expand_dir(fs_, directory), "make a directory larger");
      code = step();
    }
    check(code, "make a directory's entry");
  }

  void link(ext2_ino_t parent, const std::string& name, ext2_ino_t inode, int type) {
    with_room(parent, [&] { return ::ext2fs_link(fs_, parent, name.c_str(), inode, type); });
  }

  // Returns how far it came.
  std::uint64_t fill_part(ext2_file_t file, const Fd& source, std::uint64_t at) {
    const ssize_t n = ::pread(source.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(at));
    if (n < 0) throw_errno("cannot read it");
    if (n == 0) throw Error("it became shorter while it was read");
    const auto size = static_cast<std::size_t>(n);
    for (std::size_t begin = 0; begin < size;) {
      const bool zero = is_zero(begin, size);
      std::size_t end = begin;
      while (end < size && is_zero(end, size) == zero) end = std::min(size, end + block_bytes);
      if (!zero) write_at(file, at + begin, begin, end - begin);
      begin = end;
    }
    return size;
  }

  bool is_zero(std::size_t begin, std::size_t size) const {
    const auto* block = buffer_.data() + begin;
    return std::all_of(block, block + std::min<std::size_t>(block_bytes, size - begin), [](char c) { return c == 0; });
  }

  void write_at(ext2_file_t file, std::uint64_t at, std::size_t begin, std::size_t size) {
    check(::ext2fs_file_llseek(file, at, EXT2_SEEK_SET, nullptr), "seek in a file");
    unsigned written = 0;
    check(::ext2fs_file_write(file, buffer_.data() + begin, static_cast<unsigned>(size), &written), "write a file");
    if (written != size) throw Error("cannot write a file: it is full", "a larger build_free_mb makes more room");
  }

  ext2_filsys fs_ = nullptr;
  std::uint32_t time_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 20);
};

bool is_copied(std::string_view attribute) {
  return attribute == "security.capability" || attribute == "system.posix_acl_access" ||
         attribute == "system.posix_acl_default" ||
         (attribute.starts_with("user.") && !attribute.starts_with("user.overlay."));
}

std::map<std::string, std::string> xattrs_of(const std::string& path) {
  std::vector<char> names(std::size_t{64} << 10);
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0 && (errno == ENOTSUP || errno == EPERM)) return {};
  if (size < 0) throw_errno("cannot read its extended attributes");
  std::map<std::string, std::string> attributes;
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!is_copied(name)) continue;
    std::string value(std::size_t{64} << 10, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0) throw_errno("cannot read its extended attributes");
    attributes.emplace(name, value.substr(0, static_cast<std::size_t>(length)));
  }
  return attributes;
}

// The tree's entries into the file system.
class Filling {
 public:
  Filling(const Ext4Request& request, const Tree& tree, Ext4& target, std::int64_t time)
      : request_(request), tree_(tree), target_(target), time_(time) {}

  void run() {
    directories_[""] = EXT2_ROOT_INO;
    for (const auto& entry : tree_.entries) {
      try {
        add(entry);
      } catch (Error& e) {
        e.add_context(fmt::format("'{}'", entry.path.empty() ? "/" : entry.path));
        throw;
      }
    }
    // Last, for every new entry would set the time anew.
    for (const auto& [entry, number] : made_directories_) target_.set_attributes(number, *entry, time_);
  }

 private:
  void add(const Entry& entry) {
    const std::string place = request_.tree.string() + entry.path;
    if (entry.path.empty()) return finish_directory(entry, EXT2_ROOT_INO, place);
    const auto slash = entry.path.rfind('/');
    const ext2_ino_t parent = directories_.at(entry.path.substr(0, slash));
    const std::string name = entry.path.substr(slash + 1);
    if (S_ISDIR(entry.info.st_mode)) return finish_directory(entry, target_.make_directory(parent, name), place);
    if (const auto known = hard_links_.find({entry.info.st_dev, entry.info.st_ino}); known != hard_links_.end())
      return target_.link_again(parent, name, known->second);
    const ext2_ino_t number = make_file(entry, parent, name, place);
    if (entry.info.st_nlink > 1) hard_links_[{entry.info.st_dev, entry.info.st_ino}] = number;
    target_.set_attributes(number, entry, time_);
    if (!S_ISLNK(entry.info.st_mode)) target_.set_xattrs(number, xattrs_of(place));
  }

  ext2_ino_t make_file(const Entry& entry, ext2_ino_t parent, const std::string& name, const std::string& place) {
    if (S_ISLNK(entry.info.st_mode)) return target_.make_link(parent, name, fs::read_symlink(place).string());
    const ext2_ino_t number = target_.make_node(parent, name, entry.info);
    if (S_ISREG(entry.info.st_mode))
      target_.fill(number, open_file(place, O_RDONLY | O_NOFOLLOW), static_cast<std::uint64_t>(entry.info.st_size));
    return number;
  }

  void finish_directory(const Entry& entry, ext2_ino_t number, const std::string& place) {
    directories_[entry.path] = number;
    made_directories_.emplace_back(&entry, number);
    target_.set_attributes(number, entry, time_);
    target_.set_xattrs(number, xattrs_of(place));
  }

  const Ext4Request& request_;
  const Tree& tree_;
  Ext4& target_;
  std::int64_t time_;
  std::map<std::string, ext2_ino_t> directories_;
  std::vector<std::pair<const Entry*, ext2_ino_t>> made_directories_;
  std::map<std::pair<dev_t, ino_t>, ext2_ino_t> hard_links_;
};

}  // namespace

std::string uuid_of(const std::string& digits) {
  std::string d = digits.substr(0, 32);
  d[12] = '8';  // the version
  d[16] = "89ab"[static_cast<unsigned>(d[16]) % 4];
  return fmt::format("{}-{}-{}-{}-{}", d.substr(0, 8), d.substr(8, 4), d.substr(12, 4), d.substr(16, 4), d.substr(20));
}

Ext4Result write_ext4(const Ext4Request& request) {
  const Tree tree = Scan(request).run();
  const std::uint64_t inodes = inodes_for(tree, request.free_bytes);
  const std::uint64_t mebibytes = size_of(tree, request.free_bytes, inodes);
  const std::int64_t time = std::max<std::int64_t>(request.newest, 1);  // E2FSPROGS_FAKE_TIME=0 means none
  make_empty(request, mebibytes, inodes, time);
  Ext4 target(request.image.string(), time);
  Filling(request, tree, target, time).run();
  target.close();
  return {mebibytes * mebibyte, tree.entries.size()};
}

}  // namespace meros::image
