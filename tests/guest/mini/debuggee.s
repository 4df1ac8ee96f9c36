# A guest to be debugged: test_gdb.py stops it here and there, and lets it out of its endless loop. (No expectations here.)
.include "prelude.inc"
main:
    hook 0x30, nothing
    mov eax, cr4                        # SSE
    or eax, 0x200
    mov cr4, eax
    movups xmm1, [vector]
    mov ecx, 3
1:  call bump
    dec ecx
    jnz 1b
    mov eax, [other]
    xchg bx, bx                         # magic
after_magic:
    in al, 0x68
after_in:
    out 0x80, al
after_out:
    int 0x30
after_int:
    mov edi, offset buffer
    mov ecx, 5
    cld
strings:
    rep stosb
after_strings:
    cli
    sti
after_sti:
    nop
    cli
    mov edx, [0x00c00000]               # a device's registers, later RAM's
    mov eax, offset page_directory      # paging, and off again
    mov dword ptr [eax], 0x83
    mov ecx, cr4
    or ecx, 0x10
    mov cr4, ecx
load_cr3:
    mov cr3, eax
after_cr3:
    mov ecx, cr0
    or ecx, 0x80000000
    mov cr0, ecx
after_pg:
    and ecx, 0x7fffffff
    mov cr0, ecx
    mov dword ptr [watched_phys], 5
after_phys:
spin:
    cmp dword ptr [flag], 0
    je spin
    exit 0

nothing:
    ret

bump:
    inc dword ptr [counter]
bumped:
    ret

.data
    .balign 16
vector: .long 0x11111111, 0x22222222, 0x33333333, 0x44444444
counter: .long 0
other: .long 0
flag: .long 0
buffer: .fill 8, 1, 0
watched_phys: .long 0
    .balign 4096
page_directory: .fill 1024, 4, 0
.text
