# The bare guest's start, at 1 MiB in flat protected mode: its own segments, IDT and paging, then C. And the pieces of
# assembly that the system kernels need: handlers, ring 3, and the way to 16-bit modes and back.
#
#   selectors: 08 code, 10 data, 18 code of ring 3, 20 data of ring 3 (the order SYSENTER wants), 28 TSS, 30 code and
#   38 data of 16 bits at low_base
.intel_syntax noprefix
.code32
.equ low_base, 0x40000

.globl _start
_start:
    cli
    cld
    mov esp, offset stack_top
    lgdt [gdtr]
    jmp 0x08:1f
1:  mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov edi, offset __bss_start
    mov ecx, offset _end
    sub ecx, edi
    xor eax, eax
    rep stosb
    mov dword ptr [tss + 4], offset stack_top - 8192
    mov dword ptr [tss + 8], 0x10
    mov eax, offset tss
    mov [tss_gate + 2], ax
    shr eax, 16
    mov [tss_gate + 4], al
    mov eax, 0x28
    ltr ax
    fninit
    call bare_main
    hlt

.globl load_idt
load_idt:
    lidt [idtr]
    ret

# Everything that is not expected ends the run.
.globl isr_stray
isr_stray:
    mov eax, 0x7f
    out 0xf4, eax
    cli
    hlt

.globl isr_irq0
isr_irq0:
    push eax
    inc dword ptr [ticks]
    mov al, 0x20
    out 0x20, al
    pop eax
    iretd

# COM1: while the command loop waits there is only the EOI to do; the kernel that measures it counts.
.globl isr_irq4
isr_irq4:
    push eax
    push edx
    inc dword ptr [ticks]
    mov edx, 0x3fa
    in al, dx
    mov al, 0x20
    out 0x20, al
    pop edx
    pop eax
    iretd

# Page fault: the page at fault_page becomes present.
.globl isr_page
isr_page:
    push eax
    mov eax, [fault_pte]
    or dword ptr [eax], 1
    pop eax
    add esp, 4
    iretd

.globl isr_nothing
isr_nothing:
    iretd

# u32 in_ring3(void (*body)(void), u32 reps): body is assembly that runs with ECX = reps and ends by INT 31.
.globl in_ring3
in_ring3:
    mov eax, [esp + 4]
    mov ecx, [esp + 8]
    push ebx
    push esi
    push edi
    push ebp
    mov [saved_esp], esp
    lea edx, [esp - 4096]
    mov [tss + 4], edx                  # ring 0's stack: below what is in use
    push 0x23
    push offset user_stack_top
    push 2
    push 0x1b
    push eax
    mov eax, 0x23
    mov ds, eax
    mov es, eax
    iretd
.globl isr_leave_ring3
isr_leave_ring3:
    mov esp, [saved_esp]
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    pop ebp
    pop edi
    pop esi
    pop ebx
    ret

.globl user_int, user_sysenter, user_fault
user_int:
    int 0x30
    dec ecx
    jnz user_int
    int 0x31
user_sysenter:
    mov ebx, ecx
1:  mov ecx, esp
    mov edx, offset 2f
    sysenter
2:  dec ebx
    jnz 1b
    int 0x31
.globl sysenter_entry
sysenter_entry:
    sysexit

# u32 in_16bit(u32 real, u32 index, u32 reps): calls the 16-bit image at low_base. Its head holds, for both modes, where
# to jump to, and the far pointer that it jumps to at its end, with the result in EAX.
.globl in_16bit
in_16bit:
    mov edx, [esp + 4]
    mov eax, [esp + 8]
    mov ecx, [esp + 12]
    push ebx
    push esi
    push edi
    push ebp
    mov [saved_esp], esp
    mov dword ptr [low_base + 4], offset 2f
    mov word ptr [low_base + 8], 0x08
    mov ebx, 0x38
    test edx, edx
    jz 1f
    mov ebp, cr0                        # real mode: without paging
    and ebp, 0x7fffffff
    mov cr0, ebp
1:  mov ds, ebx
    mov es, ebx
    mov ss, ebx
    mov esp, 0xfff0
    jmp 0x30:0
2:  mov ebx, 0x10
    mov ds, ebx
    mov es, ebx
    mov fs, ebx
    mov gs, ebx
    mov ss, ebx
    mov esp, [saved_esp]
    lidt [idtr]
    mov ebx, cr0
    or ebx, 0x80000000
    mov cr0, ebx
    pop ebp
    pop edi
    pop esi
    pop ebx
    ret

.data
.balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cffb000000ffff
    .quad 0x00cff3000000ffff
tss_gate:
    .quad 0x0000890000000067
    .quad 0x00009b040000ffff
    .quad 0x000093040000ffff
gdtr:
    .word 8 * 8 - 1
    .long gdt
idtr:
    .word 0x32 * 8 - 1
    .long idt

.bss
.balign 16
.globl idt, ticks, fault_pte
idt:    .skip 0x32 * 8
ticks:  .skip 4
fault_pte: .skip 4
saved_esp: .skip 4
.balign 16
tss:    .skip 104
.balign 4096
    .skip 32768
stack_top:
    .skip 4096
user_stack_top:
