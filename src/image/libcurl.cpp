#include "image/libcurl.h"

#include <dlfcn.h>

#include <string>

#include "base/error.h"

namespace meros::image {
namespace {

void* open_library() {
  // Of the same interface: Debian builds it once for OpenSSL and once for GnuTLS.
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) return library;
  }
  throw HostError("cannot download: libcurl is not installed", "install it with 'apt-get install libcurl4'");
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw HostError(std::string("cannot download: this libcurl has no ") + name);
}

LibCurl load() {
  void* library = open_library();
  LibCurl curl{};
  find(library, "curl_global_init", curl.global_init);
  find(library, "curl_easy_init", curl.easy_init);
  find(library, "curl_easy_setopt", curl.easy_setopt);
  find(library, "curl_easy_perform", curl.easy_perform);
  find(library, "curl_easy_strerror", curl.easy_strerror);
  find(library, "curl_easy_cleanup", curl.easy_cleanup);
  find(library, "curl_slist_append", curl.slist_append);
  find(library, "curl_slist_free_all", curl.slist_free_all);
  // Left to the first handle, it would be done by several threads at once.
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != 0) throw Error("cannot download: libcurl does not start");
  return curl;
}

}  // namespace

const LibCurl& load_libcurl() {
  static const LibCurl curl = load();
  return curl;
}

}  // namespace meros::image
