# Says that it is ready, then prints numbered lines of 64 bytes as fast as it can, until it is asked to stop. The numbers
# are eight hexadecimal digits, from 00000000, so that a reader sees what it has lost.
        .include "common.s"
main:
        xorl %ebx, %ebx
1:      movl %ebx, %edi
        movl $8, %ecx
2:      roll $4, %edi
        movl %edi, %eax
        andl $15, %eax
        movb digits(%eax), %al
        call send
        loop 2b
        movl $rest_of_line, %esi
        call print
        incl %ebx
        call stop_when_asked
        jmp 1b

digits: .ascii "0123456789abcdef"
rest_of_line: .asciz " the quick brown fox jumps over the lazy dog and hides.\n"
