# Local APIC, I/O APIC and HPET interrupt the CPU: at once, in time, and only when they may.
#! out ipi 00000001
#! out held 00000000 then 00000001
#! out nmi 00000001
#! out one-shot 00000001 on time
#! out periodic 00000005 on time
#! out deadline 00000001 on time, now 00000000
#! out past 00000001
#! out busy 00000001 on time
#! out pit 00000003
#! out hpet 00000001 on time
#! out pic 00000001 00000002
#! out #0d 0000
#! out #0d 0000
#! out off 00000000 ffffffff
#! out on 00000200 00050014
.include "prelude.inc"
.equ LAPIC, 0xfee00000
.equ IOAPIC, 0xfec00000
.equ HPET, 0xfed00000

.macro lapic reg, value
    mov dword ptr [LAPIC + \reg], \value
.endm

.macro ioapic index, value
    mov dword ptr [IOAPIC], \index
    mov dword ptr [IOAPIC + 0x10], \value
.endm

.macro expect text
    print "\text "
    mov dword ptr [hits], 0
.endm

.macro wait_for count
9700:
    sti
    hlt
    cli
    cmp dword ptr [hits], \count
    jb 9700b
    hex [hits]
.endm

# EAX is the distance from the time that was meant: 64 ticks later at most
.macro on_time
    cmp eax, 64
    ja late
    print " on time"
.endm

main:
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    hook 0x20, on_pic
    hook 0x21, on_apic
    hook 0x22, on_apic
    hook 0x2f, on_spurious
    hook 2, on_nmi
    lapic 0xf0, 0x12f

    expect ipi
    lapic 0x300, 0x44021
    sti
    nop
    cli
    hex [hits]
    newline

    expect held                         # by the task priority; it comes as soon as that is lowered
    lapic 0x80, 0x20
    lapic 0x300, 0x44021
    sti
    nop
    nop
    hex [hits]
    lapic 0x80, 0x1f
    print " then "
    hex [hits]
    cli
    newline

    expect nmi
    lapic 0x300, 0x4400                 # to APIC ID 0
    nop
    hex [hits]
    newline

    expect one-shot
    lapic 0x3e0, 0xb
    lapic 0x320, 0x21
    rdtsc
    mov edi, eax
    lapic 0x380, 100000
    wait_for 1
    mov eax, [stamp]
    sub eax, edi
    sub eax, 100000
    on_time
    newline

    expect periodic
    lapic 0x3e0, 0                      # by 2
    lapic 0x320, 0x20021
    rdtsc
    mov edi, eax
    lapic 0x380, 10000
    wait_for 5
    mov eax, [stamp]
    sub eax, edi
    sub eax, 100000
    on_time
    lapic 0x380, 0
    newline

    expect deadline
    lapic 0x320, 0x40021
    call deadline
    wait_for 1
    mov eax, [stamp]
    sub eax, edi
    on_time
    mov ecx, 0x6e0
    rdmsr
    or eax, edx
    print ", now "
    hex eax
    newline

    expect past
    mov eax, 1
    xor edx, edx
    sti
    wrmsr
    cli
    hex [hits]
    newline

    expect busy
    call deadline
    sti
1:  cmp dword ptr [hits], 0
    je 1b
    cli
    hex [hits]
    mov eax, [stamp]
    sub eax, edi
    on_time
    newline

    expect pit
    ioapic 0x15, 0
    ioapic 0x14, 0x22
    mov al, 0x34
    out 0x43, al
    mov al, 0
    out 0x40, al
    mov al, 0x10
    out 0x40, al
    wait_for 3
    ioapic 0x14, 0x10022
    newline

    expect hpet                         # comparator 2 by input 20
    ioapic 0x39, 0
    ioapic 0x38, 0x22
    mov dword ptr [HPET + 0x140], 0x2804
    mov dword ptr [HPET + 0x148], 10000
    mov dword ptr [HPET + 0x14c], 0
    rdtsc
    mov edi, eax
    mov dword ptr [HPET + 0x10], 1
    wait_for 1
    mov eax, [stamp]
    sub eax, edi
    sub eax, 100000
    on_time
    newline

    expect pic                          # past the APIC: by LINT0, and with the APIC off
    call start_pic
    lapic 0x350, 0x700
    wait_for 1
    print " "
    mov ecx, 0x1b
    rdmsr
    and ah, 0xf7
    wrmsr
    wait_for 2
    newline
    mov al, 0xff
    out 0x21, al

    mov eax, 0xfee00d00                 # x2APIC is not there, nor are low bits
    mov ecx, 0x1b
    xor edx, edx
    faults wrmsr
    mov eax, 0xfee00901
    faults wrmsr
    print "off "
    call show
    mov eax, 0xfee00900
    mov ecx, 0x1b
    xor edx, edx
    wrmsr
    print "on "
    call show
    exit 0

late:
    print " late "
    hex eax
    newline
    exit 1

show:
    mov eax, 1
    cpuid
    and edx, 0x200
    hex edx
    print " "
    mov eax, [LAPIC + 0x30]
    hex eax
    newline
    ret

deadline:                               # in 100000 ticks; EDI: when
    rdtsc
    add eax, 100000
    adc edx, 0
    mov edi, eax
    mov ecx, 0x6e0
    wrmsr
    ret

start_pic:
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    ret

on_apic:
    rdtsc
    mov [stamp], eax
    inc dword ptr [hits]
    lapic 0xb0, 0
    ret
on_pic:
    inc dword ptr [hits]
    mov al, 0x20
    out 0x20, al
    ret
on_nmi:
    inc dword ptr [hits]
    ret
on_spurious:
    print "spurious "
    ret
.data
hits:  .long 0
stamp: .long 0
.text
