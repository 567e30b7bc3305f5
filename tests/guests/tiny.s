# Says that it is ready, echoes its serial line, and stops when a key is pressed. It polls, so that nothing but the two
# devices has to work; it takes a whole CPU.
        .include "common.s"
main:
        call echo
        call stop_on_key
        jmp main
