# Says that it is ready, echoes its serial line, and stops when it is asked to. It polls, so that nothing but the two
# devices has to work; it takes a whole CPU.
        .include "common.s"
main:
        call echo
        call stop_when_asked
        jmp main
