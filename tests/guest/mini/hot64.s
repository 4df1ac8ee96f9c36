# A profile of 64-bit code (code64): hot is nine times as long as cold.
.include "prelude64.inc"

main:
    lea rax, [rip + outer]
    add rax, HIGH
    call rax
    exit 0

outer:
    push rbp
    mov rbp, rsp
    mov ebx, 300
1:  call hot
    call cold
    dec ebx
    jnz 1b
    pop rbp
    ret

hot:
    push rbp
    mov rbp, rsp
    mov ecx, 9000
1:  dec rcx
    jnz 1b
    pop rbp
    ret

cold:
    push rbp
    mov rbp, rsp
    mov ecx, 1000
1:  dec rcx
    jnz 1b
    pop rbp
    ret
