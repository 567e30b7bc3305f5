#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/options.h"
#include "image/templates.h"

namespace meros::cli {

Action declare_image_fetch(CLI::App& app, Context& context) {
  auto request = std::make_shared<image::FetchRequest>();
  app.add_option("--kernel-url", request->kernel_url, "where the kernel is (default: Firecracker's quick start)")
      ->option_text("URL");
  app.add_option("--rootfs-url", request->rootfs_url,
                 "where the root file system is (default: Firecracker's quick start)")
      ->option_text("URL");
  app.add_option("--kernel-sha256", request->kernel_sha256, "the kernel's SHA-256")->option_text("HEX");
  app.add_option("--rootfs-sha256", request->rootfs_sha256, "the root file system's SHA-256")->option_text("HEX");
  app.add_flag("--force", request->force, "fetch anew, and replace what is there");
  app.footer("Goes into the images directory. What is there already stays, unless --force is given.");
  return [request, &context] {
    image::fetch_templates(context.home(), *request, context.reporter());
    return exit_done;
  };
}

}  // namespace meros::cli
