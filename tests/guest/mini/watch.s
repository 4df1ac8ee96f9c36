# Debug registers: a breakpoint on an instruction is a fault before it, one on data or a port a trap after the access.
#! out breakpoint 00000003 00000001
#! out write 00000002 00000002
#! out read 00000003 00000004
#! out crossing 00000001 00000002
#! out rep 00000001 00000002 00000007
#! out port 00000002 00000008
#! out same page 00000000
#! out global 00000001
#! out general detect #01 0000
#! out bd 00002000 00000400
#! out off 00000000
.include "prelude.inc"
.equ DATA, 0x200100

.macro arm dr7                          # breakpoints as in DR7; counts from 0
    mov dword ptr [traps], 0
    mov dword ptr [last_ecx], 0
    xor eax, eax
    mov dr6, eax
    mov eax, \dr7 + 0x400
    mov dr7, eax
.endm

.macro disarm                           # prints how often and DR6
    mov eax, 0x400
    mov dr7, eax
    hex [traps]
    print " "
    mov eax, dr6
    and eax, 15
    hex eax
.endm

main:
    hook 1, on_debug
    mov eax, offset 1f
    mov dr0, eax
    mov eax, DATA
    mov dr1, eax
    mov eax, DATA + 0x10
    mov dr2, eax
    mov eax, 0xe9
    mov dr3, eax
    mov eax, cr4
    or eax, 8                           # DE: port breakpoints
    mov cr4, eax

    print "breakpoint "                 # L0
    arm 1
    mov ecx, 3
1:  dec ecx
    jnz 1b
    disarm
    newline

    print "write "                      # L1: 4 bytes, writes
    arm 0x00d00004
    mov eax, [DATA]                     # reads do not count
    mov dword ptr [DATA + 4], 1         # nor other addresses
    mov byte ptr [DATA + 3], 1
    inc dword ptr [DATA]
    disarm
    newline

    print "read "                       # L2: 2 bytes, both
    arm 0x07000010
    mov eax, [DATA + 0x10]
    mov [DATA + 0x11], al
    mov al, [DATA + 0x12]               # behind it
    mov al, [DATA + 0xf]                # before it
    push dword ptr [DATA + 0xe]         # its second half
    add esp, 4
    disarm
    newline

    print "crossing "                   # L1: an access that only begins before it
    arm 0x00d00004
    mov dword ptr [DATA - 3], 0
    disarm
    newline

    print "rep "                        # after the iteration that hits
    arm 0x00d00004
    mov edi, DATA - 8
    mov ecx, 10
    xor eax, eax
    rep stosd
    disarm
    print " "
    hex [last_ecx]
    newline

    print "port "                       # L3: port E9
    arm 0x20000040
    in al, 0xe9
    in al, 0x61
    mov al, 'p'
    mov edx, 0xe8
    in ax, dx                           # E8 and E9
    disarm
    newline

    print "same page "                  # watched, but never met
    arm 0x00d00004
    mov ecx, 1000
2:  inc dword ptr [DATA + 0x20]
    loop 2b
    mov eax, 0x400
    mov dr7, eax
    hex [traps]
    newline

    print "global "                     # G1 serves as well as L1
    arm 0x00d00008
    mov byte ptr [DATA], 0
    mov eax, 0x400
    mov dr7, eax
    hex [traps]
    newline

    print "general detect "             # GD: no access to debug registers
    mov dword ptr [hooks + 4], 0
    xor eax, eax
    mov dr6, eax
    mov eax, 0x2400
    mov dr7, eax
    faults mov eax, dr0
    print "bd "
    mov eax, dr6
    and eax, 0xe00f
    hex eax
    print " "
    mov eax, dr7                        # GD is off in the handler and stays off
    hex eax
    newline

    hook 1, on_debug
    print "off "
    arm 0
    mov dword ptr [DATA], 1
    in al, 0xe9
    hex [traps]
    newline
    exit 0

on_debug:
    inc dword ptr [traps]
    mov eax, [ebx + frame_ecx]
    mov [last_ecx], eax
    mov eax, dr6                        # an instruction breakpoint is a fault: RF lets it run
    test al, 1
    jz 1f
    or dword ptr [ebx + frame_eflags], 0x10000
1:  ret
.data
traps: .long 0
last_ecx: .long 0
.text
