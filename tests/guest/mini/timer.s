# The PIT interrupts a halted and a busy CPU; time stamps tell the same time; REP MOVS is interrupted and goes on.
#! out halted 0000000a
#! out busy 0000000a
#! out steady
#! out masked 00000000
#! out rep 00800000 whole
#! out spurious none
.include "prelude.inc"
.macro start_pit
    mov al, 0x34                        # channel 0, mode 2
    out 0x43, al
    mov al, 0x9c                        # 1193182 / 11932: 100 Hz
    out 0x40, al
    mov al, 0x2e
    out 0x40, al
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

    start_pit
    print "halted "
1:  sti
    hlt
    cli
    cmp dword ptr [ticks], 10
    jb 1b
    hex [ticks]
    newline

    print "busy "
    mov dword ptr [ticks], 0
    sti
2:  cmp dword ptr [ticks], 10           # no HLT: the loop itself is interrupted
    jb 2b
    cli
    hex [ticks]
    newline

    mov ecx, 8                          # the distances of the last ticks, within 1/256 of their mean
    mov eax, [stamps + 36]
    sub eax, [stamps + 4]
    shr eax, 3
    mov ebx, eax
    shr ebx, 8
    mov esi, offset stamps + 4
3:  mov edx, [esi + 4]
    sub edx, [esi]
    sub edx, eax
    jns 4f
    neg edx
4:  cmp edx, ebx
    ja unsteady
    add esi, 4
    loop 3b
    print "steady\n"

    print "masked "
    mov dword ptr [ticks], 0
    mov al, 0xff
    out 0x21, al
    sti
    mov ecx, 20000000
5:  dec ecx
    jnz 5b
    cli
    hex [ticks]
    newline

    # 8 MiB by REP MOVSB with ticks in the middle: they arrive, and nothing is lost or done twice
    print "rep "
    mov dword ptr [ticks], 0
    mov edi, 0x800000
    mov ecx, 0x200000
    mov eax, 0x12345
6:  stosd
    imul eax, eax, 1103515245
    add eax, 12345
    loop 6b
    mov al, 0x34                        # faster: every 3 clocks
    out 0x43, al
    mov al, 3
    out 0x40, al
    mov al, 0
    out 0x40, al
    mov al, 0xfe
    out 0x21, al
    mov ebx, 4
    sti
8:  mov esi, 0x800000
    mov edi, 0x1000000
    mov ecx, 0x800000
    rep movsb
    dec ebx
    jnz 8b
    cli
    mov eax, edi
    sub eax, 0x1000000
    hex eax
    cmp dword ptr [ticks], 3
    jb 7f
    mov esi, 0x800000
    mov edi, 0x1000000
    mov ecx, 0x200000
    repe cmpsd
    jne 7f
    print " whole"
7:  newline
    mov al, 0xff
    out 0x21, al

    print "spurious "
    hook 0x27, on_spurious
    mov ecx, 100
9:  sti
    nop
    cli
    loop 9b
    print "none\n"
    exit 0

unsteady:
    print "unsteady "
    hex edx
    print " "
    hex eax
    newline
    exit 1

on_timer:
    rdtsc
    mov ecx, [ticks]
    cmp ecx, 15
    ja 1f
    mov [stamps + ecx * 4], eax
1:  inc dword ptr [ticks]
    mov al, 0x20
    out 0x20, al
    ret
on_spurious:
    print "one "
    ret
.data
ticks: .long 0
stamps: .fill 16, 4, 0
.text
