# A guest without a BIOS that goes back to real mode finds INT 10h: the mode that it is in, another and a pixel of it.
#! out 1003 0d01 0001
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
    hex [0x500], 4
    print " "
    hex [0x502], 4
    print " "
    hex [0x504], 4
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
    mov ax, 0x0f00
    int 0x10
    mov ah, 0x10
    mov [0x500], ax             # the mode
    mov ax, 0x0013
    int 0x10
    mov ax, 0x0c01
    mov cx, 5
    mov dx, 6
    int 0x10
    mov ax, 0x0d02
    int 0x10
    mov [0x502], ax
    mov ax, 0xa000
    mov es, ax
    movzx ax, byte ptr es:[6 * 320 + 5]
    mov [0x504], ax
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
