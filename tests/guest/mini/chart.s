# All 256 characters in rows 2 to 5 of the text screen, grey on black, without a cursor; see test_vga.py.
.include "prelude.inc"
main:
    mov dx, 0x3d4
    mov ax, 0x200a
    out dx, ax
    mov edi, 0xb8000 + 160
    mov eax, 0x0700
1:  mov [edi], ax
    add edi, 2
    inc al
    jnz 1b
    exit 0
