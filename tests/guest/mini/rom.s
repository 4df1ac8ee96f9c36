# A ROM of 64 KiB that prints from real mode, by the copy below 1 MiB and by the one below 4 GiB, and tries to write to
# itself: test_boot.py.
.intel_syntax noprefix
.code16
.text
.globl _start
_start:
    jmp 0xf000:offset main
main:
    mov ax, cs
    mov ds, ax
    mov si, offset hello
    cld
1:  lodsb
    test al, al
    jz 2f
    out 0xe9, al
    jmp 1b
2:  mov byte ptr [hello], 'X'
    mov al, [hello]
    out 0xe9, al
    mov al, 10
    out 0xe9, al
    mov al, 0x21
    out 0xf4, al
    cli
    hlt
hello: .asciz "in ROM "
    .org 0xff00
upper:                          # still at FFFFFF00
    mov al, 'u'
    out 0xe9, al
    mov al, cs:[there]
    out 0xe9, al
    jmp 0xf000:offset _start
there: .byte 'p'
    .org 0xfff0
    jmp upper
    .org 0xffff
    .byte 0
