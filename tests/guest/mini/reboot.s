# Resets by the keyboard controller, port 92 and CF9; the CMOS RAM counts them.
#! status 9
#! out start
#! out start
#! out start
#! out start
.include "prelude.inc"
main:
    print "start\n"
    mov al, 0x40
    out 0x70, al
    in al, 0x71
    movzx ebx, al
    mov al, 0x40
    out 0x70, al
    lea eax, [ebx + 1]
    out 0x71, al
    cmp ebx, 0
    je by_keyboard
    cmp ebx, 1
    je by_port_92
    cmp ebx, 2
    je by_cf9
    exit 4
by_keyboard:
    mov al, 0xfe
    out 0x64, al
    jmp forever
by_port_92:
    in al, 0x92
    and al, 0xfe
    out 0x92, al
    or al, 1
    out 0x92, al
    jmp forever
by_cf9:
    mov edx, 0xcf9
    mov al, 2
    out dx, al
    mov al, 6
    out dx, al
forever:
    jmp forever
