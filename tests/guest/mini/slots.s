# code64: the TLB of 64-bit mode. Addresses that differ above bit 31 alone share a slot, and what was cached of one of them is
# gone when the other takes it: code in between, which looks up once for several accesses, must not make a difference to the A
# bits. INVLPG anywhere in a large page ends what is cached of all of it; of a small one, not what has its slot.
#! args -cpu orrery,+pdpe1gb
#! out marked 0c80
#! out both 0019
#! out pages of 2 MiB 1111 1111 2222 2222 
#! out pages of 1 GiB 1111 1111 2222 2222 
#! out stale 2222 3333
#! out global 2222 1111
#! out written 00000abc
.include "prelude64.inc"
.equ X, 0x800000
.equ Y, 0x100800000                     # in the slot of X
.equ PD2, 0x205000

.macro show text, value, digits=4
    print "\text "
    hex \value, \digits
    newline
.endm

main:
    mov qword ptr [PD2 + 4 * 8], X + 0x87
    mov qword ptr [PDPT + 4 * 8], PD2 + 7

# -- two pages, one slot: the A bit of X's entry is cleared while Y is there, and set by the next access to X --
    mov rbx, X
    mov rdx, Y
    mov rdi, PD + 4 * 8
    mov ecx, 100
    xor esi, esi
1:  mov rax, [rbx]
    and byte ptr [rdi], ~0x20
    mov rax, [rdx]
    mov rax, [rbx + 8]
    movzx eax, byte ptr [rdi]
    and eax, 0x20
    add esi, eax
    loop 1b
    show "marked", rsi
# stores by both addresses: the first word has been counted up 25 times
    mov qword ptr [rbx], 0
    mov ecx, 25
2:  inc qword ptr [rbx]
    add qword ptr [rdx + 8], 2
    dec qword ptr [rbx + 8]
    mov rax, [rbx + 8]
    loop 2b
    mov rax, [rdx]
    show "both", rax

# -- INVLPG of large pages: all of the page, which was read at two places --
    mov dword ptr [0xc00000], 0x1111
    mov dword ptr [0xdff000], 0x1111
    mov dword ptr [0xe00000], 0x2222
    mov dword ptr [0xfff000], 0x2222
    print "pages of 2 MiB "
    mov rbx, 0xffffffff80c00000         # through HIGH
    mov eax, [rbx]
    mov eax, [rbx + 0x1ff000]
    mov rdi, PD + 6 * 8
    mov qword ptr [rdi], 0xe00087
    call read_two
    mov rax, 0xffffffff80c80000
    invlpg [rax]
    call read_two
    newline
    mov qword ptr [rdi], 0xc00087

    print "pages of 1 GiB "
    mov qword ptr [PDPT + 5 * 8], 0x87 | 1 << 8
    mov rbx, 0x140000000 + 0xc00000     # the first GiB, by a page of that size
    mov eax, [rbx]
    mov eax, [rbx + 0x1ff000]
    mov qword ptr [PDPT + 5 * 8], PD2 + 7
    mov qword ptr [PD2 + 6 * 8], 0xe00087
    call read_two
    mov rax, 0x140000000 + 0x3ffff000
    invlpg [rax]
    call read_two
    newline

# -- INVLPG of one page says nothing of the other that has its slot --
    print "stale "
    mov dword ptr [X], 0x3333
    mov rbx, 0x140c00000
    mov eax, [rbx]
    mov qword ptr [PD2 + 6 * 8], X + 0x87
    mov rax, 0x40c00000                 # nobody's
    invlpg [rax]
    mov eax, [rbx]
    hex rax, 4
    print " "
    invlpg [rbx]
    mov eax, [rbx]
    hex rax, 4
    newline

# -- pages that are global outlive CR3; one that has its slot does not --
    print "global "
    mov rax, cr4
    or eax, 0x80
    mov cr4, rax
    mov rbx, 0xffffffff80e00000
    mov rdi, 0x100e00000                # in one slot with 0xe00000 below
    mov qword ptr [PD2 + 7 * 8], 0xe00087
    mov eax, [rdi]
    or dword ptr [PD + 7 * 8], 0x100
    mov eax, [rbx]
    mov eax, [0xe00000]
    mov eax, [rdi]
    mov dword ptr [PD + 7 * 8], 0xc00187
    mov dword ptr [PD2 + 7 * 8], 0xc00087
    mov rax, cr3
    mov cr3, rax
    mov eax, [rbx]
    hex rax, 4
    print " "
    mov eax, [rdi]
    hex rax, 4
    newline

# -- code at a low address that is written to at a high one, and the other way round --
    lea rdi, [patched]
    mov rsi, HIGH
    add rsi, rdi
    call rdi
    mov byte ptr [rsi + 1], 0xbc
    call rdi
    call rsi
    mov byte ptr [rdi + 2], 0x0a
    call rsi
    show "written", rax, 8
    exit 0

read_two:
    mov eax, [rbx]
    hex rax, 4
    print " "
    mov eax, [rbx + 0x1ff000]
    hex rax, 4
    print " "
    ret

.balign 64
patched:
    mov eax, 0
    ret
