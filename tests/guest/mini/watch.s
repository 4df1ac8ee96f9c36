# Debug registers: a breakpoint on an instruction is a fault before it, one on data a trap after the access.
#! out breakpoint 00000002 00000001
#! out watch 00000001 00000002
.include "prelude.inc"
main:
    hook 1, on_debug
    xor eax, eax
    mov dr6, eax
    print "breakpoint "                 # DR0, execution: before the instruction, once with RF
    mov dword ptr [traps], 0
    mov eax, offset 1f
    mov dr0, eax
    mov eax, 0x401                      # L0, instruction; bit 10 is always set
    mov dr7, eax
    mov ecx, 2
1:  nop
    loop 1b
    mov eax, 0x400
    mov dr7, eax
    hex [traps]
    print " "
    mov eax, dr6
    and eax, 15
    hex eax
    newline

    print "watch "                      # DR1: write of 4 bytes, after the instruction
    mov dword ptr [traps], 0
    mov eax, 0x200100
    mov dr1, eax
    xor eax, eax
    mov dr6, eax
    mov eax, 0xd00404                   # L1, RW1 = 1, LEN1 = 3
    mov dr7, eax
    mov eax, [0x200100]                 # reads do not count
    mov dword ptr [0x200104], 1         # nor other addresses
    mov byte ptr [0x200103], 1
    mov eax, 0x400
    mov dr7, eax
    hex [traps]
    print " "
    mov eax, dr6
    and eax, 15
    hex eax
    newline
    exit 0

on_debug:
    inc dword ptr [traps]
    mov eax, dr6                        # an instruction breakpoint is a fault: RF lets it run
    test al, 1
    jz 1f
    or dword ptr [ebx + frame_eflags], 0x10000
1:  ret
.data
traps: .long 0
.text
