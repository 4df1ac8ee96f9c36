# A Multiboot kernel that brings a CPU into a state in which every line of "info registers" has something to show, maps
# memory by pages of both sizes, and stays at one instruction. For test_monitor.py, which also runs it in QEMU.
.intel_syntax noprefix
.code32
.text
.globl _start
_start:
    jmp main
    .balign 4
header:
    .long 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
    .long header, _start, 0, 0, _start

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    # 08: code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x0000890000000067    # 18: TSS
    .quad 0x00009300123407ff    # 20: small data, 16 bits
    .quad 0x00cff3000000ffff    # 28: data, DPL 3
    .quad 0x0000820000000007    # 30: LDT
    .quad 0x00c097000000ffff    # 38: expand down
gdtr:
    .word 0x3f
    .long gdt
idtr:
    .word 0x1ff
    .long 0x5000

main:
    cli
    mov esp, 0x90000
    lgdt [gdtr]
    lidt [idtr]
    jmp 0x08:1f
1:  mov eax, 0x10
    mov ds, eax
    mov ss, eax
    mov eax, 0x2b
    mov es, eax
    mov eax, 0x20
    mov fs, eax
    mov eax, 0x38
    mov gs, eax
    mov eax, 0x30
    lldt ax
    mov eax, 0x18
    ltr ax
    mov edi, 0x20000            # page directory: a table for the first 4 MiB, a large page of the user at 4 MiB
    mov ecx, 0x800
    xor eax, eax
    push es
    push ds
    pop es
    rep stosd
    pop es
    mov dword ptr [0x20000], 0x21027
    mov dword ptr [0x20004], 0x4000e7
    mov ebx, 0x21000
    mov eax, 0x3
1:  mov [ebx], eax
    add ebx, 4
    add eax, 0x1000
    cmp eax, 0x200003
    jb 1b
    mov dword ptr [0x21000 + 0x30 * 4], 0x31001     # 0x30000 shows 0x31000, read-only
    mov dword ptr [0x31000], 0x6c6c6548
    mov dword ptr [0x31004], 0x0000006f
    mov eax, 0x20000
    mov cr3, eax
    mov eax, 0x610              # PSE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, 0x80000011
    mov cr0, eax
    mov eax, 0xdead000
    mov cr2, eax
    mov eax, 0x1234
    mov dr0, eax
    mov eax, 0x5678
    mov dr3, eax
    fninit
    fldpi
    fld1
    mov dword ptr [0x6000], 0x1fa0
    ldmxcsr [0x6000]
    mov dword ptr [0x6010], 0x11111111
    mov dword ptr [0x6014], 0x22222222
    mov dword ptr [0x6018], 0x33333333
    mov dword ptr [0x601c], 0x44444444
    movups xmm0, [0x6010]
    xorps xmm7, xmm7
    movss xmm7, [0x6014]
    mov ebx, 0xb0b0b0b0
    mov ecx, 0xc0c0c0c0
    mov edx, 0xd0d0d0d0
    mov esi, 0x51515151
    mov edi, 0xd1d1d1d1
    mov ebp, 0xb9b9b9b9
    mov eax, 0x80000000
    add eax, eax                # CF, OF, ZF, PF
    std
    mov eax, 0xa0a0a0a0
2:  jmp 2b
    nop
