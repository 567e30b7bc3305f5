#!/bin/sh
# Fetches the kernel and the root file system that mergenc makes machines from, into ./images (or --images-dir).
set -eu

usage() {
  cat <<'END'
Usage: ./pre-run.sh [OPTION…]

The options are those of `mergenc image fetch`, and what follows can be set in the environment instead:
  KERNEL_URL, ROOTFS_URL        where they are; default: Firecracker's public quick-start artefacts
  KERNEL_SHA256, ROOTFS_SHA256  what they must have
  IMAGES_DIR                    where they go; default: images
  MERGENC                       the program; default: the one built here, else the installed one
END
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac

# The program to run: built here, the release first, or installed.
find_mergenc() {
  here=$(cd "$(dirname "$0")" && pwd)
  for program in "$here/build/release/bin/mergenc" "$here/build/dev/bin/mergenc" "$(command -v mergenc || true)"; do
    if [ -x "$program" ]; then
      echo "$program"
      return
    fi
  done
  echo "pre-run.sh: mergenc is neither built nor installed (build it: cmake --preset release && cmake --build build/release)" >&2
  exit 6
}

mergenc=${MERGENC:-$(find_mergenc)}

# given OPTION ARGUMENT…: whether the option is among the arguments. It has the last word over the environment.
given() {
  option=$1
  shift
  for argument in "$@"; do
    case $argument in "$option" | "$option="*) return 0 ;; esac
  done
  return 1
}

[ -z "${KERNEL_URL:-}" ] || given --kernel-url "$@" || set -- "$@" --kernel-url "$KERNEL_URL"
[ -z "${ROOTFS_URL:-}" ] || given --rootfs-url "$@" || set -- "$@" --rootfs-url "$ROOTFS_URL"
[ -z "${KERNEL_SHA256:-}" ] || given --kernel-sha256 "$@" || set -- "$@" --kernel-sha256 "$KERNEL_SHA256"
[ -z "${ROOTFS_SHA256:-}" ] || given --rootfs-sha256 "$@" || set -- "$@" --rootfs-sha256 "$ROOTFS_SHA256"
[ -z "${IMAGES_DIR:-}" ] || given --images-dir "$@" || set -- "$@" --images-dir "$IMAGES_DIR"
exec "$mergenc" image fetch "$@"
