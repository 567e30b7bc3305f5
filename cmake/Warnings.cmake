# One interface target that every target of ours links: warnings as errors, sections that the linker can drop.
add_library(meros_options INTERFACE)
target_compile_options(meros_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -ffunction-sections -fdata-sections -fstack-protector-strong)
if(MEROS_WERROR)
  target_compile_options(meros_options INTERFACE -Werror)
endif()
if(MEROS_UNITY)
  target_compile_options(meros_options INTERFACE -Wno-shadow)  # of names in other files of the same piece
endif()
if(MEROS_PCH)
  # Of libraries and programs alike: one precompiled header serves both only if both are compiled the same way.
  target_compile_options(meros_options INTERFACE -fPIC)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Optimized, GCC 12 raises false alarms over std::string (its bugs 105329 and 105651).
  target_compile_options(meros_options INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
endif()
target_compile_definitions(meros_options INTERFACE MEROS_VERSION="${PROJECT_VERSION}" _GNU_SOURCE)
target_include_directories(meros_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_link_options(meros_options INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(meros_options INTERFACE _FORTIFY_SOURCE=2)
endif()
if(MEROS_SANITIZE)
  target_compile_options(meros_options INTERFACE -fsanitize=${MEROS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(meros_options INTERFACE -fsanitize=${MEROS_SANITIZE})
endif()
