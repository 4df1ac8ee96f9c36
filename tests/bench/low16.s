# The 16-bit image: linked at 0, loaded at 40000. Entered at 0 from 32-bit code in 16-bit protected mode with EAX the
# kernel, ECX the repetitions, EDX 1 for real mode; goes back by the far pointer in its head. All segments are the same.
.intel_syntax noprefix
.code16
.globl _start
_start:
    jmp enter
    .org 4
back:
    .long 0
    .word 0
real:
    .word 0
    .long __start_kernels
    .long __stop_kernels
enter:
    mov [real], dx
    test dx, dx
    jz 2f
    mov ebx, cr0
    and bl, 0xfe
    mov cr0, ebx
    jmp 0x4000:1f
1:  mov bx, 0x4000
    mov ds, bx
    mov es, bx
    mov ss, bx
    lidt [real_idtr]
    push ds                              # INT 60 of real mode
    xor bx, bx
    mov ds, bx
    mov word ptr [0x60 * 4], offset nothing
    mov word ptr [0x60 * 4 + 2], 0x4000
    pop ds
2:  push ecx
    push eax
.att_syntax prefix
    calll dispatch
.intel_syntax noprefix
    add sp, 8
    cmp word ptr [real], 0
    je 3f
    mov ebx, cr0
    or bl, 1
    mov cr0, ebx
3:  jmp fword ptr [back]
nothing:
    iret
real_idtr:
    .word 0x3ff
    .long 0
