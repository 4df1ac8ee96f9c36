# The same in a boot sector: a copy runs over the end of its buffer. (No expectations here: test_gdb.py has them.)
.intel_syntax noprefix
.code16
.text
.globl _start
_start:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    cld
    mov word ptr [0x510], 0x7d00        # the pointer, behind 16 bytes of buffer
    mov si, 0x7d20
    mov di, 0x500
    mov cx, 18                          # 16 were meant
copy:
    rep movsb
    mov cx, 10000
1:  inc word ptr [0x520]
    loop 1b
    call [0x510]
2:  hlt
    jmp 2b
    .org 0x100
    ret
    .org 0x120
    .fill 16, 1, 0x2a
    .word 0x7d40                        # what lands in the pointer
    .org 0x140
    .byte 0x0f, 0x0b                    # UD2
    .org 510
    .word 0xaa55
