# Exceptions of one instruction each, rings, gates, SYSENTER, virtual-8086 mode, a task gate.
#! out divide #00 0000 #00 0000
#! out int3 #03 0000 eip +00000001
#! out into #04 0000 eip +00000001
#! out bound #05 0000
#! out ud2 #06 0000
#! out fpu off #07 0000
#! out int gate #0d 018a
#! out ring 3 0000 002b 00000000
#! out trap 0023 002b
#! out cli #0d 0000
#! out hlt #0d 0000
#! out in #0d 0000
#! out int #0d 018a
#! out cr #0d 0000
#! out align #11 0000
#! out cmpxchg8b #11 0000
#! out call gate 0010 0018 11112222 0023
#! out sysenter 0010 0018 0008f000
#! out sysexit 0023 002b
#! out v86 #0d 0000 00001000
#! out v86 int 00000021 00001234
#! out task 0018 0068 00004000
#! out and back 0030
.include "prelude.inc"

.macro show text, insn:vararg           # a fault whose report stands on the line of its name
    print "\text "
    faults \insn
.endm

.equ V86_CODE, 0x10000                  # 1000:0

main:
    print "divide "
    xor eax, eax
    xor edx, edx
    xor ecx, ecx
    mov dword ptr [origin], offset 1f
    resume_at second_divide
    hook 0, on_divide
1:  div ecx
second_divide:
    mov edx, 5
    mov ecx, 5
    mov dword ptr [origin], offset 3f
    resume_at 4f
3:  div ecx
4:  newline
    mov dword ptr [hooks], 0
    show int3, int3
    mov eax, 0x7fffffff
    inc eax                             # sets OF
    mov dword ptr [origin], offset 5f
    resume_at 6f
    print "into "
    mov eax, 0x7fffffff
    inc eax
5:  into
6:  mov eax, 11
    show bound, bound eax, [bounds]
    show ud2, ud2
    mov eax, cr0
    or eax, 4
    mov cr0, eax
    show "fpu off", fld1
    mov eax, cr0
    and eax, 0xfffffffb
    mov cr0, eax
    show "int gate", int 0x31           # behind the IDT's end: 31h * 8 + 2

    # Ring 3: IRET drops data segments that it may not have.
    mov eax, 0x23 + 8
    mov fs, eax
    mov eax, 0x18
    mov gs, eax
    print "ring 3 "
    hook 0x30, on_first
    push 0x2b
    push 0x8e000
    push 0x2
    push 0x23
    push offset user
    iretd
user:
    mov eax, ds
    mov ecx, fs
    mov edx, gs
    int 0x30
    ud2
user_tests:
    mov eax, 0x2b
    mov ds, eax
    show cli, cli
    show hlt, hlt
    show in, in al, 0x60
    show int, int 0x31
    show cr, mov eax, cr0
    pushfd                              # AC, with CR0.AM set
    or dword ptr [esp], 0x40000
    popfd
    show align, mov eax, [0x200001]
    mov eax, 5
    bound eax, [bounds]                 # two doublewords, each aligned
    show cmpxchg8b, cmpxchg8b [bounds]  # one operand of eight bytes
    pushfd
    and dword ptr [esp], 0xfffbffff
    popfd
    print "call gate "
    push 0x11112222                     # one parameter, copied to the inner stack
    call 0x38:0                         # the offset comes from the gate
    print "sysenter "
    mov edx, offset after_sysexit
    mov ecx, esp
    sysenter
after_sysexit:
    print "sysexit "
    mov eax, cs
    hex eax, 4
    print " "
    mov eax, ss
    hex eax, 4
    newline
    mov eax, 1
    int 0x30                            # to in_kernel

in_kernel:
    # V86: HLT faults; INT 21h with IOPL 3 goes through the IDT, out of V86
    mov esp, 0x8d000
    mov esi, offset v86_code
    mov edi, V86_CODE
    mov ecx, offset v86_end - v86_code
    rep movsb
    hook 13, on_v86_gp
    or byte ptr [idt + 0x21 * 8 + 5], 0x60
    hook 0x21, on_v86_int
    print "v86 "
    push 0                              # GS FS DS ES
    push 0
    push 0x1000
    push 0x2000
    push 0x3000                         # SS:ESP
    push 0x1000
    push 0x23002                        # VM, IOPL 3
    push 0x1000                         # CS:EIP
    push 0
    iretd
after_v86:
    mov esp, 0x8d000
    mov dword ptr [hooks + 13 * 4], 0

    # A task gate for vector 22h: another TSS, and IRET back
    segment 0x68, 0, 103, 0x89, 0
    mov eax, offset task
    mov [gdt + 0x68 + 2], ax
    shr eax, 16
    mov [gdt + 0x68 + 4], al
    mov word ptr [idt + 0x22 * 8 + 2], 0x68
    mov dword ptr [idt + 0x22 * 8 + 4], 0x8500
    print "task "
    mov ebx, 0x12345678
    int 0x22
    print "and back "
    str eax
    hex eax, 4
    newline
    cmp ebx, 0x12345678
    jne 1f
    exit 0
1:  exit 1

on_divide:
    print "#00 0000"
    mov eax, [resume]
    mov [ebx + frame_eip], eax
    cmp eax, offset second_divide
    jne 1f
    print " "
1:  ret

on_first:                               # from ring 3: what its segments were, then as IOPL 3 for the debug port
    mov eax, [ebx + frame_eax]
    hex eax, 4
    print " "
    hex [ebx+frame_ecx], 4
    print " "
    hex [ebx+frame_edx]
    newline
    print "trap "
    hex [ebx+frame_cs], 4
    print " "
    hex [ebx+frame_esp+4], 4
    newline
    hook 0x30, on_second
    mov dword ptr [ebx + frame_eip], offset user_tests
    mov eax, cr0
    or eax, 0x40000                     # AM
    mov cr0, eax
    gate 0x38, 0x10, on_call, 0xec      # in the IDT's place of that number; copied to the GDT
    mov eax, [idt + 0x38 * 8]
    mov [gdt + 0x38], eax
    mov eax, [idt + 0x38 * 8 + 4]
    or eax, 1                           # one parameter
    mov [gdt + 0x38 + 4], eax
    mov ecx, 0x174
    xor edx, edx
    mov eax, 0x10
    wrmsr
    inc ecx
    mov eax, 0x8f000
    wrmsr
    inc ecx
    mov eax, offset on_sysenter
    wrmsr
    ret

on_call:
    mov ebp, esp
    push ds
    mov eax, 0x18
    mov ds, eax
    mov eax, cs
    hex eax, 4
    print " "
    mov eax, ss
    hex eax, 4
    print " "
    hex [ebp+8]
    print " "
    hex [ebp+4], 4
    newline
    pop ds
    retf 4

on_sysenter:
    mov ebp, esp
    mov eax, cs
    hex eax, 4
    print " "
    mov eax, ss
    hex eax, 4
    print " "
    hex ebp
    newline
    sysexit

on_second:
    mov esp, 0x8d000
    jmp in_kernel

v86_code:                               # 16-bit code
    .byte 0xf4                          # HLT
    .byte 0xb8, 0x34, 0x12              # MOV AX, 1234h
    .byte 0xcd, 0x21                    # INT 21h
v86_end:

on_v86_gp:
    print "#0d "
    hex [ebx+frame_error], 4
    print " "
    hex [ebx+frame_cs]
    newline
    inc dword ptr [ebx + frame_eip]     # over the HLT
    ret
on_v86_int:
    print "v86 int "
    hex [ebx]
    print " "
    movzx eax, word ptr [ebx + frame_eax]
    hex eax
    newline
    jmp after_v86

task_code:
    mov eax, ss
    str edx
    hex eax, 4
    print " "
    hex edx, 4
    print " "
    pushfd
    pop eax
    and eax, 0x4000                     # NT
    hex eax
    newline
    iretd

.data
.balign 8
    .long 0
bounds: .long 0, 10
task:
    .long 0, 0, 0, 0, 0, 0, 0, 0        # link, stacks, CR3
    .long task_code, 2                  # EIP, EFLAGS
    .long 0, 0, 0, 0, 0x8b000, 0, 0, 0  # EAX ECX EDX EBX ESP EBP ESI EDI
    .long 0x18, 0x10, 0x18, 0x18, 0, 0  # ES CS SS DS FS GS
    .long 0, 0x680000
.text
