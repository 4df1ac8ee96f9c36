# Debug exceptions at the seams: MOV SS defers them, RF between the iterations of a REP, watchpoints met by the pushes of
# an interrupt, steps by branches (BTF), HLT, bit T of a TSS, what is left in DR6.
#! out mov ss 01 0002 +01
#! out pop ss 01 0002 +02
#! out mov ss and int 01 0002 +00
#! out breakpoint after mov ss 00 0000
#! out breakpoint on rep 01 0001 00
#! out rf 70
#! out int pushes 01 0004 +00
#! out fault pushes 01 0004 +00
#! out dr6 02 0001
#! out hlt 04
#! out icebp 05
#! out btf 09 00
#! out task 00000608 01 8000 +00
#! out rep cmps 95 0800
.include "prelude.inc"
.equ DATA, 0x200100
.equ STACK, 0x7f000

.macro arm dr7
    mov dword ptr [traps], 0
    xor eax, eax
    mov dr6, eax
    mov eax, \dr7 + 0x400
    mov dr7, eax
.endm

.macro disarm
    mov eax, 0x400
    mov dr7, eax
    hex [traps], 2
    print " "
    mov eax, dr6
    and eax, 0xe00f
    hex eax, 4
.endm

.macro at label                         # distance of the last trap's EIP from a label
    mov eax, [last_eip]
    sub eax, offset \label
    print " +"
    hex eax, 2
.endm

.macro trap_flag on
    pushfd
.if \on
    or dword ptr [esp], 0x100
.else
    and dword ptr [esp], 0xfffffeff
.endif
    popfd
.endm

main:
    hook 1, on_debug
    mov eax, DATA
    mov dr1, eax
    mov word ptr [DATA], 0x18

    print "mov ss "                     # its watchpoint comes after the NOP
    arm 0x00f00004
    mov ss, [DATA]
1:  nop
    disarm
    at 1b
    newline

    print "pop ss "
    mov ebx, esp
    mov esp, DATA
    arm 0x00f00004
    pop ss
1:  mov esp, ebx
    disarm
    at 1b
    newline

    print "mov ss and int "             # before the handler's first instruction
    gate 0x2f, 0x10, bare, 0x8e
    arm 0x00f00004
    mov ss, [DATA]
    int 0x2f
    disarm
    at bare
    newline

    print "breakpoint after mov ss "    # suppressed
    mov eax, offset 1f
    mov dr0, eax
    mov edx, 0x18
    arm 1
    mov ss, edx
1:  nop
    disarm
    newline

    print "breakpoint on rep "          # once, not for each iteration
    mov eax, offset 1f
    mov dr0, eax
    mov edi, 0x210000
    mov ecx, 5
    arm 1
1:  rep stosb
    disarm
    print " "
    hex ecx, 2
    newline

    print "rf "                         # of steps: set but after the last iteration
    mov dword ptr [rf_seen], 0
    mov ecx, 4
    mov edi, 0x210000
    mov dword ptr [traps], 0
    trap_flag 1
    rep stosb
    trap_flag 0
    hex [rf_seen], 2
    newline

    print "int pushes "                 # onto a watched word: before the handler's first instruction
    mov ebx, esp
    mov esp, STACK
    mov eax, STACK - 8
    mov dr2, eax
    arm 0x0d000010
    int 0x2f
    mov esp, ebx
    disarm
    at bare
    newline

    print "fault pushes "
    mov ebx, esp
    gate 6, 0x10, bare_skip, 0x8e
    mov esp, STACK
    arm 0x0d000010
    ud2
    mov esp, ebx
    disarm
    at bare_skip
    newline

    print "dr6 "                        # the latest one's bits
    arm 0x00d00005
    mov eax, offset 1f
    mov dr0, eax
    mov dword ptr [DATA], 1
1:  nop
    disarm
    newline

    print "hlt "                        # TF ends it
    mov dword ptr [traps], 0
    trap_flag 1
    hlt
1:  trap_flag 0
    hex [traps], 2
    newline

    print "icebp "                      # one trap for it
    mov dword ptr [traps], 0
    trap_flag 1
    .byte 0xf1
    nop
    trap_flag 0
    hex [traps], 2
    newline

    print "btf "                        # two taken of the three, then BTF is off: NOP, PUSHFD, AND, POPFD
    mov dword ptr [traps], 0
    mov dword ptr [rearm], 2
    mov ecx, 0x1d9
    mov eax, 2
    xor edx, edx
    wrmsr
    mov ebx, 3
    trap_flag 1
1:  dec ebx
    nop
    jnz 1b
    nop
    trap_flag 0
    hex [traps], 2
    print " "
    mov ecx, 0x1d9
    rdmsr
    hex eax, 2
    newline

    print "task "                       # bit T; L0 to L3 and LE are cleared, G1 stays
    mov dword ptr [rearm], 0
    segment 0x68, 0, 103, 0x89, 0
    mov eax, offset task
    mov [gdt + 0x68 + 2], ax
    shr eax, 16
    mov [gdt + 0x68 + 4], al
    arm 0x0000035d
    .byte 0x9a
    .long 0
    .word 0x68
    mov eax, dr7
    hex eax
    print " "
    disarm
    at task_code
    newline

    print "rep cmps "                   # faults in its second chunk: the flags are those from before
    segment 0x40, 0x300000, 0x17ff, 0x93, 4
    mov edi, 0x300000
    mov ecx, 0x2000
    mov al, 0
    rep stosb
    mov eax, 0x40
    mov es, eax
    xor edi, edi
    mov esi, 0x300000
    mov ecx, 0x2000
    hook 13, on_gp
    cmp eax, 0x41                       # CF, not ZF
    repe cmpsb
9:  mov eax, 0x18
    mov es, eax
    hex [gp_flags], 2
    print " "
    hex ecx, 4
    newline
    exit 0

on_gp:
    mov eax, [ebx + frame_eflags]
    and eax, 0xd5
    mov [gp_flags], eax
    mov dword ptr [ebx + frame_eip], offset 9b
    ret

bare:
    iretd
bare_skip:
    add dword ptr [esp], 2
    iretd

task_code:
    iretd

on_debug:
    inc dword ptr [traps]
    mov eax, [ebx + frame_eip]
    mov [last_eip], eax
    shl dword ptr [rf_seen], 1
    test dword ptr [ebx + frame_eflags], 0x10000
    jz 1f
    inc dword ptr [rf_seen]
1:  mov eax, dr6                        # an instruction breakpoint is a fault: RF lets it run
    test al, 1
    jz 1f
    or dword ptr [ebx + frame_eflags], 0x10000
1:  cmp dword ptr [rearm], 1
    jle 1f
    dec dword ptr [rearm]
    mov ecx, 0x1d9
    mov eax, 2
    xor edx, edx
    wrmsr
1:  ret
.data
traps: .long 0
last_eip: .long 0
rf_seen: .long 0
rearm: .long 0
gp_flags: .long 0
.balign 4
task:
    .long 0, 0, 0, 0, 0, 0, 0, 0        # link, stacks, CR3
    .long task_code, 2                  # EIP, EFLAGS
    .long 0, 0, 0, 0, 0x8b000, 0, 0, 0  # EAX ECX EDX EBX ESP EBP ESI EDI
    .long 0x18, 0x10, 0x18, 0x18, 0, 0  # ES CS SS DS FS GS
    .long 0, 0x680001                   # T
.text
