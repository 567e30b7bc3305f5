# What every tiny guest begins with: the PVH note, a stack, and the serial line.
#
# The VMM enters `start` in 32-bit protected mode, paging and interrupts off, flat segments (Xen's PVH boot protocol,
# xen/include/public/arch-x86/hvm/start_info.h). A guest continues at `main`, in its own file.

        .set SERIAL, 0x3f8          # COM1: data
        .set SERIAL_STATUS, 0x3fd   # COM1: line status
        .set RECEIVED, 0x01         #   a byte is waiting
        .set CAN_SEND, 0x20         #   the transmit register is empty
        .set KEYBOARD, 0x60         # 8042: data
        .set KEYBOARD_STATUS, 0x64  # 8042: status (read), command (write)
        .set KEY_WAITING, 0x01
        .set RESET_CPU, 0xfe        #   command: pulse the reset line
        .set POWER_EVENTS, 0x600    # ACPI PM1a, where QEMU's q35 firmware puts it: status, then enable
        .set POWER_BUTTON, 0x100
        .set NO_DEVICE, 0xffff      #   what a machine without ACPI reads

        .section .note.xen, "a", @note
        .balign 4
        .long 4, 8, 18              # name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz "Xen"
        .quad start

        .text
        .code32
        .globl start
start:
        cld
        movl $stack_end, %esp
        movw $(POWER_EVENTS + 2), %dx
        movw $POWER_BUTTON, %ax
        outw %ax, %dx
        movl $ready_line, %esi
        call print
        jmp main

# Writes the zero-terminated text at %esi.
print:
        lodsb
        testb %al, %al
        jz 1f
        call send
        jmp print
1:      ret

# Writes the byte in %al. A VMM that holds the line back is waited for, so no byte is lost.
send:
        movb %al, %ah
        movw $SERIAL_STATUS, %dx
1:      inb %dx, %al
        testb $CAN_SEND, %al
        jz 1b
        movb %ah, %al
        movw $SERIAL, %dx
        outb %al, %dx
        ret

# Sends back everything that was received on the serial line.
echo:
        movw $SERIAL_STATUS, %dx
        inb %dx, %al
        testb $RECEIVED, %al
        jz 1f
        movw $SERIAL, %dx
        inb %dx, %al
        call send
        jmp echo
1:      ret

reset:
        movb $RESET_CPU, %al
        outb %al, $KEYBOARD_STATUS
1:      hlt
        jmp 1b

        .ifndef DEAF
# Ends the machine once it is asked to: by a key, which is how Ctrl+Alt+Del arrives, or by the power button.
stop_when_asked:
        inb $KEYBOARD_STATUS, %al
        testb $KEY_WAITING, %al
        jnz 1f
        movw $POWER_EVENTS, %dx
        inw %dx, %ax
        cmpw $NO_DEVICE, %ax
        je 3f
        testw $POWER_BUTTON, %ax
        jz 3f
1:      movl $stop_line, %esi
        call print
        jmp reset
3:      ret

stop_line:  .asciz "meros tiny guest stops\n"
        .endif

ready_line: .asciz "meros tiny guest ready\n"
        .ifndef WHOLE_PC            # what Linux has in it when it needs no firmware to find its devices
        .asciz "virtio-mmio-cmdline"
        .endif

        .bss
        .balign 16
        .skip 4096
stack_end:
        .text
