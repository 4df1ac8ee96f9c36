# INT1 (F1): #DB as a trap, whatever TF says, and from any privilege level without a look at the gate's.
#! out 00000001 00000000
.include "prelude.inc"
main:
    hook 1, on_debug
    xor eax, eax
    mov dr6, eax
    .byte 0xf1
    hex [traps]
    print " "
    mov eax, dr6
    and eax, 0xe00f
    hex eax
    newline
    exit 0
on_debug:
    inc dword ptr [traps]
    ret
.data
traps: .long 0
.text
