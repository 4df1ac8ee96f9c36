# Micro-guests that break one rule each. Up to the first "#= RULE" is what all of them begin with; what follows such a line is
# a guest of its own, and RULE (a name of cpu/rules.def) is what `why` must say of it. The IDT is empty unless the guest fills
# it, so every one of them ends in a shutdown. test_why.py assembles them.
#
#   descriptor SEL, HIGH, LOW     fills a GDT entry, e.g. that of SPARE
#   gate VECTOR, HIGH, LOW        fills an IDT entry, and loads the IDT
#   new_task                      SPARE is the TSS tss2
#   user                          goes on at CPL 3
#   paging, pae                   turn paging on: all is mapped one to one for everybody; PTE is the entry of page PAGE,
#                                 PDE that of the large region around it
.intel_syntax noprefix
.code32
.text
.globl _start
.set CODE, 0x08                 # ring 0, flat
.set DATA, 0x10
.set UCODE, 0x1b                # ring 3, flat
.set UDATA, 0x23
.set TSS, 0x28
.set SPARE, 0x30
.set PAGE, 0x300000
.set PDE, 0x200000
.set PTE, 0x201000 + 4 * (PAGE >> 12 & 0x3ff)
.set PAE_PDE, 0x211000 + 8 * (PAGE >> 21)
.set PAE_PTE, 0x213000 + 8 * (PAGE >> 12 & 0x1ff)

.macro descriptor sel, high, low
    mov dword ptr [gdt + \sel], \low
    mov dword ptr [gdt + \sel + 4], \high
.endm
.macro gate vector, high, low
    mov dword ptr [idt + 8 * \vector], \low
    mov dword ptr [idt + 8 * \vector + 4], \high
    lidt [idtr]
.endm
.macro new_task
    descriptor SPARE, 0, 0x00000067
    mov dword ptr [gdt + SPARE + 2], offset tss2
    mov byte ptr [gdt + SPARE + 5], 0x89
.endm
.macro user
    push UDATA
    push 0x80000
    pushfd
    push UCODE
    push offset 9f
    iret
9:  mov eax, UDATA
    mov ds, eax
    mov es, eax
.endm
.macro paging
    mov edi, 0x201000
    mov eax, 7
8:  stosd
    add eax, 0x1000
    cmp eax, 0x400007
    jne 8b
    mov dword ptr [PDE], 0x201007
    mov eax, 0x200000
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
.endm
.macro pae
    mov dword ptr [0x210000], 0x211001
    mov dword ptr [0x211000], 0x87
    mov dword ptr [0x211008], 0x213007
    mov edi, 0x213000
    mov eax, 0x200007
8:  stosd
    mov dword ptr [edi], 0
    add edi, 4
    add eax, 0x1000
    cmp eax, 0x400007
    jne 8b
    mov eax, 0x210000
    mov cr3, eax
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
.endm
.macro bits reg, set            # sets bits of a control register
    mov eax, \reg
    or eax, \set
    mov \reg, eax
.endm
.macro nxe
    mov ecx, 0xc0000080
    mov eax, 0x800
    xor edx, edx
    wrmsr
.endm

_start:
    cli
    mov esp, 0x90000
    lgdt [gdtr]
    lidt [none]
    jmp CODE:1f
1:  mov eax, DATA
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov edi, 0x200000           # no entry of a page table is there by chance
    mov ecx, 0x20000 / 4
    xor eax, eax
    cld
    rep stosd
    mov dword ptr [gdt + TSS + 2], offset tss
    mov byte ptr [gdt + TSS + 5], 0x89
    mov eax, TSS
    ltr ax
    jmp test

.data
.balign 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00cffa000000ffff, 0x00cff2000000ffff, 0x0000890000000067
    .fill 16, 8, 0
gdtr:
    .word 8 * 16 - 1
    .long gdt
idt:
    .fill 0x41, 8, 0
idtr:
    .word 8 * 0x41 - 1
    .long idt
none:
    .word 0
    .long 0
.balign 16
tss:
    .long 0, 0x8f000, DATA
    .fill 22, 4, 0
    .word 0, 104
    .fill 0x60, 1, 0            # a map of the first ports
    .byte 0xff
tss2:                           # another task, all of it zero but for what a guest fills in
    .fill 26, 4, 0
space:
    .fill 64, 4, 0
.text
test:

# -- offsets and segment registers in use --
#= seg_limit
    descriptor SPARE, 0x00409200, 0x000000ff
    mov eax, SPARE
    mov fs, eax
    mov ebx, fs:[0xfe]
#= seg_null
    xor eax, eax
    mov fs, eax
    mov ebx, fs:[0]
#= seg_expand_down
    descriptor SPARE, 0x00409600, 0x00000fff
    mov eax, SPARE
    mov fs, eax
    mov fs:[0xfff], al
#= seg_write_code
    mov cs:[space], eax
#= seg_write_rodata
    descriptor SPARE, 0x00cf9000, 0x0000ffff
    mov eax, SPARE
    mov ds, eax
    mov [space], eax
#= seg_read_code
    descriptor SPARE, 0x00cf9800, 0x0000ffff
    jmp SPARE:1f
1:  mov eax, cs:[space]
#= eip_limit
    descriptor SPARE, 0x00409a00, 0x000000ff
    jmp SPARE:0x100
#= stack_limit
    descriptor SPARE, 0x00409200, 0x0000ffff
    mov eax, SPARE
    mov ss, eax
    mov esp, 0x20000
    call CODE:test
#= align
    bits cr0, 0x40000
    pushfd
    or dword ptr [esp], 0x40000
    popfd
    user
    mov eax, [space + 1]
#= align16
    bits cr4, 0x200
    movaps xmm0, [space + 4]

# -- selectors and descriptors being loaded --
#= table_limit
    mov eax, 0xfff8
    mov ds, eax
#= ldt_absent
    xor eax, eax
    lldt ax
    mov eax, 4
    mov ds, eax
#= data_type
    mov eax, TSS
    mov ds, eax
#= data_privilege
    user
    mov eax, DATA
    mov ds, eax
#= data_present
    descriptor SPARE, 0x00cf1200, 0x0000ffff
    mov eax, SPARE
    mov es, eax
#= ss_null
    xor eax, eax
    mov ss, eax
#= ss_rpl
    mov eax, DATA + 1
    mov ss, eax
#= ss_dpl
    mov eax, UDATA & ~3
    mov ss, eax
#= ss_type
    mov eax, CODE
    mov ss, eax
#= ss_present
    descriptor SPARE, 0x00cf1200, 0x0000ffff
    mov eax, SPARE
    mov ss, eax
#= ldtr_type
    mov eax, DATA
    lldt ax
#= ltr_null
    xor eax, eax
    ltr ax
#= ltr_type
    mov eax, TSS
    ltr ax
#= system_present
    descriptor SPARE, 0x00000200, 0x00000067
    mov eax, SPARE
    lldt ax

# -- far transfers --
#= far_null
    jmp 0:test
#= code_type
    jmp DATA:test
#= code_nonconforming
    user
    jmp CODE:test
#= code_conforming
    descriptor SPARE, 0x00cffe00, 0x0000ffff
    jmp SPARE:test
#= code_present
    descriptor SPARE, 0x00cf1a00, 0x0000ffff
    jmp SPARE:test
#= system_privilege
    descriptor SPARE, 0x00108c00, 0x00080000
    user
    call SPARE:0
#= far_system_type
    descriptor SPARE, 0x00008200, 0x00000067
    jmp SPARE:0
#= gate_present
    descriptor SPARE, 0x00106c00, 0x00080000
    call SPARE:0
#= gate_jmp_inner
    descriptor SPARE, 0x0010ec00, 0x00080000
    user
    jmp SPARE:0
#= gate_code_null
    descriptor SPARE, 0x0010ec00, 0
    call SPARE:0
#= gate_code_type
    descriptor SPARE, 0x0010ec00, 0x00100000
    call SPARE:0
#= gate_code_dpl
    descriptor SPARE, 0x0010ec00, 0x00180000
    call SPARE:0
#= ret_null
    push 0
    push 0
    retf
#= ret_rpl
    user
    push CODE
    push 0
    retf
#= ret_dpl
    push CODE + 3
    push 0
    retf
#= iret_vm_eip
    push 0
    push 0
    push 0
    push 0
    push 0
    push 0
    push 0x20002
    push 0
    push 0x10000
    iret
#= sysenter_unset
    sysenter

# -- interrupts and exceptions being delivered --
#= idt_limit
    int 0x80
#= idt_type
    gate 0x40, 0x00108c00, 0x00080000
    int 0x40
#= idt_dpl
    gate 0x40, 0x00108e00, 0x00080000
    user
    int 0x40
#= idt_present
    gate 0x40, 0x00100e00, 0x00080000
    int 0x40

# -- tasks --
#= tss_stack_limit
    mov byte ptr [gdt + TSS + 5], 0x89
    mov word ptr [gdt + TSS], 8
    mov eax, TSS
    ltr ax
    gate 0x40, 0x0010ee00, 0x00080000
    user
    int 0x40
#= task_null
    descriptor SPARE, 0x00008500, 0
    jmp SPARE:0
#= task_local
    descriptor SPARE, 0x00008500, 0x002c0000
    jmp SPARE:0
#= task_type
    descriptor SPARE, 0x00008500, 0x00100000
    jmp SPARE:0
#= task_busy
    descriptor SPARE, 0x00008500, 0x00280000
    jmp SPARE:0
#= task_not_busy
    new_task
    mov word ptr [tss], SPARE
    pushfd
    or dword ptr [esp], 0x4000
    popfd
    iret
#= task_present
    descriptor SPARE, 0x00000900, 0x00000067
    jmp SPARE:0
#= task_limit
    descriptor SPARE, 0x00008900, 0x00000066
    jmp SPARE:0
#= task_ldt
    new_task
    mov word ptr [tss2 + 0x60], DATA
    jmp SPARE:0
#= task_cs_type
    new_task
    mov word ptr [tss2 + 0x4c], DATA
    jmp SPARE:0
#= task_cs_dpl
    new_task
    mov word ptr [tss2 + 0x4c], UCODE & ~3
    jmp SPARE:0

# -- paging: page, entry, bit --
#= page_present PTE
    paging
    and byte ptr [PTE], 0xfe
    mov eax, [PAGE]
#= page_present PDE
    paging
    mov eax, [0x800000]
#= page_present PDPTE
    pae
    mov eax, [0x40000000]
#= page_reserved PDE
    paging
    bits cr4, 0x10
    mov dword ptr [PDE + 8], 0x200087
    mov eax, [0x800000]
#= page_reserved PTE
    pae
    mov dword ptr [PAE_PTE + 4], 0x80000000
    mov eax, [PAGE]
#= page_user PTE
    paging
    and byte ptr [PTE], 0xfb
    user
    mov eax, [PAGE]
#= page_user PDE
    pae
    and byte ptr [PAE_PDE], 0xfb
    user
    mov eax, [PAGE]
#= page_write_user PTE
    paging
    and byte ptr [PTE], 0xfd
    user
    mov [PAGE], eax
#= page_write_user PDE
    pae
    and byte ptr [PAE_PDE], 0xfd
    user
    mov [PAGE], eax
#= page_write_wp PTE
    paging
    bits cr0, 0x10000
    and byte ptr [PTE], 0xfd
    mov [PAGE], eax
#= page_nx PTE
    nxe
    pae
    mov dword ptr [PAE_PTE + 4], 0x80000000
    mov eax, PAGE
    jmp eax
#= page_nx PDE
    nxe
    pae
    mov dword ptr [PAE_PDE + 4], 0x80000000
    mov eax, PAGE
    jmp eax
#= page_smep PTE
    paging
    and byte ptr [0x201000 + 4 * 0x100], 0xfb      # what runs is the supervisor's
    and byte ptr [0x201000 + 4 * 0x101], 0xfb
    bits cr4, 0x100000
    mov eax, PAGE
    jmp eax
#= page_smap PTE
    paging
    and byte ptr [0x201000 + 4 * 0x100], 0xfb
    and byte ptr [0x201000 + 4 * 0x101], 0xfb
    and byte ptr [0x201000 + 4 * 0x8f], 0xfb
    bits cr4, 0x200000
    mov eax, [PAGE]
#= pdpte_reserved
    mov dword ptr [0x210000], 0x211003
    mov eax, 0x210000
    mov cr3, eax
    bits cr4, 0x20
    bits cr0, 0x80000000

# -- instructions --
#= insn_invalid
    .byte 0xf0, 0x90
#= insn_length
    .fill 15, 1, 0x66
    nop
#= insn_undefined
    ud2
#= insn_privileged
    user
    hlt
#= iopl
    user
    cli
#= io_no_map
    mov byte ptr [gdt + TSS + 5], 0x89
    mov word ptr [gdt + TSS], 0x66
    mov eax, TSS
    ltr ax
    user
    in al, 0x40
#= io_map_limit
    mov word ptr [tss + 0x66], 0x67
    user
    in al, 0x40
#= io_denied
    mov byte ptr [gdt + TSS + 5], 0x89
    mov word ptr [gdt + TSS], 0xc8
    mov byte ptr [tss + 104 + 8], 1
    mov eax, TSS
    ltr ax
    user
    in al, 0x40
#= div_zero
    xor ecx, ecx
    div ecx
#= div_overflow
    mov edx, 2
    mov ecx, 2
    div ecx
#= bound
    mov eax, 2
    mov dword ptr [space], 0
    mov dword ptr [space + 4], 1
    bound eax, [space]
#= umip
    bits cr4, 0x800
    user
    smsw eax
#= tsd
    bits cr4, 4
    user
    rdtsc
#= rdpmc
    user
    xor ecx, ecx
    rdpmc
#= rsm
    rsm
#= stac_cpl
    user
    stac

# -- control registers, MSRs, debug registers --
#= cr0_combination
    mov eax, 0x20000011
    mov cr0, eax
#= cr4_reserved
    bits cr4, 0x80000000
#= msr_read
    mov ecx, 0x12345678
    rdmsr
#= msr_write
    mov ecx, 0xc0000080
    xor edx, edx
    mov eax, 2
    wrmsr
#= dr4_dr5
    bits cr4, 8
    mov eax, dr4
#= dr_general_detect
    mov eax, 0x2400
    mov dr7, eax
    mov eax, dr0

# -- FPU, MMX, SSE --
#= fpu_absent
    bits cr0, 8
    fld1
#= simd_ts
    bits cr4, 0x200
    bits cr0, 8
    addps xmm0, xmm1
#= mmx_em
    bits cr0, 4
    paddb mm0, mm1
#= sse_off
    addps xmm0, xmm1
#= x87_exception
    bits cr0, 0x20
    fninit
    fldcw [space]
    fldz
    fld1
    fdiv st, st(1)
    fwait
#= simd_exception
    bits cr4, 0x600
    mov dword ptr [space], 0x1d80
    ldmxcsr [space]
    mov dword ptr [space], 0x3f800000
    movss xmm0, [space]
    xorps xmm1, xmm1
    divss xmm0, xmm1
#= simd_no_handler
    bits cr4, 0x200
    mov dword ptr [space], 0x1d80
    ldmxcsr [space]
    mov dword ptr [space], 0x3f800000
    movss xmm0, [space]
    xorps xmm1, xmm1
    divss xmm0, xmm1
#= mxcsr_reserved
    bits cr4, 0x200
    mov dword ptr [space], 0x80010000
    ldmxcsr [space]
