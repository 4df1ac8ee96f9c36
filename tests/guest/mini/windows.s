# 16-bit protected mode at ring 3, under paging: what a segment shows changes while programs use it. Limits with nothing
# committed, segments loaded anew, stacks that wrap, code beside data, pages that move, go and become read-only.
#! out ring 0 7777 1008 1009 5555
#! out sum b802
#! out #0d 0000 1111
#! out #0d 0000 1111
#! out #0d 0000 1111
#! out #0d 0000 1111
#! out value 002f
#! out #0d 0000 1111
#! out value 1008
#! out value 0ffe
#! out value 1008
#! out #0d 0000 1111
#! out value abcd
#! out value 5678
#! out value 1234
#! out #0c 0000 1111
#! out #0c 0000 1111
#! out #0c 0000 1111
#! out value fffe
#! out value 0333
#! out value 0706
#! out value 0001
#! out value 0002
#! out value 0003
#! out value 7777
#! out value 1006
#! out #0e 0007 1111 cr2 0003100e
#! out value 1006
#! out #0e 0004 1111 cr2 0003100e
#! out value 2222
.include "prelude.inc"
.equ CODE16, 0x20000
.equ TABLES, 0x300000

main:
    mov esi, offset code16
    mov edi, CODE16
    mov ecx, offset code16_end - code16
    rep movsb
    segment 0x40, CODE16, 0xffff, 0xfb, 0
    segment 0x48, 0x30008, 0x2ffd, 0xf3, 0
    segment 0x50, 0x31010, 0xfff, 0xf3, 0
    segment 0x58, 0x50000, 0xffff, 0xf3, 0
    segment 0x60, CODE16, 0xffff, 0xf3, 0
    hook 0x0c, fault
    hook 0x0d, fault
    hook 0x0e, fault
    hook 0x30, service
    mov edi, TABLES + 0x1000            # 4 MiB for everybody
    mov eax, 7
    mov ecx, 1024
1:  stosd
    add eax, 0x1000
    loop 1b
    mov dword ptr [TABLES], TABLES + 0x1007
    mov eax, TABLES
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80010000
    mov cr0, eax
    segment 0x68, CODE16, 0xffff, 0x9b, 0
    mov word ptr [0x31010], 0x1008
    mov word ptr [0x31012], 0x1009
    mov word ptr [0x71010], 0x7777
    call 0x68:(ring0 - code16)
    print "ring 0 "
    hex ebx, 4
    print " "
    hex ecx, 4
    print " "
    hex edx, 4
    print " "
    hex [0x71012], 4
    newline
    mov word ptr [0x7100e], 0x7777
    push 0x5b
    push 0x8000
    push 2
    push 0x43
    push 0
    iretd

# Prints what fault it was and AX, and goes on at DI.
fault:
    print "#"
    hex [ebx], 2
    print " "
    hex [ebx+frame_error], 4
    print " "
    hex [ebx+frame_eax], 4
    cmp dword ptr [ebx], 14
    jne 1f
    print " cr2 "
    mov eax, cr2
    hex eax
1:  newline
    movzx eax, word ptr [ebx + frame_edi]
    mov [ebx + frame_eip], eax
    ret

# INT 30: CL = 0 prints AX; 1 to 4: page 31000 is elsewhere, back and read-only, not there, there; 5: the sum; 6: the end
service:
    mov ecx, [ebx + frame_ecx]
    cmp cl, 6
    je 7f
    cmp cl, 5
    je 5f
    cmp cl, 0
    je 6f
    movzx ecx, cl
    mov eax, [pages + ecx * 4 - 4]
    mov [TABLES + 0x1000 + 0x31 * 4], eax
    invlpg [0x31000]
    ret
5:  print "sum "
    jmp 8f
6:  print "value "
8:  hex [ebx+frame_eax], 4
    newline
    ret
7:  exit 0
.data
pages: .long 0x71007, 0x31005, 0x31000, 0x31007
.text

.macro show
    xor cl, cl
    int 0x30
.endm
.macro ask what
    mov cl, \what
    int 0x30
.endm
.macro stops insn:vararg
    mov di, offset 1f - code16
    \insn
    mov ax, 0xbad
    show
1:
.endm

.code16
code16:
    mov ax, 0x4b                        # every word its own offset, and the sum of them
    mov ds, ax
    xor bx, bx
1:  mov [bx], bx
    add bx, 2
    cmp bx, 0x2ffc
    jbe 1b
    xor ax, ax
    xor bx, bx
1:  add ax, [bx]
    add bx, 2
    cmp bx, 0x2ffc
    jbe 1b
    ask 5

    mov ax, 0x1111                      # limits
    mov ebx, 0x10000
    stops mov ax, [0x2ffd]
    stops mov [0x2ffd], ax
    stops add word ptr [0x2ffd], 1
    stops mov al, [ebx]
    mov al, [0x2ffd]
    xor ah, ah
    show
    mov ax, 0x1111
    stops mov eax, [0x2ffb]

    mov bx, [0x1000]                    # another segment, in the middle of it, and back
    mov dx, 0x53
    mov ds, dx
    mov ax, [0]
    mov dx, 0x4b
    mov ds, dx
    mov bx, [0xffe]
    mov dx, 0x53
    mov ds, dx
    mov si, [0]
    show
    mov ax, bx
    show
    mov ax, si
    show
    mov word ptr [0xffe], 0xabcd
    mov ax, 0x1111
    stops mov [0xfff], ax
    mov dx, 0x4b
    mov ds, dx
    mov ax, [0x1008 + 0xffe]
    show

    mov sp, 2                           # the stack wraps between words, not in one
    mov ax, 0x1234
    push ax
    mov ax, 0x5678
    push ax
    pop ax
    show
    pop ax
    show
    mov ax, 0x1111
    mov sp, 1
    stops push ax
    mov bp, 0xffff
    stops mov ax, [bp]
    mov bp, 0xfffd
    stops add dword ptr [bp], 0x100
    mov sp, 4
    push ax                             # 2
    push ax                             # 0
    push ax                             # fffe
    mov ax, sp
    show
    mov sp, 0x8000
    mov ax, 0x111
    push ax
    mov dx, 0x222
    push dx
    mov bp, sp
    add ax, [bp]
    add [bp + 2], dx
    pop dx
    pop ax
    show

    mov ax, 0x63                        # data beside code, written all the time
    mov ds, ax
    mov dx, 3
    xor bx, bx
1:  mov ax, [counter - code16]
    inc ax
    mov [counter - code16], ax
    mov byte ptr [patch - code16 + 1], dl
    xor ax, ax
patch:
    mov al, 0
    add bx, ax
    dec dx
    jnz 1b
    mov ah, [counter - code16]
    mov al, bl
    show

    mov bx, 0x4000                      # data that becomes code, and is written again
    mov si, 0x100
1:  mov [bx], bx
    add bx, 2
    dec si
    jnz 1b
    mov byte ptr [0x4000], 0xb8         # MOV AX, 1; RET
    mov word ptr [0x4001], 1
    mov byte ptr [0x4003], 0xc3
    mov bx, 0x4000
    call bx
    mov bp, ax
    mov word ptr [0x4001], 2
    call bx
    mov si, ax
    mov ax, bp
    show
    mov ax, si
    show
    mov word ptr [0x4001], 3
    call bx
    show

    mov ax, 0x4b                        # pages
    mov ds, ax
    mov ax, [0x1004]
    ask 1
    mov ax, [0x1006]
    show
    ask 2
    mov ax, [0x1006]
    show
    mov ax, 0x1111
    stops mov [0x1006], ax
    mov ax, [0x1006]
    show
    ask 3
    mov ax, 0x1111
    stops mov ax, [0x1006]
    ask 4
    mov word ptr [0x1006], 0x2222
    mov ax, [0x1006]
    show
    ask 6

ring0:                                  # INVLPG and a window that has been in use
    mov dx, 0x50
    mov ds, dx
    mov ax, 0x5555
    mov bx, [0]
    mov cx, [2]
    mov [2], cx
    mov edi, TABLES + 0x1000 + 0x31 * 4
    mov dword ptr es:[edi], 0x71007
    invlpg [0]
    mov bx, [0]
    mov [2], ax
    mov dword ptr es:[edi], 0x31007
    mov esi, cr3
    mov cr3, esi
    mov cx, [0]
    mov dx, [2]
    mov si, 0x18
    mov ds, si
    .byte 0x66
    retf
counter:
    .word 4
code16_end:
