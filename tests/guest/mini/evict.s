# More code than the code cache holds: 40,000 functions, called three times over, in a cache of 1 MiB.
#! cache 1
#! out sums 8f0c2da0
#! out chain 00009c40
.include "prelude.inc"
.equ CODE, 0x400000
.equ COUNT, 40000
main:
    mov edi, CODE                       # function n: ADD EBX, n; XOR EDX, n; RET (13 bytes), 16 bytes apart
    xor ecx, ecx
1:  mov word ptr [edi], 0xc381
    mov [edi + 2], ecx
    mov word ptr [edi + 6], 0xf281
    mov [edi + 8], ecx
    mov byte ptr [edi + 12], 0xc3
    add edi, 16
    inc ecx
    cmp ecx, COUNT
    jb 1b
    print "sums "
    xor ebx, ebx
    xor edx, edx
    mov ebp, 3
2:  mov esi, CODE
    mov ecx, COUNT
3:  call esi
    add esi, 16
    loop 3b
    dec ebp
    jnz 2b
    add ebx, edx
    hex ebx
    newline

    print "chain "                      # function n: INC EBX; JMP to the next; the last one returns
    mov edi, CODE
    mov ecx, COUNT
4:  mov byte ptr [edi], 0x43
    mov byte ptr [edi + 1], 0xe9
    mov dword ptr [edi + 2], 10
    add edi, 16
    loop 4b
    mov byte ptr [edi - 15], 0xc3
    mov esi, CODE
    mov ebp, 3
5:  xor ebx, ebx
    call esi
    dec ebp
    jnz 5b
    hex ebx
    newline
    exit 0
