// The program behind main(): finds the face and the verb, runs it, prints what went wrong, gives the exit status.
#pragma once

namespace meros::cli {

int run_program(int argc, char** argv);

}  // namespace meros::cli
