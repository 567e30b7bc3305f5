# As tiny, but it sleeps between looks: the local APIC's timer wakes it, for that is the one interrupt source that every
# VMM gives to every machine type.
        .include "common.s"

        .set APIC, 0xfee00000       # Intel SDM volume 3, chapter 11
        .set APIC_EOI, APIC + 0xb0
        .set APIC_SPURIOUS, APIC + 0xf0
        .set APIC_TIMER, APIC + 0x320
        .set APIC_TIMER_COUNT, APIC + 0x380
        .set APIC_TIMER_DIVIDER, APIC + 0x3e0
        .set TIMER_VECTOR, 0x20
        .set SPURIOUS_VECTOR, 0x2f
        .set PERIODIC, 1 << 17
        .set DIVIDE_BY_16, 3
        .set TICK, 1250000          # 20 ms where the timer runs at 1 GHz, as in QEMU and KVM

main:
        lgdt gdt_register
        ljmp $8, $1f
1:      movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss

        movl $idt, %edi             # every vector wakes us and does no more
        movl $(SPURIOUS_VECTOR + 1), %ecx
2:      movl $wake, %eax
        movw %ax, (%edi)
        movw $8, 2(%edi)
        movw $0x8e00, 4(%edi)       # present, 32-bit interrupt gate
        shrl $16, %eax
        movw %ax, 6(%edi)
        addl $8, %edi
        loop 2b
        lidt idt_register

        movb $0xff, %al             # nothing from the old interrupt controllers, where there are any
        outb %al, $0x21
        outb %al, $0xa1
        movl $(0x100 | SPURIOUS_VECTOR), APIC_SPURIOUS
        movl $DIVIDE_BY_16, APIC_TIMER_DIVIDER
        movl $(PERIODIC | TIMER_VECTOR), APIC_TIMER
        movl $TICK, APIC_TIMER_COUNT

look:   call echo
        call stop_when_asked
        sti
        hlt

# Interrupts are off again here. There is nothing to go back to, and KVM's instruction emulator, which is all that hosts
# without VMX or SVM have, cannot return from an interrupt in protected mode.
wake:
        movl $stack_end, %esp
        movl $0, APIC_EOI
        jmp look

        .balign 8
gdt:    .quad 0
        .quad 0x00cf9a000000ffff    # code, flat
        .quad 0x00cf92000000ffff    # data, flat
gdt_register:
        .word gdt_register - gdt - 1
        .long gdt
idt_register:
        .word 8 * (SPURIOUS_VECTOR + 1) - 1
        .long idt

        .bss
        .balign 8
idt:    .skip 8 * (SPURIOUS_VECTOR + 1)
