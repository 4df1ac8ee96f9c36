# The real-mode part of a miniature guest: enters flat protected mode and jumps to the payload. DS is the segment it was
# loaded to.
.intel_syntax noprefix
.code16
.globl _start
_start:
    .skip 0x1f1
    .byte 1                      # one setup sector
    .skip 0x200 - 0x1f2
    jmp enter                    # its target ends the header
    .ascii "HdrS"
    .skip 0x26c - 0x206
enter:
    cli
    xor eax, eax
    mov ax, ds
    shl eax, 4
    add eax, offset gdt
    mov [gdtr + 2], eax
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    .byte 0x66, 0xea             # JMP FAR 10:100000
    .long 0x100000
    .word 0x10
gdtr:
    .word 31
    .long 0
    .balign 8
gdt:
    .quad 0
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .org 1024
