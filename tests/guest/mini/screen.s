# For tests of displays: a text screen with every character and attribute (none blinks, no cursor), and what arrives
# from keyboard and mouse on the debug port, a byte a line. F1 shows 640x480 pixels in 32 bits, F2 moves a square on it,
# F3 goes back to text, F4 sets a cursor at row 10, column 20, F10 ends the run.
.include "prelude.inc"

.macro dispi index, value
    mov dx, 0x1ce
    mov ax, \index
    out dx, ax
    inc dx
    mov ax, \value
    out dx, ax
.endm

.macro reg port, index, value
    mov dx, \port
    mov ax, \index | \value << 8
    out dx, ax
.endm

.macro kbc port, value
    call wait_empty
    mov al, \value
    out \port, al
.endm

main:
    mov dx, 0xcf8
    mov eax, 0x80001010
    out dx, eax
    mov dx, 0xcfc
    in eax, dx
    and eax, 0xfffffff0
    mov [lfb], eax
    call text
    kbc 0x64, 0xa8              # a mouse
    kbc 0x64, 0xd4
    kbc 0x60, 0xf4
1:  in al, 0x64                 # its acknowledgement
    test al, 1
    jz 1b
    in al, 0x60
    kbc 0x64, 0x60              # interrupts of both, codes of set 1
    kbc 0x60, 0x43
    mov esi, offset interrupts
    xor edx, edx
1:  mov dl, [esi]
    mov al, [esi + 1]
    out dx, al
    add esi, 2
    cmp byte ptr [esi], 0
    jne 1b
    hook 0x21, input
    hook 0x2c, input
    print "ready\n"
1:  sti
    hlt
    jmp 1b

input:
    in al, 0x64
    mov bl, al
    in al, 0x60
    movzx ecx, al
    mov al, 0x20
    out 0x20, al
    test bl, 0x20
    jnz from_mouse
    print "k"
    hex ecx, 2
    newline
    mov esi, offset actions
1:  mov eax, [esi]
    test eax, eax
    jz 3f
    cmp eax, ecx
    je 2f
    add esi, 8
    jmp 1b
2:  call [esi + 4]
3:  ret

from_mouse:
    mov al, 0x20
    out 0xa0, al
    print "m"
    hex ecx, 2
    newline
    ret

wait_empty:
    in al, 0x64
    test al, 2
    jnz wait_empty
    ret

text:
    dispi 4, 0
    reg 0x3ce, 5, 0x10          # what dispi has changed
    reg 0x3ce, 6, 0x0e
    reg 0x3c4, 2, 3
    reg 0x3c4, 4, 2
    reg 0x3d4, 0x0a, 0x20
    mov edi, 0xb8000
    xor ecx, ecx
1:  mov eax, ecx
    shr eax, 4
    and eax, 0x7f
    mov ah, al
    mov al, cl
    mov [edi + ecx * 2], ax
    inc ecx
    cmp ecx, 2000
    jne 1b
    print "text\n"
    ret

cursor:
    reg 0x3d4, 0x0e, 0x03       # 10 * 80 + 20
    reg 0x3d4, 0x0f, 0x34
    reg 0x3d4, 0x0a, 0x0d
    print "cursor\n"
    ret

graphics:
    dispi 4, 0
    dispi 1, 640
    dispi 2, 480
    dispi 3, 32
    dispi 4, 0x41
    mov edi, [lfb]
    xor ebx, ebx                # y
1:  xor ecx, ecx                # x
2:  mov eax, ecx
    shl eax, 8
    add eax, ebx
    imul eax, eax, 0x101
    and eax, 0xffffff
    mov [edi], eax
    add edi, 4
    inc ecx
    cmp ecx, 640
    jne 2b
    inc ebx
    cmp ebx, 480
    jne 1b
    print "graphics\n"
    ret

square:
    mov edi, [lfb]
    mov eax, [place]
    add dword ptr [place], 16
    imul eax, eax, 641 * 4
    add edi, eax
    mov ebx, 20
1:  mov ecx, 20
2:  mov dword ptr [edi + ecx * 4], 0xff8000
    loop 2b
    add edi, 640 * 4
    dec ebx
    jnz 1b
    print "square\n"
    ret

quit:
    exit 0

.data
.balign 4
lfb: .long 0
place: .long 100
# ports and values: the 8259s at 20h and 28h, with lines 1, 2 and 12
interrupts: .byte 0x20, 0x11, 0x21, 0x20, 0x21, 4, 0x21, 1, 0xa0, 0x11, 0xa1, 0x28, 0xa1, 2, 0xa1, 1
    .byte 0x21, 0xf9, 0xa1, 0xef, 0
.balign 4
actions: .long 0x3b, graphics, 0x3c, square, 0x3d, text, 0x3e, cursor, 0x44, quit, 0
