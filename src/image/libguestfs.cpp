#include "image/libguestfs.h"

#include <dlfcn.h>

#include "base/error.h"

namespace meros::image {
namespace {

template <typename Function>
void find_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw HostError(std::string("this libguestfs has no ") + name, "install libguestfs 1.44");
}

}  // namespace

LibGuestfs load_libguestfs() {
  void* library = ::dlopen("libguestfs.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr)
    throw HostError("this image needs libguestfs, which is not installed",
                    "apt-get install libguestfs0, or take an image whose root is on ext4");
  LibGuestfs lib{};
#define MEROS_FIND(function) find_symbol(library, "guestfs_" #function, lib.function)
  MEROS_FIND(create);
  MEROS_FIND(close);
  MEROS_FIND(set_error_handler);
  MEROS_FIND(last_error);
  MEROS_FIND(set_backend);
  MEROS_FIND(set_backend_setting);
  MEROS_FIND(set_cachedir);
  MEROS_FIND(set_tmpdir);
  MEROS_FIND(set_memsize);
  MEROS_FIND(add_drive_opts);
  MEROS_FIND(launch);
  MEROS_FIND(shutdown);
  MEROS_FIND(list_filesystems);
  MEROS_FIND(pvs);
  MEROS_FIND(mount);
  MEROS_FIND(mount_ro);
  MEROS_FIND(umount_all);
  MEROS_FIND(exists);
  MEROS_FIND(read_file);
  MEROS_FIND(findfs_uuid);
  MEROS_FIND(findfs_label);
  MEROS_FIND(mount_local);
  MEROS_FIND(mount_local_run);
  MEROS_FIND(tar_in_opts);
  MEROS_FIND(tar_out_opts);
  MEROS_FIND(rm_rf);
  MEROS_FIND(pvresize);
  MEROS_FIND(lvresize_free);
  MEROS_FIND(e2fsck_f);
  MEROS_FIND(resize2fs);
  MEROS_FIND(xfs_growfs);
  MEROS_FIND(btrfs_filesystem_resize);
#undef MEROS_FIND
  return lib;
}

}  // namespace meros::image
