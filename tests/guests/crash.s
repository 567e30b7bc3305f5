# Says that it is ready, then dies of a triple fault.
        .include "common.s"
main:
        lidt no_handlers
        ud2
no_handlers:
        .word 0
        .long 0
