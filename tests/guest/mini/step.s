# Single stepping: #DB after each instruction, once for each iteration of a REP, not right after MOV SS; INT and a fault
# clear TF.
#! out nops 00000005
#! out dr6 00004000
#! out rep 00000004 00000000
#! out mov ss 00000004
#! out taken 00000004
#! out int 00000005 00000001
#! out popf off 00000001
#! out fault 00000004
.include "prelude.inc"

.macro start                            # TF on: the first trap comes after the instruction that follows
    mov dword ptr [traps], 0
    pushfd
    or dword ptr [esp], 0x100
    popfd
.endm
.macro stop                             # three more traps: the POPF's, too, because it began with TF set
    pushfd
    and dword ptr [esp], 0xfffffeff
    popfd
.endm

main:
    hook 1, on_debug
    hook 0x30, on_int
    xor eax, eax
    mov dr6, eax

    print "nops "
    start
    nop
    nop
    stop
    hex [traps]                         # 2 NOP, PUSHF, AND, POPF
    newline
    print "dr6 "
    mov eax, dr6
    and eax, 0xe00f
    hex eax
    newline

    print "rep "
    mov ecx, 3
    mov edi, 0x200000
    mov al, 1
    start
    rep stosb
    mov byte ptr [0x200010], 1
    mov ebx, [traps]                    # 3 iterations and MOV
    stop
    hex ebx
    print " "
    hex ecx
    newline

    print "mov ss "
    mov eax, 0x18
    start
    mov ss, eax                         # no trap after it
    nop                                 # one for both
    stop
    hex [traps]
    newline

    print "taken "
    start
    jmp 1f
    ud2
1:  stop
    hex [traps]
    newline

    print "int "
    mov dword ptr [ints], 0
    start
    nop
    int 0x30                            # the handler runs without TF; IRET brings it back, the trap comes after NOP
    nop
    stop
    hex [traps]
    print " "
    hex [ints]
    newline

    print "popf off "
    mov dword ptr [traps], 0
    pushfd
    pushfd
    or dword ptr [esp], 0x100
    popfd
    popfd                               # traps: TF was set when it began
    hex [traps]
    newline

    print "fault "
    mov dword ptr [origin], offset 2f
    resume_at 3f
    hook 6, on_ud
    start
    nop
2:  ud2                                 # pushed TF comes back with IRET
3:  stop
    hex [traps]
    newline

    exit 0

on_debug:
    inc dword ptr [traps]
    ret
on_int:
    inc dword ptr [ints]
    ret
on_ud:
    mov dword ptr [ebx + frame_eip], offset 3b
    ret
.data
traps: .long 0
ints: .long 0
.text
