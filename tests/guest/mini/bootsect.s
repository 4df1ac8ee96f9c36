# A boot sector, as a file of its own or with a kernel behind it: says from what it was started (a floppy disk or a hard
# disk) and the first letter of the second sector, or "-". (No expectations here: test_habits.py has them.)
.intel_syntax noprefix
.code16
.text
.globl _start
_start:
    xor ax, ax
    mov ss, ax
    mov sp, 0x7c00
    mov es, ax
    mov al, 'f'
    test dl, 0x80
    jz 1f
    mov al, 'h'
1:  out 0xe9, al
    mov ax, 0x0201                      # read one sector: cylinder 0, head 0, sector 2
    mov bx, 0x8000
    mov cx, 2
    mov dh, 0
    int 0x13
    mov al, '-'
    jc 2f
    mov al, es:[0x8000]
2:  out 0xe9, al
    mov al, 1
    out 0xf4, al
3:  hlt
    jmp 3b
    .org 510
    .word 0xaa55
