# Says that it is ready, then sleeps for ever and hears nothing: neither a key nor the power button.
        .set DEAF, 1
        .include "common.s"
main:
        hlt
        jmp main
