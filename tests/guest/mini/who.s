# Writes to memory in every way there is, for test_trace.py: by instructions of all sizes, strings, pushes of interrupts
# and exceptions, the page walk, a disk's DMA, the same bytes again and again; then it halts for ever.
.include "prelude.inc"
.equ BUFFER, 0x200000
.equ PAGES, 0x300000
main:
    mov edi, offset PAGES               # a page directory and a table of 4 MiB, one to one
    mov dword ptr [edi], offset PAGES + 0x1003
    mov ecx, 1024
    mov eax, 3
    lea edi, [edi + 0x1000]
1:  mov [edi], eax
    add edi, 4
    add eax, 0x1000
    dec ecx
    jnz 1b
    mov eax, offset PAGES
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax

    mov al, 0x11                        # the PIT, vector 20h
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34
    out 0x43, al
    mov al, 10
    out 0x40, al
    mov al, 0
    out 0x40, al
    hook 0x20, tick
    sti

    mov edx, offset dma                 # pairs of port and value: the 8237 copies memory
    mov ecx, 17
1:  push edx
    mov ax, [edx]
    movzx edx, al
    shr eax, 8
    out dx, al
    pop edx
    add edx, 2
    loop 1b

    mov ebp, 12345                      # pseudo-random numbers
    mov ecx, 3000
next:
    imul ebp, ebp, 1103515245
    add ebp, 12345
    mov eax, ebp
    shr eax, 8
    and eax, 0xfff
    mov [BUFFER + eax], ebp
    mov [BUFFER + 0x1000 + eax], bp
    mov eax, ebp
    shr eax, 20
    xor [BUFFER + eax], al
    add word ptr [BUFFER + 0xffe], 3
    test ebp, 0x3f0000
    jnz 2f
    pushad
    mov edi, offset BUFFER + 0x2000
    mov esi, offset BUFFER
    mov ecx, 200
    rep movsb
    mov ecx, 40
    mov eax, ebp
    rep stosd
    mov eax, cr3                        # so that A and D are set anew
    and dword ptr [PAGES + 0x1000 + 0x203 * 4], 0xffffff9f
    mov cr3, eax
    mov [BUFFER + 0x3000], eax
    resume_at 3f
    ud2
3:  popad
2:  dec ecx
    jnz next
    cli
    hlt

tick:
    mov al, 0x20
    out 0x20, al
    inc dword ptr [BUFFER + 0x4000]
    ret

dma:
    .byte 0x0c, 0, 0x0b, 0x88, 0x0b, 0x85, 0x00, 0, 0x00, 0, 0x87, 0x20    # from 200000h
    .byte 0x02, 0x00, 0x02, 0x50, 0x83, 0x20                              # to 205000h
    .byte 0x01, 0x3f, 0x01, 0, 0x03, 0x3f, 0x03, 0                        # 40h bytes
    .byte 0x08, 1, 0x0e, 0, 0x09, 4, 0x80, 0                              # memory to memory, unmask, now
