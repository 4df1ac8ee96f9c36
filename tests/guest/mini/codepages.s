# Code and pages: an instruction whose second page is missing, on both sides of a change of the mapping; code patched
# through another mapping in the same block, and by a store that only ends in its page; code where there is no memory.
#! out both there 11111111
#! out second missing #0e 0000 cr2 00501000
#! out another 22221111
#! out first missing #0e 0000 cr2 00500ffd
#! out both missing #0e 0000 cr2 00500ffd
#! out alias 01 02 03 
#! out crossing store 02
#! out nowhere #06 0000
.include "prelude.inc"
.equ EDGE, 0x500ffd                     # MOV EAX, imm32 over the end of a page
.equ ALIAS, 0x600000                    # shows the page of `here`

.macro map linear, physical
    mov dword ptr [0x381000 + (\linear >> 12) * 4], \physical
    invlpg [\linear]
.endm

main:
    mov dword ptr [0x380000], 0x381003  # 8 MiB one to one
    mov dword ptr [0x380004], 0x382003
    mov ecx, 2048
    mov edi, 0x381000
    mov eax, 3
1:  mov [edi], eax
    add edi, 4
    add eax, 0x1000
    loop 1b
    mov eax, 0x380000
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp 1f

1:  mov byte ptr [EDGE], 0xb8
    mov dword ptr [EDGE + 1], 0x11111111
    mov byte ptr [EDGE + 5], 0xc3
    mov ebx, EDGE
    call ebx
    print "both there "
    hex eax
    newline
    map 0x501000, 0
    print "second missing "
    mov dword ptr [origin], EDGE
    resume_at 1f
    mov edi, esp
    call ebx
1:  mov esp, edi
    map 0x501000, 0x601003              # another page there
    mov dword ptr [0x601000], 0xc32222
    call ebx
    print "another "
    hex eax
    newline
    map 0x500000, 0
    print "first missing "
    mov dword ptr [origin], EDGE
    resume_at 1f
    call ebx
1:  mov esp, edi
    map 0x501000, 0
    print "both missing "
    mov dword ptr [origin], EDGE
    resume_at 1f
    call ebx
1:  mov esp, edi
    map 0x500000, 0x500003

    print "alias "                      # the next instruction, patched elsewhere
    mov eax, offset here
    and eax, 0xfffff000
    or eax, 3
    mov [0x381000 + (ALIAS >> 12) * 4], eax
    mov esi, offset here + 1
    and esi, 0xfff
    xor ecx, ecx
2:  inc ecx
    mov byte ptr [ALIAS + esi], cl
here:
    mov al, 0
    hex eax, 2
    print " "
    cmp ecx, 3
    jb 2b
    newline

    print "crossing store "             # its last byte is the code's first
    map 0x501000, 0x501003
    mov dword ptr [0x501000], 0xc34040  # INC EAX; INC EAX; RET
    mov ebx, 0x501000
    xor eax, eax
    call ebx
    mov dword ptr [0x500ffd], 0x48000000 # DEC EAX
    call ebx
    call ebx
    hex eax, 2
    newline

    print "nowhere "                    # ones: an opcode that is none
    mov dword ptr [0x380fe0], 0xfe000083 # large page at FE000000
    mov eax, cr4
    or eax, 0x10
    mov cr4, eax
    mov ebx, 0xfe000123
    mov dword ptr [origin], ebx
    resume_at 1f
    call ebx
1:  mov esp, edi
    exit 0
