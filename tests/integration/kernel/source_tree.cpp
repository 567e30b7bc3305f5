#include "integration/kernel/source_tree.h"

#include <filesystem>

#include "base/file.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

constexpr std::string_view makefile = R"(sources := $(wildcard $(CURDIR)/init/*.c)
objects := $(patsubst $(CURDIR)/init/%.c,$(O)/init/%.o,$(sources))
export O KBUILD_BUILD_TIMESTAMP KBUILD_BUILD_USER KBUILD_BUILD_HOST KBUILD_BUILD_VERSION

allnoconfig:
	@sh scripts/conf $(KCONFIG_ALLCONFIG)
defconfig:
	@sh scripts/conf arch/defconfig
olddefconfig:
	@sh scripts/conf $(O)/.config
bzImage: $(O)/arch/x86/boot/bzImage
Image: $(O)/arch/arm64/boot/Image

$(O)/init/%.o: $(CURDIR)/init/%.c $(O)/.config
	@echo "  CC      init/$*.o"
	@sh scripts/compile $< $@
$(O)/vmlinux: $(objects) $(CURDIR)/kernel.elf
	@echo "  LD      vmlinux"
	@cp $(CURDIR)/kernel.elf $@
$(O)/arch/x86/boot/bzImage: $(O)/vmlinux
	@echo "  BUILD   arch/x86/boot/bzImage"
	@sh scripts/bzimage $@
$(O)/arch/arm64/boot/Image: $(O)/vmlinux
	@mkdir -p $(@D) $(O)/include/config
	@cp $< $@
	@echo 9.9.0 > $(O)/include/config/kernel.release
)";

// Keeps what Kconfig knows and whose dependency is there, as olddefconfig does.
constexpr std::string_view conf = R"sh(set -eu
mkdir -p "$O"
awk '
  FILENAME == "Kconfig" && $1 == "config" { name = "CONFIG_" $2; known[name] = 1 }
  FILENAME == "Kconfig" && $1 == "depends" { needs[name] = "CONFIG_" $3 }
  FILENAME != "Kconfig" && /^CONFIG_/ { at = index($0, "="); value[substr($0, 1, at - 1)] = substr($0, at + 1) }
  END {
    for (name in known)
      if (name in value && (!(name in needs) || (needs[name] in value && value[needs[name]] == "y"))) print name "=" value[name]
      else print "# " name " is not set"
  }' Kconfig "$1" | sort > "$O/.config.new"
cmp -s "$O/.config.new" "$O/.config" || mv "$O/.config.new" "$O/.config"
)sh";

constexpr std::string_view compile = R"sh(set -eu
mkdir -p "$(dirname "$2")"
if grep -q error "$1"; then echo "$1:1: error: as it was asked for" >&2; exit 1; fi
if grep -q wait "$1" && [ ! -e ../waited ]; then echo half > "$2"; touch ../waited; sleep 3600; fi
cp "$1" "$2"
echo "cmd" > "$2.cmd"
)sh";

// Documentation/arch/x86/boot.rst: one sector and three of setup code, then the payload.
constexpr std::string_view bzimage = R"sh(set -eu
image=$1
mkdir -p "$(dirname "$image")" "$O/include/config"
gzip -nc "$O/vmlinux" > "$O/payload"
size=$(stat -c %s "$O/payload")
put() { printf "$1" | dd of="$image.new" bs=1 seek="$2" conv=notrunc status=none; }
head -c 2048 /dev/zero > "$image.new"
put '\003' 497
put 'HdrS\017\002' 514
put "$(printf '\\%03o\\%03o\\%03o\\000' $((size & 255)) $((size >> 8 & 255)) $((size >> 16 & 255)))" 588
cat "$O/payload" >> "$image.new"
echo "$KBUILD_BUILD_TIMESTAMP $KBUILD_BUILD_USER $KBUILD_BUILD_HOST $KBUILD_BUILD_VERSION" >> "$image.new"
cat "$O"/init/*.o >> "$image.new"
mv "$image.new" "$image"
sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/9.9.0\1/p' "$O/.config" > "$O/include/config/kernel.release"
[ -s "$O/include/config/kernel.release" ] || echo 9.9.0 > "$O/include/config/kernel.release"
)sh";

constexpr std::string_view kconfig = R"(config LOCALVERSION
config SMP
config NET
config NET_9P
  depends on NET
config VIRTIO_MMIO
config VIRTIO_MMIO_CMDLINE_DEVICES
  depends on VIRTIO_MMIO
config MODULES
)";

void write(const fs::path& file, std::string_view content) {
  fs::create_directories(file.parent_path());
  replace_file(file, content, 0644, Durability::process_crash_only);
}

}  // namespace

SourceTree::SourceTree(fs::path directory, Guest guest) : directory_(std::move(directory)) {
  write(directory_ / "Makefile", makefile);
  write(directory_ / "Kconfig", kconfig);
  write(directory_ / "arch/defconfig", "CONFIG_SMP=y\nCONFIG_MODULES=y\n");
  write(directory_ / "scripts/conf", conf);
  write(directory_ / "scripts/compile", compile);
  write(directory_ / "scripts/bzimage", bzimage);
  fs::copy_file(kernel_of(guest), directory_ / "kernel.elf");
  for (const auto* name : {"main", "version", "calibrate"}) write_source(name, std::string("// ") + name + "\n");
}

void SourceTree::write_source(const std::string& name, std::string_view content) const {
  write(directory_ / "init" / (name + ".c"), content);
}

void SourceTree::remove_source(const std::string& name) const { fs::remove(directory_ / "init" / (name + ".c")); }

}  // namespace meros::test
