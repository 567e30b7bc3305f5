# What we link. Static archives where Debian has them: each shared library costs start-up time at every verb.
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(Boost 1.74 REQUIRED)  # Beast and Asio, headers only
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBNL REQUIRED libnl-route-3.0>=3.5)

find_package(fmt 9.1 REQUIRED)     # its headers; its body is src/base/fmt.cpp
find_library(NL_STATIC NAMES libnl-3.a REQUIRED)
find_library(NL_ROUTE_STATIC NAMES libnl-route-3.a REQUIRED)

add_library(meros_nl INTERFACE)
target_include_directories(meros_nl SYSTEM INTERFACE ${LIBNL_INCLUDE_DIRS})
target_link_libraries(meros_nl INTERFACE ${NL_ROUTE_STATIC} ${NL_STATIC})

# SHA-256 of what is downloaded.
find_path(NETTLE_INCLUDE_DIR nettle/sha2.h REQUIRED)
find_library(NETTLE_STATIC NAMES libnettle.a REQUIRED)
add_library(meros_nettle INTERFACE)
target_include_directories(meros_nettle SYSTEM INTERFACE ${NETTLE_INCLUDE_DIR})
target_link_libraries(meros_nettle INTERFACE ${NETTLE_STATIC})

# Fills the file systems of images.
find_path(EXT2FS_INCLUDE_DIR ext2fs/ext2fs.h REQUIRED)
find_library(EXT2FS_STATIC NAMES libext2fs.a REQUIRED)
find_library(COM_ERR_STATIC NAMES libcom_err.a REQUIRED)
add_library(meros_ext2fs INTERFACE)
target_include_directories(meros_ext2fs SYSTEM INTERFACE ${EXT2FS_INCLUDE_DIR})
target_link_libraries(meros_ext2fs INTERFACE ${EXT2FS_STATIC} ${COM_ERR_STATIC} Threads::Threads)

# Only its headers: the library itself is loaded by the verbs that download, when they do.
find_path(CURL_INCLUDE_DIR curl/curl.h REQUIRED)
add_library(meros_curl_headers INTERFACE)
target_include_directories(meros_curl_headers SYSTEM INTERFACE ${CURL_INCLUDE_DIR})
target_link_libraries(meros_curl_headers INTERFACE ${CMAKE_DL_LIBS})

# What the kernel in a bzImage is compressed by.
find_library(Z_STATIC NAMES libz.a REQUIRED)
find_library(LZMA_STATIC NAMES liblzma.a REQUIRED)
find_library(LZ4_STATIC NAMES liblz4.a REQUIRED)
find_library(ZSTD_STATIC NAMES libzstd.a REQUIRED)
add_library(meros_decompressors INTERFACE)
target_link_libraries(meros_decompressors INTERFACE ${Z_STATIC} ${LZMA_STATIC} ${LZ4_STATIC} ${ZSTD_STATIC} Threads::Threads)
