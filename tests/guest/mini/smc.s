# Code that changes itself: in its own block, before each call, across a page, through another mapping, by REP; and
# data and code in one line.
#! out immediate 00000002
#! out same block 00000022
#! out called 00000fa0
#! out next byte 00000077
#! out rep 00000005
#! out crossing 11223344 55667788
#! out shared line 000003e8
#! out opcode 00000000 00000001
#! out alias 0000abcd
#! out backwards 00000009
.include "prelude.inc"
main:
    # The next instruction's immediate, by an instruction of the same block.
    print "immediate "
    mov byte ptr [1f + 1], 2
1:  mov eax, 1
    hex eax
    newline

    # Twice, the second time with the block known.
    print "same block "
    xor ecx, ecx
    xor ebx, ebx
2:  mov eax, ecx
    add eax, 0x10
    mov [3f + 2], al
3:  add ebx, 0
    inc ecx
    cmp ecx, 3
    jb 2b
    sub ebx, 0x11
    hex ebx                         # 10 + 11 + 12 - 11
    newline

    # A function patched before each of 4000 calls.
    print "called "
    xor esi, esi
    mov ecx, 4000
4:  mov [function + 1], ecx
    call function
    cmp eax, ecx
    jne 5f
    inc esi
5:  loop 4b
    hex esi
    newline

    # The byte right behind the store.
    print "next byte "
    mov edi, offset 6f + 1
    mov al, 0x77
    stosb
6:  mov bl, 0
    movzx ebx, bl
    hex ebx
    newline

    # REP STOSB over the instructions that follow it: NOPs take the place of the INCs but five.
    print "rep "
    xor ebx, ebx
    mov edi, offset 7f
    mov ecx, 5
    mov al, 0x90
    rep stosb
7:  .rept 10
    .byte 0x43                      # INC EBX
    .endr
    hex ebx
    newline

    # An instruction across a page boundary: both of its parts change.
    print "crossing "
    mov esi, offset crossing
    mov edi, 0x300ffd
    mov ecx, offset crossing_end - crossing
    rep movsb
    mov edx, 0x300ffd
    call edx
    hex eax
    print " "
    mov dword ptr [0x300ffe], 0x55667788
    call edx
    hex eax
    newline

    # A counter in the same 64 bytes as the loop that counts.
    print "shared line "
    mov esi, offset counting
    mov edi, 0x302000
    mov ecx, offset counting_end - counting
    rep movsb
    mov edx, 0x302000
    call edx
    hex [0x302030]
    newline

    # INC becomes DEC.
    print "opcode "
    mov ecx, 1
    mov byte ptr [8f], 0x49
8:  inc ecx
    hex ecx
    print " "
    mov byte ptr [8b], 0x41
    mov ecx, 0
    mov byte ptr [9f], 0x41
9:  dec ecx
    hex ecx
    newline

    # Paging: page 0x400000 also shows at 0x800000; patched there, run here.
    print "alias "
    mov dword ptr [0x380000], 0x381003
    mov ecx, 1024
    mov edi, 0x381000
    mov eax, 3
10: mov [edi], eax
    add edi, 4
    add eax, 0x1000
    loop 10b
    mov dword ptr [0x380004], 0x382003
    mov dword ptr [0x380008], 0x383003
    mov dword ptr [0x382000], 0x400003
    mov dword ptr [0x383000], 0x400003
    mov byte ptr [0x400000], 0xb8       # MOV EAX, imm32; RET
    mov dword ptr [0x400001], 0x1234
    mov byte ptr [0x400005], 0xc3
    mov eax, 0x380000
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp 1f
1:  mov ebx, 0x400000
    call ebx
    mov dword ptr [0x800001], 0xabcd
    call ebx
    hex eax
    newline
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    jmp 1f

    # A store to code already run in this block, jumped to afterwards.
1:  print "backwards "
    xor ebx, ebx
    xor ecx, ecx
2:  add ebx, 1
    add byte ptr [2b + 2], 1
    add byte ptr [2b + 2], 1
    inc ecx
    cmp ecx, 3
    jb 2b
    hex ebx                             # 1 + 3 + 5
    newline
    exit 0

.balign 64
function:
    mov eax, 0
    ret

crossing:                               # at 300ffd: B8 | imm32 over the boundary
    mov eax, 0x11223344
    ret
crossing_end:

counting:
    mov ecx, 1000
1:  inc dword ptr [0x302030]
    loop 1b
    ret
counting_end:
