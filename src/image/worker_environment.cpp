#include "image/worker_environment.h"

#include <fmt/format.h>

#include <cstdlib>

namespace meros::image {

std::vector<std::string> worker_environment() {
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "LANG=C.UTF-8",
                                          "TZ=UTC",
                                          "HOME=/root",
                                          "DEBIAN_FRONTEND=noninteractive",
                                          fmt::format("SOURCE_DATE_EPOCH={}", build_time)};
  for (const char* name : {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                           "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"})
    if (const char* value = std::getenv(name)) environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

}  // namespace meros::image
