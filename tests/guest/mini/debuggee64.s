# What debuggers look at in 64-bit mode (code64): a function called in a loop at the top of the address space.
.include "prelude64.inc"

main:
    lea rax, [rip + high]
    add rax, HIGH
    jmp rax
high:
    movabs r15, 0x123456789abcdef0
    movq xmm9, r15
    mov ecx, 0xc0000102                 # KERNEL_GS_BASE
    mov edx, 0xffff8000
    mov eax, 0x1000
    wrmsr
    lea rbp, [rip + high]
    mov rdi, 4
loop:
    call bump
    cmp byte ptr [rip + flag], 0
    jnz done
    jmp loop
done:
    exit 0

bump:
    push rbp
    mov rbp, rsp
    inc qword ptr [rip + counter]
bumped:
    lea r8, [rdi + rdi * 2]
    pop rbp
    ret

.data
counter: .quad 0xffffffff
flag:    .quad 0
