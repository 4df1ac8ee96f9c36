# The firmware serves a guest that goes back to real mode: the timer ticks and wakes it, interrupts
# of both controllers are acknowledged, an unknown service says so, and every other vector returns.
#! args -device pc-testdev
#! out ticks 00000003
#! out irq 0000 0000
#! out returned 86fe
.include "prelude.inc"
.equ CODE16, 0x20000

main:
    mov esi, offset code16
    mov edi, CODE16
    mov ecx, offset code16_end - code16
    rep movsb
    segment 0x40, CODE16, 0xffff, 0x9b, 0
    segment 0x48, CODE16, 0xffff, 0x93, 0
    mov [saved_esp], esp
    mov eax, [0x46c]
    mov [before], eax
    lidt [real_idt]
    jmp 0x40:0

back:
    mov eax, 0x18
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, [saved_esp]
    lidt [idtr]
    print "ticks "
    mov eax, [0x46c]
    sub eax, [before]
    hex eax
    newline
    print "irq "
    hex [0x500], 4
    print " "
    hex [0x504], 4
    newline
    print "returned "
    hex [0x508], 4
    newline
    exit 0

.code16
code16:
    mov ax, 0x48
    mov ss, ax
    mov ds, ax
    mov es, ax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    jmp 0x2000:offset 1f - code16
1:  xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov ecx, 3
2:  sti
    hlt                         # the timer
    loop 2b
    cli
    mov al, 0x12                # IRQ 3 and 12
    out 0x21, al
    mov al, 0xef
    out 0xa1, al
    mov al, 1
    mov dx, 0x2003
    out dx, al
    mov dx, 0x200c
    out dx, al
    sti
    nop
    nop
    cli
    mov al, 0
    out dx, al
    mov dx, 0x2003
    out dx, al
    mov al, 0x0b                # in service: none
    out 0x20, al
    in al, 0x20
    movzx eax, al
    mov [0x500], eax
    mov al, 0x0b
    out 0xa0, al
    in al, 0xa0
    movzx eax, al
    mov [0x504], eax
    mov eax, 0xcafe
    int 0x15
    int 0xff
    mov [0x508], eax
    mov al, 0xff
    out 0x21, al
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp fword ptr cs:[target - code16]
    .balign 4
target:
    .long back
    .word 0x10
code16_end:
.code32
.data
.balign 8
real_idt:
    .word 0x3ff
    .long 0
saved_esp: .long 0
before: .long 0
