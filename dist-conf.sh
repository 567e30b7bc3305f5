#!/bin/sh
# Installs what meros is built with and needs at run time, on Debian and Ubuntu. Quick where nothing is missing.
set -eu

usage() {
  cat <<'END'
Usage: ./dist-conf.sh [--print] [GROUP…]

Groups, which add up (default: --build --runtime):
  --build        what compiles meros
  --runtime      what meros runs: QEMU, the network's programs, image building
  --recommended  machines of the other architecture, graphical applications, images that are not plain ext4, kernels
  --test         what scripts/test needs, with --build and --runtime
  --all          all of these

  --print        list the packages and say which are missing; install nothing
  -h, --help     this text

Where packages are missing they are installed by apt-get, through sudo unless this is run as root.
END
}

# Debian's names. Recommended packages of these are left out; QEMU's firmware is among their dependencies.
build='g++ cmake ninja-build pkg-config libcli11-dev nlohmann-json3-dev libfmt-dev libnl-route-3-dev libboost-dev
  nettle-dev libcurl4-openssl-dev libyaml-cpp-dev libext2fs-dev comerr-dev zlib1g-dev liblzma-dev liblz4-dev
  libzstd-dev'
runtime='qemu-utils nftables iproute2 dnsmasq-base passt mmdebstrap debian-archive-keyring uidmap openssh-client rsync
  e2fsprogs libcurl4 ca-certificates'
recommended='waypipe fuse2fs qemu-user-static binfmt-support libguestfs0 libguestfs-xfs ubuntu-keyring git make gcc flex
  bison bc perl zstd libelf-dev xz-utils'
test='libgtest-dev libgmock-dev clang-14 clang-format-14 clang-tidy-14 ccache busybox-static cpio kmod shellcheck socat
  iputils-ping procps python3 fuse2fs fdisk qemu-system-arm qemu-user-static binfmt-support libguestfs0 libguestfs-xfs
  libbenchmark-dev hyperfine openssh-server gnupg git make flex bison bc perl zstd libelf-dev linux-source
  waypipe weston'
case $(uname -m) in
  aarch64) runtime="qemu-system-arm $runtime" recommended="qemu-system-x86 $recommended" ;;
  *) runtime="qemu-system-x86 $runtime" recommended="qemu-system-arm $recommended" ;;
esac

# The same for those whose packages we do not install.
fedora='gcc-c++ cmake ninja-build pkgconf-pkg-config cli11-devel json-devel fmt-devel libnl3-devel boost-devel
  nettle-devel libcurl-devel yaml-cpp-devel e2fsprogs-static e2fsprogs-devel zlib-static xz-static lz4-static
  libzstd-static glibc-static libstdc++-static
  qemu-system-x86-core qemu-img nftables iproute dnsmasq passt mmdebstrap shadow-utils openssh-clients rsync e2fsprogs'
arch='base-devel cmake ninja pkgconf cli11 nlohmann-json fmt libnl boost nettle curl yaml-cpp
  qemu-base nftables iproute2 dnsmasq passt mmdebstrap openssh rsync e2fsprogs'

fail() {
  echo "dist-conf.sh: $*" >&2
  exit 1
}

# The words of a list on one line.
words() {
  # shellcheck disable=SC2048,SC2086 # to split them is the point
  set -- $*
  printf '%s\n' "$*"
}

# The packages of the groups that are asked for, or of one.
packages_of() {
  for group in "$@"; do
    case $group in
      build) words "$build" ;;
      runtime) words "$runtime" ;;
      recommended) words "$recommended" ;;
      test) words "$test" ;;
    esac
  done
}

# os_release FIELD
os_release() {
  [ -r "$os_release_file" ] || return 0
  # shellcheck disable=SC1090 # a file of NAME=value lines, os-release(5)
  (. "$os_release_file" && eval "printf '%s' \"\${$1:-}\"")
}

say_what_to_install() {
  name=$(os_release PRETTY_NAME)
  {
    echo "dist-conf.sh: ${name:-this system} is neither Debian nor Ubuntu; install these yourself:"
    case " $(os_release ID) $(os_release ID_LIKE) " in
      *' fedora '* | *' rhel '*) echo "  dnf install $(words "$fedora")" ;;
      *' arch '*) echo "  pacman -S --needed $(words "$arch")" ;;
      *)
        echo "  to build (Debian's names): $(words "$build")"
        echo "  to run (Debian's names):   $(words "$runtime")"
        ;;
    esac
    echo 'A compiler as new as GCC 12 or Clang 14 and CMake 3.25 are needed, and static archives (.a) of libnl-3,'
    echo 'libnl-route-3, nettle, libext2fs, yaml-cpp, zlib, liblzma, lz4 and zstd: where no package has them, build these with'
    echo '--enable-static (yaml-cpp: -DYAML_BUILD_SHARED_LIBS=OFF).'
  } >&2
  exit 1
}

# The packages among the arguments that are not installed, and that nothing installed provides.
missing_of() {
  dpkg-query -W -f='${db:Status-Abbrev} ${Package} ${Provides}\n' | awk -v wanted="$(words "$*")" '
    substr($1, 2, 1) == "i" {
      gsub(/\([^)]*\)/, "")
      gsub(/,/, " ")
      for (i = 2; i <= NF; ++i) have[$i] = 1
    }
    END {
      n = split(wanted, names, " ")
      for (i = 1; i <= n; ++i) if (!(names[i] in have)) print names[i]
    }'
}

check_age() {
  version=$(os_release VERSION_ID)
  case $(os_release ID) in
    debian) oldest=12 ;;
    ubuntu) oldest=23.04 ;;
    *) return 0 ;;
  esac
  [ -n "$version" ] || return 0 # testing and unstable have none
  [ "$(printf '%s\n%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ] ||
    fail "$(os_release PRETTY_NAME) is too old to build meros: Debian 12 or Ubuntu 23.04 at least"
}

# As root; sudo asks for the password by itself.
apt() {
  set -- env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@"
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "not root, and there is no sudo; as root: apt-get install --no-install-recommends $missing"
  fi
}

# Whether apt knows them all.
known() { apt-get -qq --simulate --no-install-recommends install "$@" >/dev/null 2>&1; }

install_missing() {
  updated=no
  # shellcheck disable=SC2086 # one package a word
  if ! known $missing; then
    apt update
    updated=yes
  fi
  installable=''
  unknown=''
  for package in $missing; do
    if known "$package"; then installable="$installable $package"; else unknown="$unknown $package"; fi
  done
  if [ -n "$installable" ]; then
    # shellcheck disable=SC2086
    if ! apt install --no-install-recommends $installable; then
      # Stale lists name packages that the mirror has no more.
      [ $updated = no ] || fail "apt-get cannot install:$installable"
      apt update
      # shellcheck disable=SC2086
      apt install --no-install-recommends $installable || fail "apt-get cannot install:$installable"
    fi
  fi
  [ -z "$unknown" ] || fail "this release has no package$unknown"
}

only_print=no
asked=''
while [ $# -gt 0 ]; do
  case $1 in
    --print) only_print=yes ;;
    --build | --runtime | --recommended | --test) asked="$asked ${1#--}" ;;
    --all) asked='build runtime recommended test' ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "dist-conf.sh: unknown option '$1'" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done
case " $asked " in
  *' test '*) asked="$asked build runtime" ;;
  '  ') asked='build runtime' ;;
esac
groups=$(for group in build runtime recommended test; do
  case " $asked " in *" $group "*) printf '%s ' "$group" ;; esac
done)

os_release_file=${OS_RELEASE_FILE:-/etc/os-release}
case " $(os_release ID) $(os_release ID_LIKE) " in
  *' debian '* | *' ubuntu '*) ;;
  *) say_what_to_install ;;
esac
# shellcheck disable=SC2086 # one group a word
missing=$(words "$(missing_of "$(packages_of $groups)")")

if [ $only_print = yes ]; then
  for group in $groups; do echo "$group: $(packages_of "$group")"; done
  echo "missing: ${missing:-nothing}"
  exit 0
fi
if [ -z "$missing" ]; then
  echo 'nothing is missing'
  exit 0
fi
case " $groups " in *' build '*) check_age ;; esac
echo "installing: $missing"
install_missing
