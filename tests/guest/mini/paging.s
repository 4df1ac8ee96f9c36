# Paging in its three shapes, error codes, accessed and dirty bits, write protection, rings, an instruction that
# crosses into an absent page.
#! out 4K 11111111 #0e 0000 cr2 00800000
#! out #0e 0002 cr2 00800000
#! out pde 00000020 pte 00000020
#! out written 00000060
#! out wp off 00000002
#! out wp on #0e 0003 cr2 00400010
#! out supervisor #0e 0005 cr2 00200000
#! out user write #0e 0007 cr2 00400010
#! out user absent #0e 0006 cr2 00c00000
#! out crossing #0e 0000 cr2 00402000
#! out crossing 12345678
#! out crossing data #0e 0002 cr2 00402000
#! out unchanged 12345678
#! out rep #0e 0002 cr2 00402000
#! out left 00000004 00402000
#! out 4M cafebabe 00000061
#! out global 00000005
#! out PAE 4K deadbeef
#! out PAE 2M 55aa55aa
#! out PAE reserved #0e 0009 cr2 00e00000
#! out PAE high cr2 #0e 0000 cr2 fffff000
#! out off
.include "prelude.inc"
.equ DIR, 0x300000
.equ T0, 0x301000                       # maps 0 to 4 MiB, one to one
.equ T1, 0x302000                       # maps 4 to 8 MiB
.equ PDPT, 0x310000
.equ PD0, 0x311000
.equ PD3, 0x312000
.equ PT0, 0x313000
.equ PT7, 0x314000

.macro flush
    mov eax, cr3
    mov cr3, eax
.endm

# Runs label at ring 3, where the instruction at label_fault must fault; goes on at back.
.macro user label, back
    mov dword ptr [origin], offset \label\()_fault
    resume_at \back
    push 0x2b
    push 0x8e000
    push 0x2
    push 0x23
    push offset \label
    iretd
.endm

main:
    hook 14, on_fault
    mov edi, T0
    mov eax, 3                          # supervisor's
    mov ecx, 1024
1:  mov [edi], eax
    add edi, 4
    add eax, 0x1000
    loop 1b
    or dword ptr [T0 + 0x100 * 4], 4    # the payload itself is everybody's
    or dword ptr [T0 + 0x101 * 4], 4
    or dword ptr [T0 + 0x102 * 4], 4
    mov dword ptr [DIR], T0 + 7
    mov dword ptr [DIR + 4], T1 + 7
    mov dword ptr [T1], 0x200000 + 7
    mov dword ptr [T1 + 4], 0x201000 + 7
    mov dword ptr [0x200000], 0x11111111
    mov eax, DIR
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp 1f

1:  print "4K "
    hex [0x400000]
    print " "
    faults mov eax, [0x800000]
    faults mov [0x800000], eax
    print "pde "
    mov eax, [DIR+4]
    and eax, 0x60
    hex eax
    print " pte "
    mov eax, [T1]
    and eax, 0x60
    hex eax
    newline
    mov dword ptr [0x400010], 1
    print "written "
    mov eax, [T1]
    and eax, 0x60
    hex eax
    newline

    and dword ptr [T1], 0xfffffffd      # read-only
    flush
    print "wp off "
    inc dword ptr [0x400010]
    hex [0x400010]
    newline
    mov eax, cr0
    or eax, 0x10000
    mov cr0, eax
    print "wp on "
    faults inc dword ptr [0x400010]

    print "supervisor "
    user reads_kernel, 1f
1:  print "user write "
    user writes_read_only, 1f
1:  print "user absent "
    user writes_absent, 1f

    # MOV EAX, imm32 with the immediate in a page that is not there
1:  or dword ptr [T1], 2
    flush
    mov byte ptr [0x401ffe], 0xb8
    mov byte ptr [0x401fff], 0x78
    mov dword ptr [T1 + 8], 0
    print "crossing "
    mov dword ptr [origin], 0x401ffe
    resume_at 1f
    mov eax, 0x401ffe
    jmp eax
1:  mov dword ptr [T1 + 8], 0x202007
    mov dword ptr [0x402000], 0xc3123456
    print "crossing "
    mov eax, 0x401ffe
    call eax
    hex eax
    newline

    # A store across it: nothing of it is written
    mov dword ptr [0x401ffc], 0x12345678
    mov dword ptr [T1 + 8], 0
    invlpg [0x402000]
    print "crossing data "
    mov eax, 0xffffffff
    faults mov [0x401ffe], eax
    print "unchanged "
    hex [0x401ffc]
    newline
    print "rep "
    mov edi, 0x401fe0
    mov ecx, 12
    xor eax, eax
    faults rep stosd
    print "left "
    hex ecx
    print " "
    hex edi
    newline

    print "4M "
    mov eax, cr4
    or eax, 0x10
    mov cr4, eax
    mov dword ptr [0x200ffc], 0xcafebabe
    mov dword ptr [DIR + 8], 0x83       # 8 to 12 MiB are 0 to 4
    hex [0xa00ffc]
    mov dword ptr [0xa00ff8], 1
    print " "
    mov eax, [DIR+8]
    and eax, 0x61
    hex eax
    newline

    # A global entry survives a CR3 load: its stale translation does too until INVLPG
    print "global "
    mov eax, cr4
    or eax, 0x80
    mov cr4, eax
    mov dword ptr [T1 + 0x20], 0x203103
    mov dword ptr [0x203000], 5
    mov dword ptr [0x204000], 6
    mov eax, [0x408000]
    flush
    hex [0x408000]
    newline

    # PAE
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    jmp 1f
1:  mov dword ptr [PDPT], PD0 + 1
    mov dword ptr [PDPT + 24], PD3 + 1
    mov dword ptr [PD0], 0x083          # 0 to 2 MiB
    mov dword ptr [PD0 + 8], PT0 + 3    # 2 to 4 MiB by 4 KiB
    mov edi, PT0
    mov eax, 0x200003
    mov ecx, 512
2:  mov [edi], eax
    mov dword ptr [edi + 4], 0
    add edi, 8
    add eax, 0x1000
    loop 2b
    mov dword ptr [PD0 + 16], 0x400083  # 4 to 6 MiB
    mov dword ptr [PD0 + 24], 0x400083  # 6 to 8 MiB are the same
    mov dword ptr [PD0 + 56], PT7 + 3
    mov dword ptr [PT7], 0x400003       # 14 MiB: an address that this CPU does not have
    mov dword ptr [PT7 + 4], 0x7ff00000
    mov eax, cr4
    and eax, 0xffffff7f
    or eax, 0x20
    mov cr4, eax
    mov eax, PDPT
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp 1f
1:  print "PAE 4K "
    mov dword ptr [0x20a000], 0xdeadbeef
    hex [0x20a000]
    newline
    print "PAE 2M "
    mov dword ptr [0x412340], 0x55aa55aa
    hex [0x612340]
    newline
    print "PAE reserved "
    faults mov eax, [0xe00000]
    print "PAE high cr2 "
    faults mov eax, [0xfffff000]
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    jmp 1f
1:  print "off\n"
    exit 0

on_fault:                               # back to ring 0 whatever it came from
    call report
    cmp dword ptr [ebx + frame_cs], 0x10
    je 1f
    mov dword ptr [ebx + frame_cs], 0x10
    mov eax, [ebx + frame_eip]
    mov [back], eax
    mov eax, 0x18
    mov es, eax
    mov esp, 0x8fe00                    # the ring 0 stack before `user`: it pushed nothing that is needed
    jmp [back]
1:  ret

.macro user_code name, insn:vararg
\name:
    mov eax, 0x2b                       # IRET has made it null
    mov ds, eax
\name\()_fault:
    \insn
.endm
user_code reads_kernel, mov eax, [0x200000]
user_code writes_read_only, mov dword ptr [0x400010], 9
user_code writes_absent, mov dword ptr [0xc00000], 9
.data
back: .long 0
.text
