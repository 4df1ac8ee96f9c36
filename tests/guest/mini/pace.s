# A second of a 486's time, half of it busy, half of it halted: for -speed.
.include "prelude.inc"

main:
    mov ecx, 30000000           # a 486 makes 60 million instructions a second
1:  loop 1b
    mov al, 0x11                # the 8259 at 20h, with line 0
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    hook 0x20, tick
    mov al, 0x34                # every 10 ms
    out 0x43, al
    mov al, 11932 & 255
    out 0x40, al
    mov al, 11932 >> 8
    out 0x40, al
2:  sti
    hlt
    cli
    cmp dword ptr [ticks], 50
    jb 2b
    exit 0

tick:
    inc dword ptr [ticks]
    mov al, 0x20
    out 0x20, al
    ret

.data
.balign 4
ticks: .long 0
