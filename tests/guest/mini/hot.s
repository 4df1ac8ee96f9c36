# Functions with frame pointers that take 9 and 1 of 10 parts of the time, one whose frame pointer is garbage, and one in
# ring 3: what -profile must tell apart. Run by test_profile.py.
.include "prelude.inc"
.globl main, outer, hot, cold, rare, user_loop, done
.type main, @function
.type outer, @function
.type hot, @function
.type cold, @function
.type rare, @function
.type user_loop, @function
main:
    mov ebx, 300
1:  call outer
    dec ebx
    jnz 1b
    call rare
    hook 0x30, done
    push 0x2b
    push 0x88000
    push 2
    push 0x23
    push offset user_loop
    mov eax, 0x2b
    mov ds, eax
    iretd
.size main, . - main

done:
    exit 0

outer:
    push ebp
    mov ebp, esp
    call hot
    call cold
    pop ebp
    ret
.size outer, . - outer

hot:
    push ebp
    mov ebp, esp
    mov ecx, 9000
1:  add eax, ecx
    xor edx, eax
    dec ecx
    jnz 1b
    pop ebp
    ret
.size hot, . - hot

cold:
    push ebp
    mov ebp, esp
    mov ecx, 1000
1:  add eax, ecx
    xor edx, eax
    dec ecx
    jnz 1b
    pop ebp
    ret
.size cold, . - cold

# EBP points nowhere: no callers are told.
rare:
    push ebp
    mov ebp, 0xfffffff0
    mov ecx, 300000
1:  dec ecx
    jnz 1b
    pop ebp
    ret
.size rare, . - rare

user_loop:
    xor ebp, ebp
    mov ecx, 500000
1:  dec ecx
    jnz 1b
    int 0x30
.size user_loop, . - user_loop
