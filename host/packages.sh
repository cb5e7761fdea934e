# shellcheck shell=bash
# Sourced by host/quickstart and tests/run: sees to it that Debian packages are installed.
#
#     frank_need_packages PACKAGE...
#
# Asks dpkg first; with everything there it needs no network and no rights. Else it says what it
# installs and how, with sudo where it does not run as root; `apt-get update` only where the
# packages cannot be had without. Returns 1 when it could not, with the command to run by hand.

# The build itself: compiler, tools, libraries; of OpenCL the headers alone, for libOpenCL is opened
# at run time, where there is one; SQLite, in which observations are kept; Verilator, which makes
# the simulated FPGA core; libmilter and libopendkim for mail;
# scdoc, which makes the manual pages; file, by which cpack finds what a package depends on.
# shellcheck disable=SC2034  # used by those who source this
FRANK_BUILD_PACKAGES=(build-essential cmake ninja-build pkg-config libzmq3-dev libssl-dev
  libhwloc-dev libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libunbound-dev libsqlite3-dev
  libmilter-dev libopendkim-dev scdoc file
  opencl-c-headers verilator)

frank_missing_packages() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      echo "$package"
    fi
  done
}

frank_need_packages() {
  local missing install as_root=()
  mapfile -t missing < <(frank_missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "missing packages, and neither root nor sudo here. As root: ${install[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  # RUNLEVEL=1: packages with a server of the system's do not start it, for a test starts its own.
  # (invoke-rc.d asks for the run level. Where systemd runs, Debian starts them all the same.)
  as_root+=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
  # A fresh machine has old or no lists: then, and only then, they are fetched.
  if ! "${as_root[@]}" apt-get install -y --no-install-recommends -qq "${missing[@]}" \
    >/dev/null 2>&1; then
    "${as_root[@]}" apt-get update -qq || return 1
    "${as_root[@]}" "${install[@]}" -qq >/dev/null || {
      echo "could not install them; by hand, as root: ${install[*]}" >&2
      return 1
    }
  fi
}
