#include "cli/program.h"

int main(int argc, char** argv) { return meros::cli::run_program(argc, argv); }
