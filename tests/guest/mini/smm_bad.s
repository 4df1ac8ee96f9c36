# RSM of a state that cannot be (CR0 with PG but not PE): shutdown.
#! status 3
#! args -no-reboot
#! out going
#! err shut down
#! err RSM
.include "prelude.inc"
main:
    print "going\n"
    mov esi, offset handler
    mov edi, 0x38000
    mov ecx, offset handler_end - handler
    rep movsb
    mov eax, 0x80000b58
    mov edx, 0xcf8
    out dx, eax
    mov edx, 0xcff
    mov al, 2
    out dx, al
    mov edx, 0x628
    mov eax, 1
    out dx, eax
    out 0xb2, al
    print "still here\n"
    exit 0
.code16
handler:
    mov ebp, 0x3fffc
    mov dword ptr [ebp], 0x80000010
    rsm
handler_end:
