# MONITOR and MWAIT: a wait ends with an interrupt, masked or not; a store, or an interrupt, before it means there is
# none; who may use them, and the switch that takes them away. RDTSCP.
#! out lines 00000040 00000040 00000003 00000010
#! out interrupts 00000003 waited
#! out masked 00000000 waited then 00000001
#! out stored at once
#! out not monitored at once
#! out interrupted at once
#! out extension
#! out #0d 0000
#! out #0d 0000
#! out limit
#! out #0d 0000
#! out page
#! out #0e 0000 cr2 00400000
#! out aux 12345678
#! out off
#! out #06 0000
#! out #06 0000
#! out 00000000
#! out user
#! out #06 0000
#! out #06 0000
.include "prelude.inc"
.equ TICK, 10000000                     # ns and instructions, about
.macro arm
    mov eax, offset flag
    xor ecx, ecx
    xor edx, edx
    monitor
.endm
.macro wait how
    xor eax, eax
    mov ecx, \how
    mwait
.endm
.macro begin                            # EBX = now
    rdtsc
    mov ebx, eax
.endm
.macro tell                             # has a part of a tick passed since?
    rdtsc
    sub eax, ebx
    cmp eax, 100000
    jb 9701f
    print "waited"
    jmp 9702f
9701:
    print "at once"
9702:
.endm

main:
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 0x20
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    hook 0x20, on_timer

    print "lines "
    mov eax, 5
    cpuid
    mov [flag], ecx
    hex eax
    print " "
    hex ebx
    print " "
    hex [flag]
    print " "
    hex edx
    newline

    mov al, 0x34                        # channel 0, mode 2: 100 Hz
    out 0x43, al
    mov al, 0x9c
    out 0x40, al
    mov al, 0x2e
    out 0x40, al

    print "interrupts "
    begin
1:  arm
    sti
    wait 0
    cli
    cmp dword ptr [ticks], 3
    jb 1b
    hex [ticks]
    print " "
    tell
    newline

    print "masked "
    mov dword ptr [ticks], 0
    begin
    arm
    wait 1
    hex [ticks]
    print " "
    tell
    sti
    nop
    cli
    print " then "
    hex [ticks]
    newline

    print "stored "
    begin
    arm
    inc dword ptr [flag + 4]
    wait 0
    tell
    newline

    print "not monitored "
    begin
    wait 0
    tell
    newline

    print "interrupted "
    arm
    mov dword ptr [ticks], 0
    sti
2:  cmp dword ptr [ticks], 0
    je 2b
    cli
    begin
    wait 0
    tell
    newline

    print "extension\n"
    mov eax, offset flag
    mov ecx, 1
    faults monitor
    mov ecx, 2
    faults mwait
    print "limit\n"
    xor ecx, ecx
    segment 0x38, 0, 0xfff, 0x93, 4
    mov eax, 0x38
    mov fs, eax
    mov eax, 0x1000
    faults fs monitor
    print "page\n"
    mov edi, 0x200000                   # the first 4 MiB and nothing else
    mov eax, 0x83
    stosd
    xor eax, eax
    mov ecx, 1023
    rep stosd
    mov eax, 0x200000
    mov cr3, eax
    mov eax, 0x10
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    mov eax, 0x400000
    faults monitor
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax

    print "aux "
    mov ecx, 0xc0000103
    mov eax, 0x12345678
    xor edx, edx
    wrmsr
    xor ecx, ecx
    rdtscp
    hex ecx
    newline

    print "off\n"
    mov ecx, 0x1a0
    rdmsr
    and eax, 0xfffbffff
    wrmsr
    faults monitor
    faults mwait
    mov eax, 1
    cpuid
    and ecx, 8
    hex ecx
    newline
    mov ecx, 0x1a0
    rdmsr
    or eax, 0x40000
    wrmsr

    print "user\n"
    push 0x2b
    push 0x80000
    push 2
    push 0x23
    push offset user
    iretd
user:
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
    mov eax, offset flag
    xor ecx, ecx
    faults monitor
    faults mwait
    exit 0

on_timer:
    inc dword ptr [ticks]
    mov al, 0x20
    out 0x20, al
    ret
.data
.balign 64
flag: .fill 16, 4, 0
ticks: .long 0
.text
