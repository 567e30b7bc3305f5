// Graphical applications of a guest on this host's Wayland display, by waypipe(1): its client here, its server there,
// joined by a socket that ssh forwards on a connection of the run's own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "guest/session.h"

namespace meros::guest {

enum class X11 { no, yes };

struct Application {
  GuestCommand command;
  X11 x11 = X11::no;        // in an X server of its own there (Xwayland)
  std::string compression;  // "none", "lz4" or "zstd"; empty: lz4, where waypipe here has it
};

// Runs it until it ends, with our standard output and error, and no input. SIGINT, SIGQUIT, SIGTERM and SIGHUP go to
// it. It ends with this process, however that ends, with waypipe here, and with the connection; no socket is left.
// Its exit status, 255 as 254. HostError without waypipe or a Wayland display here; Error that names what the guest
// lacks, and where ssh could not do it.
int run_application(const Application& application);

// What is run in the guest for it. `socket` is the forwarded one, there. Pure.
RemoteCommand application_command(const Application& application, const std::string& socket,
                                  const std::string& compression);
// For ssh's -R: nothing in the path is expanded. Pure.
std::string forward_words(const std::string& there, const std::filesystem::path& here);
// The best that this waypipe was built with, by the words of `waypipe --version`. Pure.
std::string compression_of(std::string_view version);

}  // namespace meros::guest
