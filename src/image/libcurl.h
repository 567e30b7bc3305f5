// libcurl, loaded when something is first downloaded: linked, it would cost every verb some milliseconds of start-up.
#pragma once

#include <curl/curl.h>

namespace meros::image {

struct LibCurl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

// It stays loaded for the life of the process, and is made ready for use by several threads. HostError when it is not
// installed.
const LibCurl& load_libcurl();

}  // namespace meros::image
