# An endless loop that the timer interrupts every few dozen instructions, for a debugger that steps through it.
# (No expectations here.)
.include "prelude.inc"
main:
    hook 0x20, tick
    mov al, 0x11                        # the 8259: vectors from 20h, IRQ 0 alone
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34                        # the 8254: every 40 of its ticks
    out 0x43, al
    mov al, 40
    out 0x40, al
    mov al, 0
    out 0x40, al
    sti
    mov ecx, 1000
1:  dec ecx
    jnz 1b
ready:
    inc eax
    inc edx
    jmp ready
loop_end:

tick:
    mov al, 0x20
    out 0x20, al
    ret
