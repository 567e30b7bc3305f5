// libguestfs, loaded when an image needs it (guestfs(3)): only then it must be installed. Its interface is stable, so
// that no header of it is needed to build.
#pragma once

#include <cstddef>
#include <string>

namespace meros::image {

struct guestfs;  // its handle

struct LibGuestfs {
  guestfs* (*create)();
  void (*close)(guestfs*);
  void (*set_error_handler)(guestfs*, void (*)(guestfs*, void*, const char*), void*);
  const char* (*last_error)(guestfs*);
  int (*set_backend)(guestfs*, const char*);
  int (*set_backend_setting)(guestfs*, const char*, const char*);
  int (*set_cachedir)(guestfs*, const char*);
  int (*set_tmpdir)(guestfs*, const char*);
  int (*set_memsize)(guestfs*, int);
  int (*add_drive_opts)(guestfs*, const char*, ...);
  int (*launch)(guestfs*);
  int (*shutdown)(guestfs*);
  char** (*list_filesystems)(guestfs*);
  char** (*pvs)(guestfs*);
  int (*mount)(guestfs*, const char*, const char*);
  int (*mount_ro)(guestfs*, const char*, const char*);
  int (*umount_all)(guestfs*);
  int (*exists)(guestfs*, const char*);
  char* (*read_file)(guestfs*, const char*, std::size_t*);
  char* (*findfs_uuid)(guestfs*, const char*);
  char* (*findfs_label)(guestfs*, const char*);
  int (*mount_local)(guestfs*, const char*, ...);
  int (*mount_local_run)(guestfs*);
  int (*tar_in_opts)(guestfs*, const char*, const char*, ...);
  int (*tar_out_opts)(guestfs*, const char*, const char*, ...);
  int (*rm_rf)(guestfs*, const char*);
  int (*pvresize)(guestfs*, const char*);
  int (*lvresize_free)(guestfs*, const char*, int);
  int (*e2fsck_f)(guestfs*, const char*);
  int (*resize2fs)(guestfs*, const char*);
  int (*xfs_growfs)(guestfs*, const char*, ...);
  int (*btrfs_filesystem_resize)(guestfs*, const char*, ...);
};

// Numbers of optional arguments, guestfs.h; a list of them ends with -1.
namespace guestfs_option {
constexpr int end = -1;
constexpr int add_drive_format = 1;
constexpr int mount_local_readonly = 0;
constexpr int mount_local_options = 1;
constexpr int mount_local_cachetimeout = 2;
constexpr int tar_in_xattrs = 1;
constexpr int tar_in_acls = 3;
constexpr int tar_out_numericowner = 1;
constexpr int tar_out_xattrs = 3;
constexpr int tar_out_acls = 5;
}  // namespace guestfs_option

// It stays loaded for the life of the process. HostError when it is not installed.
LibGuestfs load_libguestfs();

}  // namespace meros::image
