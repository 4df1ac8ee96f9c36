# A line on COM1: sends back what it gets, and shows it on the debug port. F sends 100000 numbers of eight digits, Q ends
# the run. For test_chardevs.py.
.include "prelude.inc"
main:
    mov dx, 0x3fb               # 115200 baud, 8N1, FIFOs, DTR and RTS
    mov al, 0x80
    out dx, al
    mov dx, 0x3f8
    mov al, 1
    out dx, al
    mov dx, 0x3fb
    mov al, 3
    out dx, al
    mov dx, 0x3fa
    mov al, 7
    out dx, al
    mov dx, 0x3fc
    mov al, 3
    out dx, al
    mov esi, offset ready
1:  lodsb
    test al, al
    jz 2f
    call send
    jmp 1b
2:  mov dx, 0x3fd
    in al, dx
    test al, 1
    jz 2b
    mov dx, 0x3f8
    in al, dx
    out 0xe9, al
    call send
    cmp al, 'Q'
    je 9f
    cmp al, 'F'
    jne 2b
    xor ebx, ebx
3:  call number
    inc ebx
    cmp ebx, 100000
    jb 3b
    mov al, '.'
    call send
    jmp 2b
9:  mov dx, 0x3fd               # all is out
    in al, dx
    test al, 0x40
    jz 9b
    exit 0x22

send:
    mov ah, al
    mov dx, 0x3fd
1:  in al, dx
    test al, 0x20
    jz 1b
    mov dx, 0x3f8
    mov al, ah
    out dx, al
    ret

number:                         # EBX in hexadecimal
    mov ecx, 8
    mov ebp, ebx
1:  rol ebp, 4
    mov eax, ebp
    and eax, 15
    mov al, [digits + eax]
    call send
    loop 1b
    ret

ready:
    .asciz "ready\r\n"
digits:
    .ascii "0123456789abcdef"
