// Precompiled in release and sanitizer builds: what most files include anyway. Files still include what they use, and
// the dev build, which has no precompiled header, checks that.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
