# A Multiboot kernel (addresses in its header) that prints what it has been told: test_boot.py knows what.
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

.macro print text
    .pushsection .rodata
9900\@: .asciz "\text"
    .popsection
    mov esi, offset 9900\@b
    call puts
.endm

puts:
1:  lodsb
    test al, al
    jz 2f
    out 0xe9, al
    jmp 1b
2:  ret

main:
    mov esp, 0x90000
    mov ebp, ebx
    cmp eax, 0x2badb002
    jne bad
    mov eax, 0x10               # the selectors of the loader's GDT load again
    mov ds, eax
    mov es, eax
    mov ss, eax
    jmp 0x08:1f
1:  mov esi, [ebp + 16]
    call puts
    print "\n"
    mov ebx, [ebp + 20]         # modules
    mov edi, [ebp + 24]
1:  test ebx, ebx
    jz 2f
    mov esi, [edi + 8]
    call puts
    print ": "
    mov esi, [edi]
    mov ecx, [edi + 4]
    sub ecx, esi
    mov edx, 0xe9
    rep outsb
    print "\n"
    add edi, 16
    dec ebx
    jmp 1b
2:  mov edi, [ebp + 48]         # memory map: the size of RAM in MiB, as letters
    xor ebx, ebx
1:  cmp dword ptr [edi + 20], 1
    jne 3f
    add ebx, [edi + 12]
3:  add edi, [edi]
    add edi, 4
    mov eax, [ebp + 48]
    add eax, [ebp + 44]
    cmp edi, eax
    jb 1b
    add ebx, 0xfffff
    shr ebx, 20
    lea eax, [ebx + 'A']
    out 0xe9, al
    print "\n"
    mov eax, 0x20
    out 0xf4, eax
bad:
    cli
    hlt
