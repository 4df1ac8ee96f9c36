# A VGA from the guest's side: the text screen that firmware left, retrace, mode 13h, mode X and 640x480 in 16 colours
# by registers, a linear 32-bit mode, and code that runs in video memory and is changed by another way to it.
#! out text 0772074f
#! out retrace ok
#! out 13h 09080706
#! out linear 09080706 sum 007c8300
#! out mode X 47464544
#! out planar 81 42 18 24
#! out copied 18181818
#! out compare 24
#! out dispi b0c5 0280 01e0 0020
#! out pixel 00123456 row 00123456
#! out code 00000001
#! out code 00000002
#! out code 00000003
.include "prelude.inc"

.macro reg port, index, value
    mov dx, \port
    mov ax, \index | \value << 8
    out dx, ax
.endm

.macro dispi index, value
    mov dx, 0x1ce
    mov ax, \index
    out dx, ax
    inc dx
    mov ax, \value
    out dx, ax
.endm

main:
    mov dx, 0xcf8                       # where the linear memory is
    mov eax, 0x80001010
    out dx, eax
    mov dx, 0xcfc
    in eax, dx
    and eax, 0xfffffff0
    mov [lfb], eax

    print "text "
    hex [0xb8000]
    newline
    mov dx, 0x3da                       # two retraces: neither wait may last for ever
    mov ebx, 2
1:  in al, dx
    test al, 8
    jnz 1b
2:  in al, dx
    test al, 8
    jz 2b
    dec ebx
    jnz 1b
    print "retrace ok\n"

    mov esi, offset mode_13
    call set_mode
    mov edi, 0xa0000
    xor eax, eax
1:  mov [edi], al
    inc edi
    inc eax
    cmp eax, 64000
    jne 1b
    print "13h "
    hex [0xa0006]
    newline
    mov esi, [lfb]
    print "linear "
    hex [esi+6]
    xor ebx, ebx
    mov ecx, 64000
    cld
1:  lodsb
    movzx eax, al
    add ebx, eax
    loop 1b
    print " sum "
    hex ebx
    newline

    reg 0x3c4, 4, 0x06                  # mode X: each plane by itself
    reg 0x3d4, 0x14, 0x00
    reg 0x3d4, 0x17, 0xe3
    mov ebx, 0
1:  mov ecx, ebx
    mov eax, 0x100
    shl eax, cl
    or eax, 2
    mov dx, 0x3c4
    out dx, ax
    mov edi, 0xa0000
    mov ecx, 16000
    lea eax, [ebx + 0x44]
    rep stosb
    inc ebx
    cmp ebx, 4
    jne 1b
    print "mode X "
    mov esi, [lfb]
    hex [esi+63996]
    newline

    mov esi, offset mode_12
    call set_mode
    mov edi, 0xa0000
    mov ecx, 38400 / 4
    xor eax, eax
    rep stosd
    reg 0x3ce, 5, 2                     # a pixel a plane: colours by write mode 2
    mov ebx, 3
1:  mov ah, pixels[ebx]
    mov al, 8
    mov dx, 0x3ce
    out dx, ax
    mov al, [0xa0000]                   # latches
    mov ecx, ebx
    mov eax, 1
    shl eax, cl
    mov [0xa0000], al
    dec ebx
    jns 1b
    reg 0x3ce, 8, 0xff
    print "planar"
    xor ebx, ebx
1:  mov ah, bl
    mov al, 4
    mov dx, 0x3ce
    out dx, ax
    mov al, [0xa0000]
    movzx eax, al
    print " "
    hex eax, 2
    inc ebx
    cmp ebx, 4
    jne 1b
    newline
    reg 0x3ce, 5, 0                     # a byte to all planes, then on by the latches
    mov byte ptr [0xa0100], 0x18
    reg 0x3ce, 5, 1
    mov esi, 0xa0100
    mov edi, 0xa0200
    mov ecx, 40
    rep movsb                           # (the first only is 18)
    print "copied "
    mov esi, [lfb]
    hex [esi+0x800]
    newline
    reg 0x3ce, 5, 8                     # read mode 1: where is no plane but the last set?
    reg 0x3ce, 2, 8
    reg 0x3ce, 7, 7
    mov al, [0xa0000]
    movzx eax, al
    print "compare "
    hex eax, 2
    newline

    dispi 1, 640
    dispi 2, 480
    dispi 3, 32
    dispi 4, 0x41
    print "dispi"
    xor ebx, ebx
1:  mov dx, 0x1ce
    mov eax, ebx
    out dx, ax
    inc dx
    in ax, dx
    movzx eax, ax
    print " "
    hex eax, 4
    inc ebx
    cmp ebx, 4
    jne 1b
    newline
    mov edi, [lfb]
    mov ecx, 640 * 480
    mov eax, 0x123456
    rep stosd
    print "pixel "
    mov esi, [lfb]
    hex [esi+640*480*4-4]
    dispi 5, 1                          # the second bank, in the window
    print " row "
    hex [0xa0000]
    newline

    mov edi, [lfb]                      # MOV EAX, imm32; RET in the second bank
    add edi, 0x10000
    mov byte ptr [edi], 0xb8
    mov dword ptr [edi + 1], 1
    mov byte ptr [edi + 5], 0xc3
    mov ebx, 3
1:  mov ecx, 50
2:  call edi
    loop 2b
    print "code "
    hex eax
    newline
    inc byte ptr [0xa0001]
    dec ebx
    jnz 1b
    exit 0

# ESI: miscellaneous output, 5, 25, 9 and 21 registers
set_mode:
    mov dx, 0x3c2
    lodsb
    out dx, al
    mov dx, 0x3d4
    mov ax, 0x11
    out dx, ax
    mov edi, offset groups
1:  movzx edx, word ptr [edi]
    movzx ecx, word ptr [edi + 2]
    xor ebx, ebx
2:  lodsb
    mov ah, al
    mov al, bl
    out dx, ax
    inc ebx
    loop 2b
    add edi, 4
    cmp edi, offset groups_end
    jne 1b
    mov dx, 0x3da
    in al, dx
    mov dx, 0x3c0
    xor ebx, ebx
3:  mov al, bl
    out dx, al
    lodsb
    out dx, al
    inc ebx
    cmp ebx, 21
    jne 3b
    mov al, 0x20
    out dx, al
    ret

.data
lfb:    .long 0
groups: .word 0x3c4, 5, 0x3d4, 25, 0x3ce, 9
groups_end:
pixels: .byte 0x81, 0x42, 0x18, 0xff
mode_13:
    .byte 0x63, 3, 1, 0x0f, 0, 0x0e
    .byte 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0
    .byte 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff
    .byte 0, 0, 0, 0, 0, 0x40, 5, 0x0f, 0xff
    .byte 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 0x0f, 0, 0
mode_12:
    .byte 0xe3, 3, 1, 0x0f, 0, 6
    .byte 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0
    .byte 0xea, 0x8c, 0xdf, 0x28, 0, 0xe7, 4, 0xe3, 0xff
    .byte 0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff
    .byte 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 1, 0, 0x0f, 0, 0
