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

# The environment first, so that an option given here has the last word.
[ -z "${ROOTFS_SHA256:-}" ] || set -- --rootfs-sha256 "$ROOTFS_SHA256" "$@"
[ -z "${KERNEL_SHA256:-}" ] || set -- --kernel-sha256 "$KERNEL_SHA256" "$@"
[ -z "${ROOTFS_URL:-}" ] || set -- --rootfs-url "$ROOTFS_URL" "$@"
[ -z "${KERNEL_URL:-}" ] || set -- --kernel-url "$KERNEL_URL" "$@"
[ -z "${IMAGES_DIR:-}" ] || set -- --images-dir "$IMAGES_DIR" "$@"
exec "$mergenc" image fetch "$@"
