# What an operator does, as the guest sees it: keys, the power button, NMIs, a reset (it starts anew). Escape ends it.
# For test_qmp.py and test_monitor.py.
.include "prelude.inc"
main:
    hook 2, nmi
    mov dword ptr [0xfee000f0], 0x1ff   # the local APIC lets NMIs through its pin LINT1
    mov dword ptr [0xfee00360], 0x400
    hook 0x20, timer
    mov al, 0x11                # it looks a hundred times a second
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34
    out 0x43, al
    mov al, 0x9c
    out 0x40, al
    mov al, 0x2e
    out 0x40, al
    print "start\n"
1:  sti
    hlt
    cli
2:  in al, 0x64
    test al, 1
    jz 4f
    test al, 0x20               # the mouse's
    in al, 0x60
    jnz 3f
    print "key "
    hex eax, 2
    newline
    cmp al, 0x81                # Escape is up
    je 9f
    jmp 2b
3:  print "mouse "
    hex eax, 2
    newline
    jmp 2b
4:  mov dx, 0x600               # PM1 status: the power button
    in ax, dx
    test ah, 1
    jz 1b
    mov ax, 0x100
    out dx, ax
    print "power\n"
    jmp 1b
9:  exit 0x22

timer:
    push eax
    mov al, 0x20
    out 0x20, al
    pop eax
    ret

nmi:
    print "nmi\n"
    ret
