/* 32-bit code that cannot be C: the first instructions of protected mode, the entries of all interrupts,
 * and a way out of a function that has raised an exception. */
        .intel_syntax noprefix
        .arch i386
        .text

#define DATA32 0x10

        .globl protected_mode
protected_mode:
        mov ax, DATA32
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, offset stack_top
        xor eax, eax
        mov edi, offset bss_start
        mov ecx, offset bss_end
        sub ecx, edi
        cld
        rep stosb
        jmp demo_main

/* ---- interrupts ---- */

/* One entry for each of 64 vectors. The CPU pushes an error code for some exceptions; for all others a zero
 * stands there, so that one struct frame describes them all. */
        .balign 16
        .globl vector_entries
vector_entries:
        .set vector, 0
        .rept 64
        .balign 16
        .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
        .else
        push 0
        .endif
        push vector
        jmp interrupt
        .set vector, vector + 1
        .endr

/* The registers go to the stack; trap() gets the address of all that (struct frame) and returns the one to
 * go on with. Most times it is the same. When it is another, the interrupted program waits, and another one
 * continues: that is a task switch in software. */
interrupt:
        pushad
        push ds
        push es
        mov ax, DATA32
        mov ds, ax
        mov es, ax
        cld
        mov eax, esp
        call trap
        mov esp, eax
        pop es
        pop ds
        popad
        add esp, 8
        iret

/* ---- exceptions on purpose ---- */

/* bool attempt(void (*function)(void): eax). True if it has raised an exception. */
        .globl attempt, attempt_failed, attempt_stack
attempt:
        push ebp
        push ebx
        push esi
        push edi
        pushfd
        mov attempt_stack, esp
        call eax
        xor eax, eax
        jmp 1f
attempt_failed:                         /* trap() comes here instead of returning */
        mov esp, attempt_stack
        mov eax, 1
1:      mov dword ptr attempt_stack, 0
        popfd
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret

        .data
        .balign 4
attempt_stack: .long 0                  /* zero: nobody is attempting anything */

        .bss
        .balign 16
        .fill 8192
        .globl stack_top
stack_top:
